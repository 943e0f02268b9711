/** Topics and their permissions and tags. Source: SNS API Reference. */
import { shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { defaultPolicy, keptPolicy, shownAttributes, withAttribute, type Settings } from "../attributes.ts";
import { invalid, invalidBecause, noResource, tagLimit } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import type { SnsHandlers } from "../sdk.ts";
import { scopeOf, types, type Subscription, type Topic } from "../state.ts";
import { findTopic, requireTopic, topicAddress } from "../topic.ts";

export const topicHandlers: SnsHandlers = {
  async CreateTopic(input, ctx) {
    const name = input.Name ?? "";
    const attributes = Object.entries(input.Attributes ?? {});
    const fifo = checkName(name, input.Attributes?.["FifoTopic"]);
    const arn = `arn:${ctx.partition}:sns:${ctx.region}:${ctx.account}:${name}`;
    if (input.DataProtectionPolicy !== undefined)
      throw invalidBecause("DataProtectionPolicy", "message data protection is not served by this installation");
    const tags = mergeTags({}, input.Tags ?? []);
    const fresh = defaultPolicy(arn, ctx.account);
    const existing = await findTopic(ctx.state, { account: ctx.account, region: ctx.region, name });
    let settings: Settings = existing ?? { displayName: "", policy: fresh, contentBasedDeduplication: false };
    for (const [attribute, value = ""] of attributes) {
      if (attribute !== "FifoTopic") settings = withAttribute(settings, fifo, attribute, value, fresh);
    }
    if (existing) {
      if (!sameShown(existing, { ...existing, ...settings })) {
        throw invalidBecause("Attributes", "Topic already exists with different attributes");
      }
      if ((input.Tags ?? []).some(({ Key = "", Value = "" }) => existing.tags[Key] !== Value)) {
        throw invalidBecause("Tags", "Topic already exists with different tags");
      }
      return { TopicArn: arn };
    }
    putTopic(ctx, {
      ...settings,
      ...(await keptPolicy(ctx, settings.policy)),
      name,
      arn,
      account: ctx.account,
      region: ctx.region,
      uid: ctx.random.uuid(),
      fifo,
      createdAt: ctx.now,
      deletedSubscriptions: 0,
      tags,
    });
    return { TopicArn: arn };
  },

  /** Deleting what is not there succeeds; its subscriptions go with it. */
  async DeleteTopic(input, ctx) {
    const topic = await findTopic(ctx.state, topicAddress(input.TopicArn));
    if (!topic || topic.region !== ctx.region) return {};
    ctx.state.delete(types.topic, topic.name, { at: scopeOf(topic) });
    let after: string | undefined;
    do {
      const query = { prefix: `${topic.name}/`, limit: 1000, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<Subscription>(types.subscription, query, scopeOf(topic));
      for (const { key, value } of page.items) {
        ctx.state.delete(types.subscription, key.id, { at: scopeOf(topic), version: "any" });
        const owner = scopeOf({ account: value.owner, region: topic.region });
        ctx.state.delete(types.owned, `${topic.account}/${key.id}`, { at: owner, version: "any" });
      }
      after = page.next;
    } while (after !== undefined);
    return {};
  },

  async GetTopicAttributes(input, ctx) {
    const topic = await requireTopic(ctx, input.TopicArn);
    const counts = { confirmed: 0, pending: 0 };
    let after: string | undefined;
    do {
      const query = { prefix: `${topic.name}/`, limit: 1000, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<Subscription>(types.subscription, query, scopeOf(topic));
      for (const { value } of page.items) counts[value.confirmed ? "confirmed" : "pending"] += 1;
      after = page.next;
    } while (after !== undefined);
    return {
      Attributes: {
        ...shownAttributes(topic),
        Policy: await shownPolicy(ctx.identity, topic.policy, topic.boundPolicy),
        SubscriptionsConfirmed: String(counts.confirmed),
        SubscriptionsPending: String(counts.pending),
        SubscriptionsDeleted: String(topic.deletedSubscriptions),
      },
    };
  },

  async SetTopicAttributes(input, ctx) {
    const topic = await requireTopic(ctx, input.TopicArn);
    const { AttributeName: name = "", AttributeValue: value = "" } = input;
    if (name === "FifoTopic") throw invalid("AttributeName");
    const fresh = defaultPolicy(topic.arn, topic.account);
    const { deliveryPolicy: _, kmsMasterKeyId: _key, boundPolicy: before, ...bare } = topic;
    const settings = withAttribute(settingsOf(topic), topic.fifo, name, value, fresh);
    const unchanged = before ? { boundPolicy: before } : {};
    putTopic(ctx, {
      ...bare,
      ...settings,
      ...(name === "Policy" ? await keptPolicy(ctx, settings.policy) : unchanged),
    });
    return {};
  },

  async ListTopics(input, ctx) {
    const page = await ctx.state.list<Topic>(types.topic, startOf(input.NextToken));
    return { Topics: page.items.map(({ value }) => ({ TopicArn: value.arn })), ...nextOf(page.next) };
  },

  async AddPermission(input, ctx) {
    const topic = await requireTopic(ctx, input.TopicArn);
    const { Label: label = "", AWSAccountId: accounts = [], ActionName: actions = [] } = input;
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) throw invalid("Label");
    if (accounts.length === 0 || !accounts.every((account) => /^\d{12}$/.test(account))) throw invalid("AWSAccountId");
    const policy = await readPolicy(ctx, topic);
    if (policy.Statement.some(({ Sid }) => Sid === label)) throw invalid("Statement already exists");
    for (const action of actions) {
      if (!permittable.has(action)) throw invalid("Policy statement action out of service scope!");
    }
    if (actions.length === 0) throw invalid("ActionName");
    const principals = accounts.map((account) => `arn:${ctx.partition}:iam::${account}:root`);
    policy.Statement.push({
      Sid: label,
      Effect: "Allow",
      Principal: { AWS: principals.length === 1 ? principals[0] : principals },
      Action: actions.length === 1 ? `SNS:${actions[0]}` : actions.map((action) => `SNS:${action}`),
      Resource: topic.arn,
    });
    putTopic(ctx, { ...withoutPolicy(topic), ...(await keptPolicy(ctx, JSON.stringify(policy))) });
    return {};
  },

  async RemovePermission(input, ctx) {
    const topic = await requireTopic(ctx, input.TopicArn);
    const policy = await readPolicy(ctx, topic);
    // Removing a label that is not there succeeds.
    const Statement = policy.Statement.filter(({ Sid }) => Sid !== input.Label);
    if (Statement.length === policy.Statement.length) return {};
    const left =
      Statement.length > 0 ? JSON.stringify({ ...policy, Statement }) : defaultPolicy(topic.arn, topic.account);
    putTopic(ctx, { ...withoutPolicy(topic), ...(await keptPolicy(ctx, left)) });
    return {};
  },

  async TagResource(input, ctx) {
    const topic = await taggable(ctx, input.ResourceArn);
    putTopic(ctx, { ...topic, tags: mergeTags(topic.tags, input.Tags ?? []) });
    return {};
  },

  async UntagResource(input, ctx) {
    const topic = await taggable(ctx, input.ResourceArn);
    const removed = new Set(input.TagKeys ?? []);
    putTopic(ctx, {
      ...topic,
      tags: Object.fromEntries(Object.entries(topic.tags).filter(([key]) => !removed.has(key))),
    });
    return {};
  },

  async ListTagsForResource(input, ctx) {
    const { tags } = await taggable(ctx, input.ResourceArn);
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  },
};

/** Source: AddPermission, "Valid values: any Amazon SNS action name". Those of a topic. */
const permittable = new Set([
  "*",
  "AddPermission",
  "ConfirmSubscription",
  "DeleteTopic",
  "GetTopicAttributes",
  "ListSubscriptionsByTopic",
  "Publish",
  "RemovePermission",
  "SetTopicAttributes",
  "Subscribe",
]);

function checkName(name: string, fifoTopic: string | undefined): boolean {
  const fifo = name.endsWith(".fifo");
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(fifo ? name.slice(0, -5) : name) || name.length > 256) throw invalid("Topic Name");
  if (fifoTopic !== undefined && fifoTopic !== "true" && fifoTopic !== "false") throw invalid("FifoTopic");
  if (fifoTopic === "true" && !fifo) {
    throw invalid(
      "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
    );
  }
  if (fifoTopic !== "true" && fifo) throw invalid("Topic Name");
  return fifo;
}

/** Members that may be absent have to be removed when they are. */
function settingsOf(topic: Topic): Settings {
  const { displayName, policy, contentBasedDeduplication } = topic;
  const { deliveryPolicy, kmsMasterKeyId, signatureVersion, tracingConfig, fifoThroughputScope, deliveryStatus } =
    topic;
  return {
    displayName,
    policy,
    contentBasedDeduplication,
    ...(deliveryPolicy === undefined ? {} : { deliveryPolicy }),
    ...(kmsMasterKeyId === undefined ? {} : { kmsMasterKeyId }),
    ...(signatureVersion === undefined ? {} : { signatureVersion }),
    ...(tracingConfig === undefined ? {} : { tracingConfig }),
    ...(fifoThroughputScope === undefined ? {} : { fifoThroughputScope }),
    ...(deliveryStatus === undefined ? {} : { deliveryStatus }),
  };
}

function sameShown(one: Topic, other: Topic): boolean {
  return JSON.stringify(shownAttributes(one)) === JSON.stringify(shownAttributes(other));
}

export function putTopic(ctx: CallContext, topic: Topic): void {
  ctx.state.put<Topic>(types.topic, topic.name, topic, { at: scopeOf(topic) });
}

async function taggable(ctx: CallContext, arn: string | undefined): Promise<Topic> {
  const topic = await findTopic(ctx.state, topicAddress(arn, "ResourceArn"));
  if (!topic || topic.region !== ctx.region) throw noResource();
  return topic;
}

function mergeTags(
  tags: Readonly<Record<string, string>>,
  added: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Record<string, string> {
  if (new Set(added.map(({ Key }) => Key)).size < added.length) throw invalid("Duplicated keys are not allowed.");
  const merged = { ...tags };
  for (const { Key = "", Value = "" } of added) {
    if (Key.length < 1 || Key.length > 128 || /^aws:/i.test(Key)) throw invalid("Tag Key");
    if (Value.length > 256) throw invalid("Tag Value");
    merged[Key] = Value;
  }
  if (Object.keys(merged).length > 50) throw tagLimit();
  return merged;
}

interface PolicyText {
  Statement: { Sid?: string; [member: string]: unknown }[];
}

function withoutPolicy({ policy: _, boundPolicy: _bound, ...topic }: Topic): Omit<Topic, "policy" | "boundPolicy"> {
  return topic;
}

/** As it is shown: a statement about a user who is gone must not be bound again, to another of the same name. */
async function readPolicy(ctx: CallContext, topic: Topic): Promise<PolicyText> {
  const parsed = JSON.parse(await shownPolicy(ctx.identity, topic.policy, topic.boundPolicy)) as {
    Statement: PolicyText["Statement"] | PolicyText["Statement"][number];
  };
  return { ...parsed, Statement: Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement] };
}
