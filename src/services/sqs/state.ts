/**
 * What SQS keeps, by document type. Everything lives in the account and Region of the queue.
 *
 * | type | id | what |
 * |---|---|---|
 * | queue | name | settings, policy, tags; index `deadLetter`: ARN of its dead-letter queue |
 * | message | epoch/sequence, FIFO: epoch/group/sequence | a message; index `due`: when it can be received, `flight`: when its receive runs out |
 * | body | message id | sealed content that is too long to travel with every change of its message |
 * | group | epoch/group | FIFO: head of a message group; index `ready`: when it can be received |
 * | dedup | queue uid/scope | FIFO: what was accepted in the last five minutes |
 * | attempt | epoch/attempt id | FIFO: what a receive request was answered |
 * | signal | epoch | rises when a message becomes available otherwise than by arriving |
 * | deleted | name | a name that is not free yet |
 * | discarded | epoch | messages to remove, or to give another retention |
 * | moveTask | queue name/started/task id | a message move task |
 *
 * INVARIANT: an epoch is never used again. A purge and a deletion give the queue another one or none, so at once no
 * message of the old epoch can be seen; what it left is removed by a job.
 * INVARIANT: a message is one document, and every step of its life is one change of it under its version: two
 * receivers cannot both have it, and no crash can leave it in two places or none.
 */
import { timeText } from "#kernel/clock.ts";
import { createHash } from "node:crypto";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { State } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";

export const serviceId = "sqs";

export const types = {
  queue: "queue",
  message: "message",
  body: "body",
  group: "group",
  dedup: "dedup",
  attempt: "attempt",
  signal: "signal",
  deleted: "deleted",
  discarded: "discarded",
  moveTask: "moveTask",
} as const;

export type QueueEncryption =
  | { kind: "none" }
  /** The queue's key under the key holder, base64; purpose `sqs-queue`, bound to the uid. */
  | { kind: "SSE-SQS"; key: string }
  /** As the client named it; seconds. */
  | { kind: "SSE-KMS"; keyId: string; reusePeriod: number };

export interface RedrivePolicy {
  deadLetterTargetArn: string;
  maxReceiveCount: number;
}

export interface RedriveAllowPolicy {
  redrivePermission: "allowAll" | "denyAll" | "byQueue";
  sourceQueueArns?: string[];
}

export interface Queue {
  name: string;
  arn: string;
  account: string;
  region: string;
  uid: string;
  epoch: string;
  fifo: boolean;
  createdAt: number;
  modifiedAt: number;
  purgedAt?: number;
  /** Seconds, bytes. */
  visibilityTimeout: number;
  maximumMessageSize: number;
  retention: number;
  delay: number;
  wait: number;
  contentBasedDeduplication: boolean;
  deduplicationScope: "queue" | "messageGroup";
  throughputLimit: "perQueue" | "perMessageGroupId";
  policy?: string;
  boundPolicy?: BoundPolicy;
  redrive?: RedrivePolicy;
  redriveAllow?: RedriveAllowPolicy;
  encryption: QueueEncryption;
  tags: Record<string, string>;
}

export type Seal =
  | { kind: "none" }
  | { kind: "SSE-SQS"; key: string; bound: string }
  | { kind: "SSE-KMS"; keyArn: string; dataKey: string; queueArn: string };

export interface Message {
  messageId: string;
  /** Twenty digits, rising. */
  sequence: string;
  sentAt: number;
  senderId: string;
  /** Epoch milliseconds from which it can be received. */
  visibleAt: number;
  /** Of its last receive. */
  receipt?: string;
  receivedAt?: number;
  firstReceivedAt?: number;
  /** As shown, and as counted by the queue it is in. */
  received: number;
  receivedHere: number;
  groupId?: string;
  deduplicationId?: string;
  traceHeader?: string;
  deadLetterSource?: string;
  expiresAt: number;
  seal: Seal;
  /** Content in this document; without it, in the `body` document of the message id. */
  content?: string;
}

export interface Group {
  groupId: string;
  /** Sequence of its newest message; a later one is greater. */
  last: string;
  head?: { sequence: string; readyAt: number };
}

/** Content up to this many characters travels with its message. */
export const inlineLimit = 4096;

export function isInFlight(message: Message, now: number): boolean {
  return message.receipt !== undefined && message.visibleAt > now;
}

export function groupHash(groupId: string): string {
  return createHash("sha256").update(groupId).digest("hex").slice(0, 40);
}

export function messageDocumentId(queue: Queue, message: Pick<Message, "sequence" | "groupId">): string {
  return queue.fifo
    ? `${queue.epoch}/${groupHash(message.groupId ?? "")}/${message.sequence}`
    : `${queue.epoch}/${message.sequence}`;
}

type At = { account: string; region: string; service: string };

export function scopeOf(queue: Pick<Queue, "account" | "region">): At {
  return { account: queue.account, region: queue.region, service: serviceId };
}

/** A call or a job at work on queues: state, and the time it counts as. */
export interface Work {
  state: State;
  now: number;
}

export function putQueue({ state }: Work, queue: Queue): void {
  state.put<Queue>(types.queue, queue.name, queue, {
    at: scopeOf(queue),
    indexes: queue.redrive ? { deadLetter: queue.redrive.deadLetterTargetArn } : {},
  });
}

/** @param version as it was read; 0 for a new message. */
export function putMessage({ state, now }: Work, queue: Queue, message: Message, id: string, version: number): void {
  const time = `${queue.epoch}/${timeText(message.visibleAt)}`;
  state.put<Message>(types.message, id, message, {
    at: scopeOf(queue),
    indexes: isInFlight(message, now) ? { due: time, flight: time } : { due: time },
    expiresAt: message.expiresAt,
    version,
  });
}

/** Content that is too long for the message's own document. */
export function putBody({ state }: Work, queue: Queue, messageId: string, content: string, expiresAt: number): void {
  state.put(types.body, messageId, { content }, { at: scopeOf(queue), version: "any", expiresAt });
}

export async function contentOf({ state }: Work, queue: Queue, message: Message): Promise<string | undefined> {
  if (message.content !== undefined) return message.content;
  return (await state.get<{ content: string }>(types.body, message.messageId, scopeOf(queue)))?.value.content;
}

export function deleteMessage({ state }: Work, queue: Queue, document: Document<Message>): void {
  const at = scopeOf(queue);
  state.delete(types.message, document.key.id, { version: document.version, at });
  if (document.value.content === undefined) state.delete(types.body, document.value.messageId, { version: "any", at });
}

/** Wakes receivers that wait for the queue. */
export function signal({ state, now }: Work, queue: Queue): void {
  state.put(types.signal, queue.epoch, { at: now }, { at: scopeOf(queue), version: "any", expiresAt: now + 60_000 });
}
