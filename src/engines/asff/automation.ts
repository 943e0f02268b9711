/**
 * Automation rules: what they match is changed as a customer would change it, in the order of the rules; a terminal rule
 * that matched is the last. Pure. Source: Security Hub User Guide, "Automation rules in Security Hub".
 */
import { compileFilters, type Filters } from "./filters.ts";
import type { Kept } from "./importing.ts";
import { applyUpdate, type CustomerUpdate } from "./updating.ts";

export interface AutomationRule {
  RuleArn: string;
  RuleOrder: number;
  RuleStatus: "ENABLED" | "DISABLED";
  IsTerminal: boolean;
  Criteria: Filters;
  Actions: readonly { Type: "FINDING_FIELDS_UPDATE"; FindingFieldsUpdate: CustomerUpdate }[];
}

export type Automation = (kept: Kept, now: number, at: string) => Kept;

/** Rules compiled for a batch of findings. */
export function compileRules(rules: readonly AutomationRule[]): Automation {
  const enabled = rules
    .filter(({ RuleStatus }) => RuleStatus === "ENABLED")
    .toSorted((a, b) => a.RuleOrder - b.RuleOrder || (a.RuleArn < b.RuleArn ? -1 : 1))
    .map((rule) => ({ ...rule, matches: compileFilters(rule.Criteria) }));
  return (given, now, at) => {
    let kept = given;
    for (const { matches, Actions, IsTerminal } of enabled) {
      if (!matches(kept.finding, now)) continue;
      for (const { FindingFieldsUpdate } of Actions) kept = applyUpdate(kept, FindingFieldsUpdate, at);
      if (IsTerminal) break;
    }
    return kept;
  };
}
