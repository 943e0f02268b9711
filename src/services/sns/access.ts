/**
 * The authorization questions of SNS: identity policies or the topic policy.
 * Source: Service Authorization Reference, Amazon SNS (condition keys sns:Endpoint, sns:Protocol); a batch needs sns:Publish;
 * SNS API Reference, ConfirmSubscription and Unsubscribe (no signature needed unless AuthenticateOnUnsubscribe).
 */
import { parseArn } from "#kernel/arn.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { passedRole } from "./deliveryStatus.ts";
import type { SnsAccess } from "./sdk.ts";
import { snsPrincipal } from "./targets.ts";
import { findSubscription, findTopic, subscriptionAddress, topicAddress, type TopicAddress } from "./topic.ts";

type ContextValues = Record<string, string | readonly string[]>;

/**
 * Services that publish in the name of an account and say so by the deprecated `aws:SourceOwner`; all others need a topic
 * policy that names them. Source: SNS Developer Guide, "Example cases for Amazon SNS access control"
 * ("aws:SourceOwner is deprecated and new services can integrate with Amazon SNS only through aws:SourceArn and aws:SourceAccount").
 */
const ownerSetters: ReadonlySet<string> = new Set([
  "autoscaling.amazonaws.com",
  "cloudwatch.amazonaws.com",
  "elasticache.amazonaws.com",
  "events.rds.amazonaws.com",
  "ses.amazonaws.com",
]);

async function onTopic(
  ctx: CallContext,
  action: string,
  address: TopicAddress,
  context: ContextValues = {},
): Promise<Access> {
  const topic = await findTopic(ctx.state, address);
  const resource = `arn:${ctx.partition}:sns:${address.region}:${address.account}:${address.name}`;
  ctx.audit({ resources: [{ ARN: resource, accountId: address.account, type: "AWS::SNS::Topic" }] });
  const tags = Object.entries(topic?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  const { principal } = ctx;
  // The default policy speaks of it; only services that integrated long ago set it.
  const owner =
    principal.kind === "service" && ownerSetters.has(principal.service) && principal.sourceAccount
      ? { "aws:SourceOwner": principal.sourceAccount }
      : {};
  return {
    action: `sns:${action}`,
    resource,
    resourceAccount: address.account,
    resourcePolicies: attachedPolicy(`${resource}/policy`, topic),
    context: { ...Object.fromEntries(tags), ...owner, ...context },
  };
}

const byArn =
  (action: string) =>
  (input: { TopicArn: string | undefined }, ctx: CallContext): Promise<Access> =>
    onTopic(ctx, action, topicAddress(input.TopicArn));

const bySubscription =
  (action: string) =>
  (input: { SubscriptionArn: string | undefined }, ctx: CallContext): Promise<Access> =>
    onTopic(ctx, action, subscriptionAddress(input.SubscriptionArn));

const all = (action: string) => (): Access => ({ action: `sns:${action}`, resource: "*" });

function tagContext(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): ContextValues {
  if (!tags || tags.length === 0) return {};
  return {
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
  };
}

/** A role that logs the status of deliveries is passed to SNS. */
function passing(name: string | undefined, value: string | undefined): Access[] {
  const resource = passedRole(name ?? "", value ?? "");
  const account = resource === undefined ? undefined : parseArn(resource)?.account;
  if (resource === undefined || account === undefined) return [];
  const context = { "iam:PassedToService": snsPrincipal };
  return [{ action: "iam:PassRole", resource, resourceAccount: account, context }];
}

export const access: SnsAccess = {
  AddPermission: byArn("AddPermission"),
  /** The token is the right; a signature only where the confirmation shall be the owner's. */
  ConfirmSubscription: (input, ctx) =>
    ctx.principal.kind === "anonymous" ? "none" : onTopic(ctx, "ConfirmSubscription", topicAddress(input.TopicArn)),
  async CreateTopic(input, ctx) {
    const address = { account: ctx.account, region: ctx.region, name: input.Name ?? "" };
    const context = tagContext(input.Tags);
    const create = await onTopic(ctx, "CreateTopic", address, context);
    const tag = Object.keys(context).length > 0 ? [await onTopic(ctx, "TagResource", address, context)] : [];
    return [create, ...tag, ...Object.entries(input.Attributes ?? {}).flatMap(([name, value]) => passing(name, value))];
  },
  DeleteTopic: byArn("DeleteTopic"),
  GetSubscriptionAttributes: bySubscription("GetSubscriptionAttributes"),
  GetTopicAttributes: byArn("GetTopicAttributes"),
  ListSubscriptions: all("ListSubscriptions"),
  ListSubscriptionsByTopic: byArn("ListSubscriptionsByTopic"),
  ListTagsForResource: (input, ctx) =>
    onTopic(ctx, "ListTagsForResource", topicAddress(input.ResourceArn, "ResourceArn")),
  ListTopics: all("ListTopics"),
  Publish: (input, ctx) => {
    // A phone number or a mobile endpoint is refused by the handler, with the reason.
    const arn = input.TopicArn ?? input.TargetArn;
    if (arn === undefined || /^arn:[^:]*:sns:[^:]*:\d{12}:(app|endpoint)\//.test(arn)) {
      return { action: "sns:Publish", resource: arn ?? "*" };
    }
    return onTopic(ctx, "Publish", topicAddress(arn, input.TopicArn === undefined ? "TargetArn" : "TopicArn"));
  },
  PublishBatch: byArn("Publish"),
  RemovePermission: byArn("RemovePermission"),
  SetSubscriptionAttributes: bySubscription("SetSubscriptionAttributes"),
  async SetTopicAttributes(input, ctx) {
    const set = await onTopic(ctx, "SetTopicAttributes", topicAddress(input.TopicArn));
    return [set, ...passing(input.AttributeName, input.AttributeValue)];
  },
  Subscribe: (input, ctx) =>
    onTopic(ctx, "Subscribe", topicAddress(input.TopicArn), {
      ...(input.Protocol === undefined ? {} : { "sns:Protocol": input.Protocol }),
      ...(input.Endpoint === undefined ? {} : { "sns:Endpoint": input.Endpoint }),
    }),
  TagResource: (input, ctx) =>
    onTopic(ctx, "TagResource", topicAddress(input.ResourceArn, "ResourceArn"), tagContext(input.Tags)),
  async Unsubscribe(input, ctx) {
    const address = subscriptionAddress(input.SubscriptionArn);
    const found = await findSubscription(ctx.state, address);
    // The link in every notification: whoever has received one may end it, unless its owner said otherwise.
    if (ctx.principal.kind === "anonymous" && !(found?.value.authenticateOnUnsubscribe ?? false)) return "none";
    const question = await onTopic(ctx, "Unsubscribe", address);
    // The subscriber may end it, though the topic is somebody else's.
    return "account" in ctx.principal && found?.value.owner === ctx.principal.account
      ? { ...question, resourceAccount: ctx.principal.account }
      : question;
  },
  UntagResource: (input, ctx) =>
    onTopic(ctx, "UntagResource", topicAddress(input.ResourceArn, "ResourceArn"), {
      "aws:TagKeys": input.TagKeys ?? [],
    }),
};
