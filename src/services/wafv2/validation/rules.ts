/**
 * The rules of a web ACL or rule group, checked and turned into what is kept.
 * Source: AWS WAF API Reference, Rule; Developer Guide, "Label syntax and naming requirements"; AWS WAF quotas.
 */
import type { Rule as GivenRule, RuleGroupReferenceStatement, VisibilityConfig } from "@aws-sdk/client-wafv2";
import type { Rule, RuleGroupDocument } from "#engines/waf/model.ts";
import { duplicate, invalidParameter, limitExceeded, notServed, reasons } from "../errors.ts";
import { checkAction, checkOverride, type Bodies } from "./actions.ts";
import { distinct, need } from "./parts.ts";
import { checkStatement, type References } from "./statements.ts";

export interface RuleReferences extends References {
  /** The group as the caller may use it. */
  ruleGroup(arn: string): Promise<RuleGroupDocument | undefined>;
}

const mostLabels = 100;
/** Source: Developer Guide, "Label syntax and naming requirements". */
const reservedWords = new Set(["awswaf", "aws", "waf", "rulegroup", "webacl", "regexpatternset", "ipset", "managed"]);

/** @throws WAFInvalidParameterException, WAFDuplicateItemException, WAFLimitsExceededException */
export async function checkRules(
  given: readonly GivenRule[] | undefined,
  owner: "webacl" | "rulegroup",
  bodies: Bodies,
  references: RuleReferences,
): Promise<Rule[]> {
  const rules = given ?? [];
  if (!distinct(rules.map(({ Name }) => Name)) || !distinct(rules.map(({ Priority }) => Priority))) throw duplicate();
  const checked: Rule[] = [];
  for (const rule of rules) checked.push(await checkRule(rule, owner, bodies, references));
  return checked;
}

async function checkRule(
  rule: GivenRule,
  owner: "webacl" | "rulegroup",
  bodies: Bodies,
  references: RuleReferences,
): Promise<Rule> {
  const statement = await checkStatement(rule.Statement, references);
  const reference = statement.RuleGroupReferenceStatement;
  if (reference) {
    need(owner === "webacl", "STATEMENT", "RuleGroupReferenceStatement", reasons.nesting);
    await checkGroup(reference, references);
  }
  // A rule that refers to a group has an override action, every other one an action.
  const fits = reference ? rule.OverrideAction && !rule.Action : rule.Action && !rule.OverrideAction;
  if (!fits) throw invalidParameter("RULE", "Rule", reasons.exactlyOne);
  if (rule.Action) checkAction(rule.Action, bodies);
  if (rule.OverrideAction) checkOverride(rule.OverrideAction);
  checkLabels(rule);
  checkVisibility(rule.VisibilityConfig);
  const immunity = rule.ChallengeConfig?.ImmunityTimeProperty?.ImmunityTime;
  need(immunity === undefined || immunity >= 300, "CHALLENGE_CONFIG", "ImmunityTime", reasons.minimum);
  return { ...rule, Statement: statement };
}

async function checkGroup(reference: RuleGroupReferenceStatement, references: RuleReferences): Promise<void> {
  const group = await references.ruleGroup(reference.ARN ?? "");
  if (!group) throw invalidParameter("RULE", "Statement", reasons.reference);
  const names = new Set(group.rules.map(({ Name }) => Name));
  const overrides = reference.RuleActionOverrides ?? [];
  need(
    distinct(overrides.map(({ Name }) => Name)),
    "RULE_GROUP_REFERENCE_STATEMENT",
    "RuleActionOverrides",
    reasons.duplicate,
  );
  for (const { Name, ActionToUse } of overrides) {
    need(names.has(Name), "RULE_GROUP_REFERENCE_STATEMENT", Name ?? "", reasons.reference);
    if (ActionToUse?.Block?.CustomResponse?.CustomResponseBodyKey !== undefined) {
      throw notServed(
        "RULE_ACTION",
        "CustomResponseBodyKey",
        "Bodies of the web ACL in overrides of a group's actions are",
      );
    }
    checkAction(ActionToUse!, {});
  }
  for (const { Name } of reference.ExcludedRules ?? [])
    need(names.has(Name), "EXCLUDED_RULE", Name ?? "", reasons.reference);
}

function checkLabels(rule: GivenRule): void {
  const labels = rule.RuleLabels ?? [];
  if (labels.length > mostLabels) throw limitExceeded();
  for (const { Name = "" } of labels) {
    const parts = Name.split(":");
    need(
      parts.every((part) => part !== "" && !reservedWords.has(part)),
      "RULE",
      Name,
    );
  }
}

/** `All` and `Default_Action` are names AWS uses itself. Source: API Reference, VisibilityConfig. */
export function checkVisibility(visibility: VisibilityConfig | undefined): void {
  need(visibility !== undefined, "METRIC_NAME", "VisibilityConfig");
  need(!/^(?:all|default_action)$/i.test(visibility?.MetricName ?? ""), "METRIC_NAME", visibility?.MetricName ?? "");
}
