/** In whose name a target is called: a role, or EventBridge with the rule as the source. */
import { createHash } from "node:crypto";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import type { BusEvent } from "../event.ts";
import { eventsPrincipal, type Delivery, type KeptTarget, type Place, type Rule } from "../state.ts";
import { rowOf } from "../targetKinds.ts";

/** Everything one attempt is about. */
export interface Attempt {
  place: Place;
  rule: Rule;
  target: KeptTarget;
  delivery: Delivery;
  event: BusEvent;
  /** What the target is given. */
  input: string;
}

export function clientsFor(ctx: JobContext, { place, rule, target }: Attempt, region = place.region): Clients {
  const where = { account: place.account, region, sourceArn: rule.arn };
  // A rule's own role is for its buses; what has a resource policy is called as EventBridge.
  const role = target.RoleArn ?? (rowOf(target.Arn ?? "")?.kind === "bus" ? rule.roleArn : undefined);
  if (role === undefined) return ctx.asService(eventsPrincipal, where);
  return ctx.asRole(role, sessionName(rule.arn), eventsPrincipal, where);
}

const sessionName = (arn: string): string => createHash("sha256").update(arn).digest("hex").slice(0, 32);
