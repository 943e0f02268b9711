/**
 * The authorization questions of EventBridge: identity policies, and the policy of the bus.
 * Source: Service Authorization Reference, Amazon EventBridge (resource types, condition keys events:source,
 * events:detail-type, events:eventBusInvocation, events:creatorAccount, events:ManagedBy, events:TargetArn).
 */
import { parseArn } from "#kernel/arn.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { busAddress, busArn, findBus, ruleArn, ruleOfArn, type BusAddress } from "./bus.ts";
import { forwardedOf, isInvocation } from "./internalForms.ts";
import { wantedBuses } from "./operations/putEvents.ts";
import type { EventsAccess } from "./sdk.ts";
import { ruleId, scopeOf, types, type Rule } from "./state.ts";
import { tagContext } from "./tags.ts";

type ContextValues = NonNullable<Access["context"]>;

const tagValues = (tags: Readonly<Record<string, string>> | undefined): ContextValues =>
  Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]));

async function onBus(
  ctx: CallContext,
  action: string,
  address: BusAddress,
  context: ContextValues = {},
): Promise<Access> {
  const bus = address.region === ctx.region ? await findBus(ctx.state, address) : undefined;
  const resource = busArn(address);
  return {
    action: `events:${action}`,
    resource,
    resourceAccount: address.account,
    resourcePolicies: attachedPolicy(`${resource}/policy`, bus),
    context: { ...tagValues(bus?.tags), ...context },
  };
}

async function onRule(
  ctx: CallContext,
  action: string,
  address: BusAddress,
  name: string,
  context: ContextValues = {},
): Promise<Access> {
  const rule = (await ctx.state.get<Rule>(types.rule, ruleId(address.name, name), scopeOf(address)))?.value;
  const bus = address.region === ctx.region ? await findBus(ctx.state, address) : undefined;
  return {
    action: `events:${action}`,
    resource: ruleArn(address, name),
    resourceAccount: address.account,
    resourcePolicies: attachedPolicy(`${busArn(address)}/policy`, bus),
    context: {
      ...tagValues(rule?.tags),
      ...(rule === undefined ? {} : { "events:creatorAccount": rule.createdBy }),
      ...(rule?.managedBy === undefined ? {} : { "events:ManagedBy": rule.managedBy }),
      ...context,
    },
  };
}

interface RuleInput {
  Name?: string | undefined;
  Rule?: string | undefined;
  EventBusName?: string | undefined;
}

const byRule = (action: string) => (input: RuleInput, ctx: CallContext) =>
  onRule(ctx, action, busAddress(ctx, input.EventBusName), input.Name ?? input.Rule ?? "");

const byBus = (action: string) => (input: { EventBusName?: string | undefined }, ctx: CallContext) =>
  onBus(ctx, action, busAddress(ctx, input.EventBusName));

const byBusName = (action: string) => (input: { Name?: string | undefined }, ctx: CallContext) =>
  onBus(ctx, action, busAddress(ctx, input.Name, "Name"));

/** Of the caller's own account: archives, replays, connections, API destinations. */
const own =
  <K extends string>(action: string, kind: string, member: K) =>
  (input: { [M in K]?: string | undefined }, ctx: CallContext): Access => ({
    action: `events:${action}`,
    resource: `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:${kind}/${input[member] ?? ""}`,
  });

const everywhere = (action: string) => (): Access => ({ action: `events:${action}`, resource: "*" });

function byArn(
  action: string,
  ctx: CallContext,
  arn: string | undefined,
  context: ContextValues = {},
): Promise<Access> {
  const rule = ruleOfArn(arn ?? "");
  return rule
    ? onRule(ctx, action, rule.bus, rule.name, context)
    : onBus(ctx, action, busAddress(ctx, arn, "ResourceARN"), context);
}

/** The names a policy sees carry the unique part, where the resource has one: `connection/<name>/*`. */
async function onNamed(
  ctx: CallContext,
  action: string,
  kind: "connection" | "api-destination",
  name = "",
): Promise<Access> {
  const type = kind === "connection" ? types.connection : types.apiDestination;
  const found = await ctx.state.get<{ arn: string }>(type, name);
  const resource = found?.value.arn ?? `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:${kind}/${name}`;
  return { action: `events:${action}`, resource };
}

const named =
  (action: string, kind: "connection" | "api-destination") =>
  (input: { Name?: string | undefined }, ctx: CallContext) =>
    onNamed(ctx, action, kind, input.Name);

export const access: EventsAccess = {
  CancelReplay: own("CancelReplay", "replay", "ReplayName"),
  CreateApiDestination: named("CreateApiDestination", "api-destination"),
  CreateArchive: own("CreateArchive", "archive", "ArchiveName"),
  CreateConnection: named("CreateConnection", "connection"),
  async CreateEventBus(input, ctx) {
    const address = busAddress(ctx, input.Name, "Name");
    const context = tagContext(input.Tags);
    const create = await onBus(ctx, "CreateEventBus", address, context);
    return Object.keys(context).length > 0 ? [create, await onBus(ctx, "TagResource", address, context)] : create;
  },
  DeauthorizeConnection: named("DeauthorizeConnection", "connection"),
  DeleteApiDestination: named("DeleteApiDestination", "api-destination"),
  DeleteArchive: own("DeleteArchive", "archive", "ArchiveName"),
  DeleteConnection: named("DeleteConnection", "connection"),
  DeleteEventBus: byBusName("DeleteEventBus"),
  DeleteRule: byRule("DeleteRule"),
  DescribeApiDestination(input, ctx) {
    return onNamed(
      ctx,
      isInvocation(input) ? "InvokeApiDestination" : "DescribeApiDestination",
      "api-destination",
      input.Name,
    );
  },
  DescribeArchive: own("DescribeArchive", "archive", "ArchiveName"),
  DescribeConnection: named("DescribeConnection", "connection"),
  DescribeEventBus: byBusName("DescribeEventBus"),
  DescribeReplay: own("DescribeReplay", "replay", "ReplayName"),
  DescribeRule: byRule("DescribeRule"),
  DisableRule: byRule("DisableRule"),
  EnableRule: byRule("EnableRule"),
  ListApiDestinations: everywhere("ListApiDestinations"),
  ListArchives: everywhere("ListArchives"),
  ListConnections: everywhere("ListConnections"),
  ListEventBuses: everywhere("ListEventBuses"),
  ListReplays: everywhere("ListReplays"),
  ListRuleNamesByTarget: byBus("ListRuleNamesByTarget"),
  ListRules: byBus("ListRules"),
  ListTagsForResource: (input, ctx) => byArn("ListTagsForResource", ctx, input.ResourceARN),
  ListTargetsByRule: byRule("ListTargetsByRule"),
  async PutEvents(input, ctx) {
    const questions: Access[] = [];
    for (const { address, entries } of wantedBuses(ctx, input.Entries ?? []).values()) {
      for (const entry of entries) {
        questions.push(
          await onBus(ctx, "PutEvents", address, {
            ...(entry.Source === undefined ? {} : { "events:source": entry.Source }),
            ...(entry.DetailType === undefined ? {} : { "events:detail-type": entry.DetailType }),
            "events:eventBusInvocation": String(forwardedOf(entry) !== undefined),
          }),
        );
      }
    }
    return questions;
  },
  PutPermission: byBus("PutPermission"),
  async PutRule(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    const tags = tagContext(input.Tags);
    const creator = "account" in ctx.principal ? { "events:creatorAccount": ctx.principal.account } : {};
    const name = input.Name ?? "";
    const put = await onRule(ctx, "PutRule", address, name, { ...creator, ...tags });
    const tag = Object.keys(tags).length > 0 ? [await onRule(ctx, "TagResource", address, name, tags)] : [];
    return [put, ...tag, ...passing(input.RoleArn)];
  },
  PutTargets: (input, ctx) =>
    onRule(ctx, "PutTargets", busAddress(ctx, input.EventBusName), input.Rule ?? "", {
      "events:TargetArn": (input.Targets ?? []).flatMap(({ Arn }) => (Arn === undefined ? [] : [Arn])),
    }),
  RemovePermission: byBus("RemovePermission"),
  RemoveTargets: byRule("RemoveTargets"),
  StartReplay: (input, ctx) => {
    const { EventSourceArn, ReplayName } = input;
    const replay = own("StartReplay", "replay", "ReplayName")({ ReplayName }, ctx);
    const archive = parseArn(EventSourceArn ?? "");
    return archive?.service === "events"
      ? [replay, { action: "events:StartReplay", resource: EventSourceArn! }]
      : replay;
  },
  TagResource: (input, ctx) => byArn("TagResource", ctx, input.ResourceARN, tagContext(input.Tags)),
  TestEventPattern: everywhere("TestEventPattern"),
  UntagResource: (input, ctx) => byArn("UntagResource", ctx, input.ResourceARN, { "aws:TagKeys": input.TagKeys ?? [] }),
  UpdateApiDestination: named("UpdateApiDestination", "api-destination"),
  UpdateArchive: own("UpdateArchive", "archive", "ArchiveName"),
  UpdateConnection: named("UpdateConnection", "connection"),
  UpdateEventBus: byBusName("UpdateEventBus"),
};

/** Whoever names a role for EventBridge to take must be allowed to. */
function passing(roleArn: string | undefined): Access[] {
  const account = parseArn(roleArn ?? "")?.account;
  if (roleArn === undefined || account === undefined) return [];
  const context = { "iam:PassedToService": "events.amazonaws.com" };
  return [{ action: "iam:PassRole", resource: roleArn, resourceAccount: account, context }];
}
