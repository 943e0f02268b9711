/** Rules of a web ACL or rule group, compiled: in the order of their priority. */
import type { CaptchaConfig, ChallengeConfig, CustomResponseBody } from "@aws-sdk/client-wafv2";
import { insertedHeaders } from "./actions.ts";
import type { Build } from "./build.ts";
import type { InsertedHeader, RateRule, RuleAction } from "./contract.ts";
import type { Check } from "./evaluation.ts";
import type { Action, Rule, RuleGroupDocument } from "./model.ts";
import { defaultWindowSeconds, rateBased } from "./statements/rateBased.ts";
import { compileStatement } from "./statements/statement.ts";

export interface CompiledAction {
  action: RuleAction;
  settings: Action;
  inserted: readonly InsertedHeader[];
}

export interface CompiledRule {
  kind: "rule";
  name: string;
  type: "REGULAR" | "RATE_BASED";
  check: Check;
  applied: CompiledAction;
  /** The rule's own action where another has taken its place. */
  overridden: RuleAction | undefined;
  labels: readonly string[];
  metric: string;
  sampled: boolean;
  counted: boolean;
  captchaSeconds: number;
  challengeSeconds: number;
}

export interface CompiledGroup {
  kind: "group";
  /** Name of the rule that refers to it. */
  name: string;
  arn: string;
  rules: readonly CompiledRule[];
  /** The verdict of the group is counted only. */
  countOnly: boolean;
  bodies: Readonly<Record<string, CustomResponseBody>>;
  metric: string;
  sampled: boolean;
  counted: boolean;
}

export interface Owner {
  /** Prefix of the counters of rate-based rules: differs for each place a rule is used in. */
  counterPrefix: string;
  labelPrefix: string;
  captcha: CaptchaConfig | undefined;
  challenge: ChallengeConfig | undefined;
  rateRules: RateRule[];
}

/** Source: AWS WAF API Reference, ImmunityTimeProperty: 300 seconds unless told otherwise. */
const defaultImmunitySeconds = 300;

export function compileRule(
  rule: Rule,
  owner: Owner,
  build: Build,
  override?: { action: Action; excluded: boolean },
): CompiledRule {
  const own = compileAction(rule.Action ?? { Count: {} });
  const applied = override ? compileAction(override.action) : own;
  const rate = rule.Statement.RateBasedStatement;
  const visibility = rule.VisibilityConfig!;
  return {
    kind: "rule",
    name: rule.Name!,
    type: rate ? "RATE_BASED" : "REGULAR",
    check: rate ? compileRate(rule, owner, build) : compileStatement(rule.Statement, build),
    applied: override?.excluded ? { ...applied, action: "EXCLUDED_AS_COUNT" } : applied,
    overridden: override ? own.action : undefined,
    labels: (rule.RuleLabels ?? []).map(({ Name }) => owner.labelPrefix + Name!),
    metric: visibility.MetricName!,
    sampled: visibility.SampledRequestsEnabled!,
    counted: visibility.CloudWatchMetricsEnabled!,
    captchaSeconds: (rule.CaptchaConfig ?? owner.captcha)?.ImmunityTimeProperty?.ImmunityTime ?? defaultImmunitySeconds,
    challengeSeconds:
      (rule.ChallengeConfig ?? owner.challenge)?.ImmunityTimeProperty?.ImmunityTime ?? defaultImmunitySeconds,
  };
}

function compileRate(rule: Rule, owner: Owner, build: Build): Check {
  const statement = rule.Statement.RateBasedStatement!;
  const counter = `${owner.counterPrefix}|${rule.Name!}`;
  const scopeDown = statement.ScopeDownStatement && compileStatement(statement.ScopeDownStatement, build);
  owner.rateRules.push({
    counter,
    windowSeconds: statement.EvaluationWindowSec ?? defaultWindowSeconds,
    limit: statement.Limit!,
    keyedByAddress: statement.AggregateKeyType === "IP" || statement.AggregateKeyType === "FORWARDED_IP",
  });
  return rateBased(statement, scopeDown, build, { counter, name: rule.Name! });
}

export function compileGroup(rule: Rule, group: RuleGroupDocument, owner: Owner, build: Build): CompiledGroup {
  const statement = rule.Statement.RuleGroupReferenceStatement!;
  const overrides = new Map(
    (statement.RuleActionOverrides ?? []).map(({ Name, ActionToUse }) => [
      Name!,
      { action: ActionToUse!, excluded: false },
    ]),
  );
  for (const { Name } of statement.ExcludedRules ?? []) overrides.set(Name!, { action: { Count: {} }, excluded: true });
  const visibility = rule.VisibilityConfig!;
  return {
    kind: "group",
    name: rule.Name!,
    arn: group.arn,
    rules: byPriority(group.rules).map((each) => compileRule(each, owner, build, overrides.get(each.Name!))),
    countOnly: rule.OverrideAction?.Count !== undefined,
    bodies: group.customResponseBodies ?? {},
    metric: visibility.MetricName!,
    sampled: visibility.SampledRequestsEnabled!,
    counted: visibility.CloudWatchMetricsEnabled!,
  };
}

export const byPriority = (rules: readonly Rule[]): Rule[] => rules.toSorted((a, b) => a.Priority! - b.Priority!);

function compileAction(settings: Action): CompiledAction {
  const [action, handling] = settings.Allow
    ? (["ALLOW", settings.Allow.CustomRequestHandling] as const)
    : settings.Block
      ? (["BLOCK", undefined] as const)
      : settings.Captcha
        ? (["CAPTCHA", settings.Captcha.CustomRequestHandling] as const)
        : settings.Challenge
          ? (["CHALLENGE", settings.Challenge.CustomRequestHandling] as const)
          : (["COUNT", settings.Count?.CustomRequestHandling] as const);
  return { action, settings, inserted: insertedHeaders(handling) };
}
