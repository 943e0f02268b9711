/** What statements are compiled with. */
import type { PreParseTextTransformation, TextTransformation } from "@aws-sdk/client-wafv2";
import type { Check } from "./evaluation.ts";
import type { FieldToMatch, IpSetDocument, RegexPatternSetDocument } from "./model.ts";
import type { Plan, Slot, SlotValues } from "./plan.ts";

export interface Build {
  plan: Plan;
  /** @throws UnresolvedReference */
  ipSet(arn: string): IpSetDocument;
  /** @throws UnresolvedReference */
  regexPatternSet(arn: string): RegexPatternSetDocument;
}

/** A statement names a set or group that is not there (yet, or any more). */
export class UnresolvedReference extends Error {
  readonly arn: string;
  constructor(arn: string) {
    super(`nothing is known of ${arn}`);
    this.arn = arn;
  }
}

interface Inspecting {
  FieldToMatch: FieldToMatch | undefined;
  TextTransformations: TextTransformation[] | undefined;
  PreParseTextTransformations?: PreParseTextTransformation[] | undefined;
}

export function slotOf(statement: Inspecting, { plan }: Build): Slot {
  return plan.slot(statement.FieldToMatch!, statement.TextTransformations, statement.PreParseTextTransformations);
}

/** A statement about the values of a slot: oversize handling and fallbacks come first. */
export function onValues(slot: Slot, holds: (values: SlotValues) => boolean): Check {
  return (evaluation) => {
    const values = evaluation.values(slot);
    return values.extract.forced ?? holds(values);
  };
}
