/**
 * IAM resources of CloudWatch Logs' operations. Group operations ask about `log-group:<name>:log-stream:`, as AWS
 * prints in its denials; that is why policies say `log-group:<name>:*`. Account policies (PutResourcePolicy) are the
 * resource policies of every group. Source: Service Authorization Reference, CloudWatch Logs.
 */
import { parseArn } from "#kernel/arn.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { noGroup } from "./errors.ts";
import { groupArn, type Group, type ResourcePolicy, types } from "./state.ts";
import { type GroupInput } from "./target.ts";

const tagKeys = (tags: Readonly<Record<string, string>> | undefined): Record<string, string | string[]> =>
  tags === undefined || Object.keys(tags).length === 0
    ? {}
    : {
        "aws:TagKeys": Object.keys(tags),
        ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
      };

export function onAll(action: string): Access {
  return { action: `logs:${action}`, resource: "*" };
}

/** A question about a group, or with `stream` about one of its streams. */
export async function onGroup(
  ctx: CallContext,
  action: string,
  identifier: string | undefined,
  more: { stream?: string | undefined; tags?: Record<string, string> | undefined; plain?: boolean } = {},
): Promise<Access> {
  const given = identifier ?? "";
  const arn = given.startsWith("arn:") ? given.replace(/:\*$/, "") : groupArn(ctx, given);
  const parsed = parseArn(arn);
  // A group of another Region is not here, whatever the caller may do there.
  if (parsed && parsed.region !== ctx.region) throw noGroup();
  const owner = parsed?.account ?? ctx.account;
  const name = arn.split(":log-group:")[1] ?? "";
  const group = owner === ctx.account && name !== "" ? await ctx.state.get<Group>(types.group, name) : undefined;
  const resourceTags = Object.entries(group?.value.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  return {
    action: `logs:${action}`,
    resource: more.plain ? arn : `${arn}:log-stream:${more.stream ?? ""}`,
    resourceAccount: owner,
    resourcePolicies: await accountPolicies(ctx, owner),
    trust: "either",
    context: { ...Object.fromEntries(resourceTags), ...tagKeys(more.tags) },
  };
}

export function onNamed(ctx: CallContext, action: string, input: GroupInput, stream?: string): Promise<Access> {
  return onGroup(ctx, action, input.logGroupName ?? input.logGroupIdentifier, { stream });
}

/** Of another account none apply: cross-account access to log groups is refused by the handlers. */
async function accountPolicies(ctx: CallContext, owner: string): Promise<NonNullable<Access["resourcePolicies"]>> {
  if (owner !== ctx.account) return [];
  const { items } = await ctx.state.list<ResourcePolicy>(types.resourcePolicy, { limit: 100 });
  return items.flatMap(({ value }) => attachedPolicy(value.name, value));
}
