/**
 * Publishing: the message and one delivery for every subscription that wants it are staged together.
 * Source: SNS API Reference, Publish and PublishBatch; SNS Developer Guide, "Message deduplication for FIFO topics".
 */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import { invalid, invalidBecause } from "./errors.ts";
import { attributesSize, readAttributes } from "./messageAttributes.ts";
import type { Parts } from "./parts.ts";
import type { MessageAttributeValue, Out } from "./sdk.ts";
import {
  longestDeliveryMs,
  putDelivery,
  scopeOf,
  types,
  type Message,
  type Published,
  type Subscription,
  type Topic,
} from "./state.ts";

export interface Entry {
  Message?: string | undefined;
  Subject?: string | undefined;
  MessageStructure?: string | undefined;
  MessageAttributes?: Record<string, MessageAttributeValue> | undefined;
  MessageDeduplicationId?: string | undefined;
  MessageGroupId?: string | undefined;
}

export interface Prepared {
  published: Published;
  size: number;
  groupId?: string;
  deduplicationId?: string;
}

interface Accepted {
  messageId: string;
  sequence: string;
}

/** Bytes of one message, or of one batch. */
export const largestMessage = 262_144;
const deduplicationMs = 300_000;
const idText = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/;

/** @throws InvalidParameter, ParameterValueInvalid */
export function prepare(topic: Topic, entry: Entry): Prepared {
  const message = entry.Message ?? "";
  if (message === "") throw invalid("Empty message");
  if (!message.isWellFormed() || message.includes("\0")) throw invalid("Message Reason: contains invalid characters");
  const attributes = readAttributes(entry.MessageAttributes);
  const size = Buffer.byteLength(message) + attributesSize(attributes);
  if (size > largestMessage) throw invalid("Message too long");
  const subject = entry.Subject;
  // "Must be ASCII text that begins with a letter, number, or punctuation mark; no line breaks or control characters; fewer than 100 characters."
  if (subject !== undefined && !/^[!-~][ -~]{0,99}$/.test(subject)) throw invalid("Subject");
  const published: Published = {
    message,
    attributes,
    ...(subject === undefined ? {} : { subject }),
    ...structure(entry.MessageStructure, message),
  };
  return { published, size, ...ids(topic, entry) };
}

function structure(given: string | undefined, message: string): Pick<Published, "byProtocol"> {
  if (given === undefined) return {};
  if (given !== "json") throw invalid("MessageStructure");
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  const texts = Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const byProtocol = Object.fromEntries(texts);
  if (byProtocol["default"] === undefined) throw invalid("Message Structure - No default entry in JSON message body");
  return { byProtocol };
}

function ids(topic: Topic, entry: Entry): Pick<Prepared, "groupId" | "deduplicationId"> {
  const { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId } = entry;
  if (groupId !== undefined && !idText.test(groupId)) throw invalid("MessageGroupId");
  if (!topic.fifo) {
    if (deduplicationId !== undefined) {
      throw invalidBecause(
        "MessageDeduplicationId",
        "The request includes MessageDeduplicationId parameter that is not valid for this topic type",
      );
    }
    return groupId === undefined ? {} : { groupId };
  }
  if (groupId === undefined) throw invalid("The MessageGroupId parameter is required for FIFO topics");
  if (deduplicationId !== undefined && !idText.test(deduplicationId)) throw invalid("MessageDeduplicationId");
  if (deduplicationId === undefined && !topic.contentBasedDeduplication) {
    throw invalid(
      "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  }
  return {
    groupId,
    deduplicationId:
      deduplicationId ??
      createHash("sha256")
        .update(entry.Message ?? "")
        .digest("hex"),
  };
}

export async function enterGroups(
  ctx: CallContext,
  parts: Parts,
  topic: Topic,
  entries: readonly Prepared[],
): Promise<void> {
  if (topic.fifo)
    await parts.lanes.enterAll(
      ctx,
      entries.map(({ groupId }) => `${topic.uid}/${groupId}`),
    );
}

/** Every confirmed subscription of the topic. */
export async function subscriptionsOf(ctx: CallContext, topic: Topic): Promise<Subscription[]> {
  const all: Subscription[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Subscription>(
      types.subscription,
      { prefix: `${topic.name}/`, limit: 1000, ...(after === undefined ? {} : { after }) },
      scopeOf(topic),
    );
    all.push(
      ...page.items.map(({ value }) => value).filter(({ confirmed, topicUid }) => confirmed && topicUid === topic.uid),
    );
    after = page.next;
  } while (after !== undefined);
  return all;
}

/** Stages the message and its deliveries; of a duplicate, nothing. */
export async function accept(
  ctx: CallContext,
  parts: Parts,
  topic: Topic,
  subscriptions: readonly Subscription[],
  { published, groupId, deduplicationId }: Prepared,
): Promise<Pick<Out<"Publish">, "MessageId" | "SequenceNumber">> {
  const at = scopeOf(topic);
  const now = ctx.clock.now();
  let last: string | undefined;
  const orderId = `${topic.uid}/${hash(groupId ?? "")}`;
  const scope = topic.fifoThroughputScope === "MessageGroup" ? `${groupId}\n` : "";
  const dedupId = `${topic.uid}/${hash(scope + String(deduplicationId))}`;
  if (topic.fifo) {
    const earlier = await ctx.state.get<Accepted>(types.dedup, dedupId, at);
    if (earlier) return { MessageId: earlier.value.messageId, SequenceNumber: earlier.value.sequence };
    last = (await ctx.state.get<{ last: string }>(types.order, orderId, at))?.value.last;
  }
  const messageId = ctx.random.uuid();
  const sequence = parts.sequences.next(now, last);
  const wanted = subscriptions.filter((subscription) => parts.filters.wants(subscription, published));
  if (wanted.length > 0) {
    const message: Message = {
      messageId,
      topicArn: topic.arn,
      topicName: topic.name,
      publishedAt: now,
      content: await parts.sealer.seal(ctx, topic, messageId, published),
      deliveries: wanted.length,
      ...(groupId === undefined ? {} : { groupId }),
      ...(deduplicationId === undefined ? {} : { deduplicationId }),
      ...(topic.fifo ? { sequence } : {}),
    };
    ctx.state.put<Message>(types.message, sequence, message, { at, version: 0, expiresAt: now + longestDeliveryMs });
    for (const { uuid } of wanted) {
      const delivery = {
        kind: "Notification",
        topicName: topic.name,
        uuid,
        sequence,
        attempts: 0,
        dueAt: now,
      } as const;
      putDelivery(ctx.state, topic, { ...delivery, ordered: topic.fifo, createdAt: now }, 0);
    }
  } else if (topic.kmsMasterKeyId !== undefined) {
    // The right to publish does not depend on who listens.
    await parts.sealer.seal(ctx, topic, messageId, published);
  }
  if (!topic.fifo) return { MessageId: messageId };
  ctx.state.put(types.order, orderId, { last: sequence }, { at, expiresAt: now + 3_600_000 });
  const accepted: Accepted = { messageId, sequence };
  ctx.state.put(types.dedup, dedupId, accepted, { at, expiresAt: now + deduplicationMs });
  return { MessageId: messageId, SequenceNumber: sequence };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
