/** Rules of listeners. Source: Elastic Load Balancing API Reference, CreateRule, ModifyRule, SetRulePriorities …. */
import type { CallContext } from "#gateway/context.ts";
import { readActions, showAction } from "../actions.ts";
import { newRuleArn } from "../arns.ts";
import { readConditions, showCondition } from "../conditions.ts";
import { notPermitted, priorityInUse, tooMany, validation } from "../errors.ts";
import { listenersOf, requireListener, requireRule } from "../find.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { saveListener } from "../save.ts";
import type { ElbHandlers } from "../sdk.ts";
import type { Listener, Rule } from "../state.ts";
import { withTags } from "../tags.ts";
import { holdTargetGroups } from "../targetGroupUse.ts";
import { readTransforms, showTransform } from "../transforms.ts";

const last = 50_001;
const sorted = (rules: readonly Rule[]): Rule[] =>
  rules.toSorted((one, other) => (one.priority ?? last) - (other.priority ?? last));

export function showRule(rule: Rule) {
  return {
    RuleArn: rule.arn,
    Priority: rule.priority === undefined ? "default" : String(rule.priority),
    Conditions: rule.conditions.map(showCondition),
    Actions: rule.actions.map(showAction),
    IsDefault: rule.priority === undefined,
    ...(rule.transforms.length > 0 ? { Transforms: rule.transforms.map(showTransform) } : {}),
  };
}

async function requireRoom(ctx: CallContext, listener: Listener): Promise<void> {
  const listeners = await listenersOf(ctx, listener.loadBalancer);
  // Default rules do not count.
  const count = listeners.reduce((sum, { rules }) => sum + rules.length - 1, 0);
  const most = quotas["rules-per-application-load-balancer"];
  if (count >= most)
    throw tooMany("Rules", `A load balancer can have at most '${most}' rules, not counting default rules`);
}

export const ruleHandlers: ElbHandlers = {
  async CreateRule(input, ctx) {
    const listener = await requireListener(ctx, input.ListenerArn ?? "");
    const priority = input.Priority ?? 0;
    const conditions = readConditions(input.Conditions ?? []);
    if (conditions.length === 0) throw validation("A condition must be specified");
    const arn = newRuleArn(ctx, listener.arn);
    const place = { rule: arn, protocol: listener.protocol, before: [] };
    const rule: Rule = {
      arn,
      priority,
      conditions,
      actions: await readActions(ctx, input.Actions ?? [], place),
      transforms: readTransforms(input.Transforms),
      tags: withTags({}, input.Tags),
    };
    if (listener.rules.some((each) => each.priority === priority)) throw priorityInUse(priority);
    await requireRoom(ctx, listener);
    await holdTargetGroups(ctx, listener.loadBalancer, [rule]);
    await saveListener(ctx, { ...listener, rules: sorted([...listener.rules, rule]) }, listener);
    return { Rules: [showRule(rule)] };
  },

  async DescribeRules(input, ctx) {
    const { ListenerArn: owner, RuleArns: arns } = input;
    if (!arns?.length === (owner === undefined)) {
      throw validation("You must specify either listener rule ARNs or a listener ARN");
    }
    const rules =
      owner === undefined
        ? await Promise.all(arns!.map(async (arn) => (await requireRule(ctx, arn)).rule))
        : (await requireListener(ctx, owner)).rules;
    const { items, NextMarker } = paged(rules, input);
    return { Rules: items.map(showRule), ...(NextMarker === undefined ? {} : { NextMarker }) };
  },

  /** What is not given stays as it is. */
  async ModifyRule(input, ctx) {
    const { listener, rule } = await requireRule(ctx, input.RuleArn ?? "");
    const { Conditions, Actions, Transforms, ResetTransforms: reset } = input;
    if (rule.priority === undefined) throw notPermitted("Default rules cannot be modified: modify their listener");
    if (Conditions === undefined && Actions === undefined && Transforms === undefined && !reset) {
      throw validation("Either conditions or actions must be specified");
    }
    if (Transforms?.length && reset) throw validation("You cannot specify both transforms and 'ResetTransforms'");
    const conditions = Conditions === undefined ? rule.conditions : readConditions(Conditions);
    if (conditions.length === 0) throw validation("A condition must be specified");
    const place = { rule: rule.arn, protocol: listener.protocol, before: rule.actions };
    const changed: Rule = {
      ...rule,
      conditions,
      actions: Actions === undefined ? rule.actions : await readActions(ctx, Actions, place),
      transforms: reset ? [] : Transforms === undefined ? rule.transforms : readTransforms(Transforms),
    };
    await holdTargetGroups(ctx, listener.loadBalancer, [changed]);
    const rules = listener.rules.map((each) => (each.arn === rule.arn ? changed : each));
    await saveListener(ctx, { ...listener, rules }, listener);
    return { Rules: [showRule(changed)] };
  },

  async DeleteRule(input, ctx) {
    const { listener, rule } = await requireRule(ctx, input.RuleArn ?? "");
    if (rule.priority === undefined) throw notPermitted(`Default rule '${rule.arn}' cannot be deleted`);
    const rules = listener.rules.filter(({ arn }) => arn !== rule.arn);
    await saveListener(ctx, { ...listener, rules }, listener);
    return {};
  },

  /** All at once: priorities can be exchanged. */
  async SetRulePriorities(input, ctx) {
    const given = input.RulePriorities ?? [];
    const wanted = new Map<string, number>();
    for (const { RuleArn: arn = "", Priority: priority = 0 } of given) {
      if (wanted.has(arn)) throw validation(`Rule '${arn}' was provided multiple times`);
      if ([...wanted.values()].includes(priority))
        throw validation(`Priority '${priority}' was provided multiple times`);
      wanted.set(arn, priority);
    }
    const found = await Promise.all([...wanted.keys()].map((arn) => requireRule(ctx, arn)));
    const changed = new Map<string, Listener>();
    for (const { listener, rule } of found) {
      if (rule.priority === undefined) throw notPermitted("The priority of a default rule cannot be changed");
      const current = changed.get(listener.arn) ?? listener;
      const priority = wanted.get(rule.arn)!;
      const rules = current.rules.map((each) => (each.arn === rule.arn ? { ...each, priority } : each));
      changed.set(listener.arn, { ...current, rules });
    }
    for (const listener of changed.values()) {
      const priorities = listener.rules.map(({ priority }) => priority);
      const twice = priorities.find((priority, index) => priorities.indexOf(priority) !== index);
      if (twice !== undefined) throw priorityInUse(twice);
      const after = { ...listener, rules: sorted(listener.rules) };
      await saveListener(ctx, after, listener);
    }
    const rules = [...changed.values()].flatMap((listener) => listener.rules.filter(({ arn }) => wanted.has(arn)));
    return { Rules: rules.map(showRule) };
  },
};
