/**
 * Accepting messages. Each entry is checked, sealed and staged; nothing is acknowledged before the batch is committed.
 * Source: SQS API Reference, SendMessage and SendMessageBatch; SQS Developer Guide, "Exactly-once processing in Amazon SQS".
 */
import { createHash } from "node:crypto";
import type { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { contentDeduplicationId } from "./attributes.ts";
import { invalidParameter, invalidParameters, invalidValue, missing } from "./errors.ts";
import { groupDocumentId, putGroup, readGroup, type ReadGroup } from "./groups.ts";
import {
  attributesDigest,
  attributesSize,
  bodyDigest,
  checkText,
  readAttributes,
  readTraceHeader,
  type KeptAttributes,
} from "./messageAttributes.ts";
import type { Parts } from "./parts.ts";
import type { In, Out } from "./sdk.ts";
import {
  inlineLimit,
  messageDocumentId,
  putBody,
  putMessage,
  scopeOf,
  types,
  type Message,
  type Queue,
  type Work,
} from "./state.ts";

export type Entry = Omit<In<"SendMessage">, "QueueUrl">;

/** An entry that passed every check that needs no state. */
export interface Prepared {
  body: string;
  attributes: KeptAttributes;
  /** Bytes that count: body and attributes. */
  size: number;
  traceHeader?: string;
  delayMs: number;
  groupId?: string;
  deduplicationId?: string;
}

/** What was accepted under a deduplication id. */
interface Accepted {
  messageId: string;
  sequence: string;
}

const deduplicationMs = 300_000;
const idText = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/;

/** @throws InvalidParameterValue, MissingParameter, InvalidMessageContents */
export function prepare(queue: Queue, entry: Entry): Prepared {
  const body = entry.MessageBody ?? "";
  if (body === "") throw missing("MessageBody");
  const attributes = readAttributes(entry.MessageAttributes);
  const size = Buffer.byteLength(body) + attributesSize(attributes);
  if (size > queue.maximumMessageSize) {
    throw invalidParameters(`Message must be shorter than ${queue.maximumMessageSize} bytes.`);
  }
  checkText(body);
  const traceHeader = readTraceHeader(entry.MessageSystemAttributes as In<"SendMessage">["MessageAttributes"]);
  const ids = queue.fifo ? fifoIds(queue, entry, body) : standardIds(entry);
  return {
    body,
    attributes,
    size,
    delayMs: delayOf(queue, entry),
    ...ids,
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}

function delayOf(queue: Queue, { DelaySeconds: delay }: Entry): number {
  if (delay === undefined) return queue.delay * 1000;
  if (queue.fifo && delay !== 0) throw notForThisType(delay, "DelaySeconds");
  if (delay < 0 || delay > 900) throw invalidValue(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.");
  return (queue.fifo ? queue.delay : delay) * 1000;
}

function fifoIds(queue: Queue, entry: Entry, body: string): Pick<Prepared, "groupId" | "deduplicationId"> {
  const { MessageGroupId: groupId, MessageDeduplicationId: given } = entry;
  if (groupId === undefined) throw missing("MessageGroupId");
  checkId(groupId, "MessageGroupId");
  if (given !== undefined) checkId(given, "MessageDeduplicationId");
  if (given === undefined && !queue.contentBasedDeduplication) {
    throw invalidParameter(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  }
  return { groupId, deduplicationId: given ?? contentDeduplicationId(body) };
}

/** A standard queue may have message groups (fair queues), but removes no duplicates. */
function standardIds(entry: Entry): Pick<Prepared, "groupId"> {
  const { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId } = entry;
  if (deduplicationId !== undefined) throw notForThisType(deduplicationId, "MessageDeduplicationId");
  if (groupId === undefined) return {};
  checkId(groupId, "MessageGroupId");
  return { groupId };
}

function checkId(value: string, parameter: string): void {
  if (idText.test(value)) return;
  throw invalidValue(
    value,
    parameter,
    `${parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}

const notForThisType = (value: unknown, parameter: string): AwsError =>
  invalidValue(value, parameter, "The request include parameter that is not valid for this queue type.");

/** Calls that send to the same groups wait for each other, so that one after the other finds the group settled. */
export async function enterGroups(
  ctx: CallContext,
  parts: Parts,
  queue: Queue,
  entries: readonly Prepared[],
): Promise<void> {
  if (!queue.fifo) return;
  await parts.lanes.enterAll(
    ctx,
    entries.map(({ groupId }) => groupDocumentId(queue, groupId!)),
  );
}

/** Stages one message; for a duplicate, nothing. */
export async function accept(
  ctx: CallContext,
  parts: Parts,
  queue: Queue,
  entry: Prepared,
): Promise<Out<"SendMessage">> {
  const work: Work = { state: ctx.state, now: ctx.clock.now() };
  const { group, version }: ReadGroup = queue.fifo ? await readGroup(work, queue, entry.groupId!) : { version: 0 };
  const duplicate = queue.fifo ? await earlier(work, queue, entry) : undefined;
  if (duplicate) return answer(entry, duplicate.messageId, duplicate.sequence);
  const messageId = ctx.random.uuid();
  const { seal, content } = await parts.sealer.seal(ctx, queue, messageId, entry);
  const message: Message = {
    messageId,
    sequence: parts.sequences.next(work.now, group?.last),
    sentAt: work.now,
    senderId: senderId(ctx),
    visibleAt: work.now + entry.delayMs,
    received: 0,
    receivedHere: 0,
    expiresAt: work.now + queue.retention * 1000,
    seal,
    ...(content.length <= inlineLimit ? { content } : {}),
    ...(entry.groupId === undefined ? {} : { groupId: entry.groupId }),
    ...(entry.deduplicationId === undefined ? {} : { deduplicationId: entry.deduplicationId }),
    ...(entry.traceHeader === undefined ? {} : { traceHeader: entry.traceHeader }),
  };
  if (message.content === undefined) putBody(work, queue, messageId, content, message.expiresAt);
  putMessage(work, queue, message, messageDocumentId(queue, message), 0);
  if (!queue.fifo) return answer(entry, messageId);
  const head = group?.head ?? { sequence: message.sequence, readyAt: message.visibleAt };
  putGroup(work, queue, { groupId: entry.groupId!, last: message.sequence, head }, version);
  const accepted: Accepted = { messageId, sequence: message.sequence };
  work.state.put(types.dedup, deduplicationKey(queue, entry), accepted, {
    at: scopeOf(queue),
    expiresAt: work.now + deduplicationMs,
  });
  return answer(entry, messageId, message.sequence);
}

async function earlier({ state }: Work, queue: Queue, entry: Prepared): Promise<Accepted | undefined> {
  return (await state.get<Accepted>(types.dedup, deduplicationKey(queue, entry), scopeOf(queue)))?.value;
}

function deduplicationKey(queue: Queue, { groupId, deduplicationId }: Prepared): string {
  const scope = queue.deduplicationScope === "messageGroup" ? `${groupId}\n` : "";
  return `${queue.uid}/${createHash("sha256")
    .update(scope + deduplicationId)
    .digest("hex")}`;
}

function answer({ body, attributes, traceHeader }: Prepared, messageId: string, sequence?: string): Out<"SendMessage"> {
  const digest = attributesDigest(attributes);
  const system =
    traceHeader === undefined ? undefined : attributesDigest({ AWSTraceHeader: { type: "String", text: traceHeader } });
  return {
    MessageId: messageId,
    MD5OfMessageBody: bodyDigest(body),
    ...(digest === undefined ? {} : { MD5OfMessageAttributes: digest }),
    ...(system === undefined ? {} : { MD5OfMessageSystemAttributes: system }),
    ...(sequence === undefined ? {} : { SequenceNumber: sequence }),
  };
}

function senderId({ principal }: CallContext): string {
  if (principal.kind === "anonymous") return "ANONYMOUS_PRINCIPAL";
  return principal.kind === "service" ? principal.service : principal.id;
}
