/** Rule groups and what rules cost. Source: AWS WAF API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import { documentKey } from "#engines/waf/index.ts";
import type { RuleGroupDocument } from "#engines/waf/model.ts";
import { checkedScope, invalidParameter, limitExceeded, nonexistent, notServed, reasons } from "../errors.ts";
import { nextMarker, pageQuery } from "../paging.ts";
import { CallReferences, type WafSettings } from "../references.ts";
import { create, remove, summaryOf, update } from "../resources.ts";
import type { In, WafHandlers } from "../sdk.ts";
import { availableLabels, consumedLabels, groupNamespace, shownRules } from "../shown.ts";
import { kindOfArn, pathOfScope, type PolicyDocument, requireNamed, types } from "../state.ts";
import { checkBodies } from "../validation/actions.ts";
import { checkRules, checkVisibility } from "../validation/rules.ts";

/** Source: AWS WAF Developer Guide, "Web ACL capacity units": 5,000 for a rule group and for a web ACL. */
export const mostCapacity = 5_000;

export const ruleGroupHandlers = (settings: WafSettings) =>
  ({
    async CreateRuleGroup(input, ctx) {
      const { rules, needed } = await checked(ctx, input, input.Scope, settings);
      const capacity = input.Capacity!;
      if (capacity > mostCapacity) throw limitExceeded("RULE_GROUP");
      if (needed > capacity) throw invalidParameter("RULE_GROUP", "Capacity", reasons.minimum);
      const group = await create(ctx, "rulegroup", input, {
        capacity,
        rules,
        visibility: input.VisibilityConfig!,
        ...(input.CustomResponseBodies ? { customResponseBodies: input.CustomResponseBodies } : {}),
      });
      return { Summary: summaryOf(group) };
    },

    async GetRuleGroup(input, ctx) {
      const group = await requireGroup(ctx, input);
      return {
        RuleGroup: {
          Name: group.name,
          Id: group.id,
          ARN: group.arn,
          ...(group.description === undefined ? {} : { Description: group.description }),
          Capacity: group.capacity,
          Rules: shownRules(group.rules),
          VisibilityConfig: group.visibility,
          LabelNamespace: groupNamespace(group),
          AvailableLabels: availableLabels(group),
          ConsumedLabels: consumedLabels(group),
          ...(group.customResponseBodies ? { CustomResponseBodies: group.customResponseBodies } : {}),
        },
        LockToken: group.lockToken,
      };
    },

    async UpdateRuleGroup(input, ctx) {
      const before = await requireNamed(ctx, "rulegroup", input);
      const { rules, needed } = await checked(ctx, input, input.Scope, settings);
      if (needed > before.capacity) throw limitExceeded("RULE_GROUP");
      await keepOverridden(ctx, before, new Set(rules.map(({ Name }) => Name)));
      const { description: _, customResponseBodies: _bodies, ...rest } = before;
      const changed: RuleGroupDocument = {
        ...rest,
        rules,
        visibility: input.VisibilityConfig!,
        ...(input.Description === undefined ? {} : { description: input.Description }),
        ...(input.CustomResponseBodies ? { customResponseBodies: input.CustomResponseBodies } : {}),
      };
      return { NextLockToken: await update(ctx, "rulegroup", before, input.LockToken, changed) };
    },

    async DeleteRuleGroup(input, ctx) {
      const group = await requireNamed(ctx, "rulegroup", input);
      await remove(ctx, "rulegroup", group, input.LockToken);
      ctx.state.delete(types.policy, group.arn, { version: "any" });
      return {};
    },

    async ListRuleGroups(input, ctx) {
      checkedScope(input.Scope, ctx.region, "read");
      const page = await ctx.state.list<RuleGroupDocument>(
        types.ruleGroup,
        pageQuery(input, `${pathOfScope(input.Scope)}/`),
      );
      return { RuleGroups: page.items.map(({ value }) => summaryOf(value)), ...nextMarker(page.next) };
    },

    async CheckCapacity(input, ctx) {
      checkedScope(input.Scope, ctx.region, "read");
      const references = new CallReferences(ctx, input.Scope, settings);
      // Bodies are not given here: a response may name any.
      const anyBody = new Proxy(
        {},
        { getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: {} }) },
      );
      const rules = await checkRules(input.Rules, "webacl", anyBody, references);
      return { Capacity: references.capacity(rules) };
    },
  }) satisfies WafHandlers;

type Given = Pick<In<"CreateRuleGroup">, "Rules" | "CustomResponseBodies" | "VisibilityConfig" | "MonetizationConfig">;

async function checked(ctx: CallContext, input: Given, scope: string | undefined, settings: WafSettings) {
  if (input.MonetizationConfig) throw notServed("MONETIZATION_CONFIG", "MonetizationConfig", "Payments are");
  checkVisibility(input.VisibilityConfig);
  checkBodies(input.CustomResponseBodies);
  const references = new CallReferences(ctx, scope, settings);
  const rules = await checkRules(input.Rules, "rulegroup", input.CustomResponseBodies ?? {}, references);
  return { rules, needed: references.capacity(rules) };
}

/** An override of a web ACL must go on naming a rule of the group; it would else be kept without any effect. */
async function keepOverridden(
  ctx: CallContext,
  group: RuleGroupDocument,
  names: ReadonlySet<string | undefined>,
): Promise<void> {
  const gone = group.rules.some(({ Name }) => !names.has(Name));
  if (!gone) return;
  const { items } = await ctx.state.find<{ rules: RuleGroupDocument["rules"] }>(types.webAcl, "uses", {
    value: group.arn,
    limit: 100,
  });
  for (const { value } of items) {
    for (const { Statement: statement } of value.rules) {
      const reference = statement.RuleGroupReferenceStatement;
      if (reference?.ARN !== group.arn) continue;
      const named = [...(reference.RuleActionOverrides ?? []), ...(reference.ExcludedRules ?? [])];
      if (named.some(({ Name }) => !names.has(Name)))
        throw invalidParameter("RULE_GROUP_REFERENCE_STATEMENT", "RuleActionOverrides", reasons.reference);
    }
  }
}

/** By name, scope and id, or by its ARN, then also one that another account shares. */
async function requireGroup(ctx: CallContext, input: In<"GetRuleGroup">): Promise<RuleGroupDocument> {
  if (input.ARN === undefined) return requireNamed(ctx, "rulegroup", input);
  const key = kindOfArn(input.ARN) === "rulegroup" ? documentKey(input.ARN) : undefined;
  if (!key || key.region !== ctx.region) throw nonexistent();
  // `access.ts` has asked the group's own policy where it belongs to another account.
  const found = await ctx.state.get<RuleGroupDocument>(key.type, key.id, { account: key.account, region: key.region });
  if (found?.value.arn !== input.ARN) throw nonexistent();
  return found.value;
}

/** What a call on a rule group of another account is judged by. */
export async function groupPolicies(ctx: CallContext, arn: string) {
  const key = documentKey(arn);
  if (!key || kindOfArn(arn) !== "rulegroup") return [];
  const policy = await ctx.state.get<PolicyDocument>(types.policy, arn, { account: key.account, region: key.region });
  return attachedPolicy(`${arn}/policy`, policy?.value);
}
