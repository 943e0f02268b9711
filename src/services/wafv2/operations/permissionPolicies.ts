/**
 * Permission policies of rule groups: sharing them with other accounts.
 * Source: AWS WAF API Reference, PutPermissionPolicy: one policy of up to 395,000 characters; version 2012-10-17; each
 * statement with Effect, Action and Principal, no Resource; the effect is Allow; actions among those below.
 */
import type { AwsError } from "#kernel/errors.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { RuleGroupDocument } from "#engines/waf/model.ts";
import { invalidPolicy, nonexistent } from "../errors.ts";
import type { WafHandlers } from "../sdk.ts";
import { findByArn, type PolicyDocument, types } from "../state.ts";

const actions = new Set([
  "wafv2:createwebacl",
  "wafv2:updatewebacl",
  "wafv2:putfirewallmanagerrulegroups",
  "wafv2:getrulegroup",
]);

export const permissionPolicyHandlers = {
  async PutPermissionPolicy(input, ctx) {
    const group = await requireGroup(ctx, input.ResourceArn);
    const policy = input.Policy ?? "";
    checkPolicy(policy);
    // What is evaluated names the group itself; AWS takes no Resource.
    const kept = await keepPolicy(ctx.identity, withResource(policy, group.arn), () =>
      invalidPolicy("The operation failed because the specified policy names a principal that doesn't exist."),
    );
    ctx.state.put<PolicyDocument>(types.policy, group.arn, { ...kept, given: policy });
    return {};
  },

  async GetPermissionPolicy(input, ctx) {
    const group = await requireGroup(ctx, input.ResourceArn);
    const found = await ctx.state.get<PolicyDocument>(types.policy, group.arn);
    if (!found) throw nonexistent();
    return { Policy: await shownPolicy(ctx.identity, found.value.given, found.value.boundPolicy) };
  },

  async DeletePermissionPolicy(input, ctx) {
    const group = await requireGroup(ctx, input.ResourceArn);
    if (!(await ctx.state.get(types.policy, group.arn))) throw nonexistent();
    ctx.state.delete(types.policy, group.arn);
    return {};
  },
} satisfies WafHandlers;

async function requireGroup(ctx: CallContext, arn: string | undefined): Promise<RuleGroupDocument> {
  const group = await findByArn(ctx, "rulegroup", arn);
  if (!group) throw nonexistent();
  return group;
}

interface Given {
  Version?: string;
  Statement: Record<string, unknown> | Record<string, unknown>[];
}

function checkPolicy(policy: string): void {
  const refuse = (why: string): AwsError =>
    invalidPolicy(`The operation failed because the specified policy isn't in the proper format. ${why}`);
  let given: Given;
  try {
    given = JSON.parse(policy) as Given;
    parsePolicy(JSON.stringify(readWithResource(given, "*")), "resource");
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : "");
  }
  if (given.Version !== "2012-10-17") throw refuse("The policy version must be 2012-10-17.");
  for (const statement of [given.Statement].flat()) {
    if (statement["Effect"] !== "Allow") throw refuse("Effect must specify Allow.");
    if ("Resource" in statement || "NotResource" in statement)
      throw refuse("The policy cannot include a resource parameter.");
    const named = [statement["Action"] ?? []].flat() as string[];
    if (named.length === 0 || !named.every((action) => actions.has(action.toLowerCase()))) {
      throw refuse(
        "The action must be among wafv2:CreateWebACL, wafv2:UpdateWebACL, wafv2:PutFirewallManagerRuleGroups and wafv2:GetRuleGroup.",
      );
    }
  }
}

function readWithResource(given: Given, resource: string): Given {
  return { ...given, Statement: [given.Statement].flat().map((statement) => ({ ...statement, Resource: resource })) };
}

const withResource = (policy: string, resource: string): string =>
  JSON.stringify(readWithResource(JSON.parse(policy) as Given, resource));
