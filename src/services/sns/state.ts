/**
 * What SNS keeps, by document type. Everything lives in the account and Region of the topic, except `owned` and `signer`.
 *
 * | type | id | what |
 * |---|---|---|
 * | topic | name | settings, policy, tags |
 * | subscription | topic name/uuid | who gets what; index `endpoint` finds one subscribed twice |
 * | owned | topic account/topic name/uuid | in the subscriber's account: where its subscription is |
 * | token | token | what a confirmation confirms |
 * | message | sequence | a published message with deliveries outstanding |
 * | delivery | sequence/subscription uuid | one outstanding delivery; index `due`: when it is tried next, or for FIFO `lane`: order within its subscription |
 * | order | topic uid/group | FIFO: sequence of the newest message of a group |
 * | dedup | topic uid/scope | FIFO: what was accepted in the last five minutes |
 * | signer | id | in the installation's account: a signing key pair and its certificate |
 *
 * INVARIANT: a message and the deliveries to everyone who is to have it are committed in one batch with the answer to the
 * publisher; a delivery is removed only after its endpoint, or its dead-letter queue, has taken it, or for good reason.
 */
import { timeText } from "#kernel/clock.ts";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { DeliveryStatus } from "./deliveryStatus.ts";
import type { State } from "#gateway/context.ts";

export const serviceId = "sns";
export const installationAccount = "000000000000";

export const types = {
  topic: "topic",
  subscription: "subscription",
  owned: "owned",
  token: "token",
  message: "message",
  delivery: "delivery",
  order: "order",
  dedup: "dedup",
  signer: "signer",
} as const;

export interface Topic {
  name: string;
  arn: string;
  account: string;
  region: string;
  uid: string;
  fifo: boolean;
  createdAt: number;
  displayName: string;
  policy: string;
  boundPolicy?: BoundPolicy;
  deliveryPolicy?: string;
  kmsMasterKeyId?: string;
  signatureVersion?: "1" | "2";
  tracingConfig?: "PassThrough";
  contentBasedDeduplication: boolean;
  fifoThroughputScope?: "Topic" | "MessageGroup";
  deliveryStatus?: DeliveryStatus;
  deletedSubscriptions: number;
  tags: Record<string, string>;
}

export type Protocol = "sqs" | "http" | "https" | "email" | "email-json";

export interface Subscription {
  uuid: string;
  arn: string;
  topicArn: string;
  topicUid: string;
  owner: string;
  /** ARN of whoever subscribed. */
  principal: string;
  protocol: Protocol;
  endpoint: string;
  confirmed: boolean;
  confirmationWasAuthenticated: boolean;
  authenticateOnUnsubscribe: boolean;
  raw: boolean;
  filterPolicy?: string;
  filterPolicyScope: "MessageAttributes" | "MessageBody";
  deliveryPolicy?: string;
  /** ARN of the queue. */
  deadLetterQueue?: string;
}

export interface KeptAttribute {
  type: string;
  /** Bytes are in base64. */
  value: string;
}

/** What was published, as it is delivered. */
export interface Published {
  message: string;
  /** By protocol, of a message with structure. */
  byProtocol?: Record<string, string>;
  subject?: string;
  attributes: Record<string, KeptAttribute>;
}

export type Content =
  | { kind: "plain"; published: Published }
  /** Sealed under a data key; the key is protected by the key holder, purpose `sns-message`, bound to the message id. */
  | { kind: "sealed"; key: string; text: string };

export interface Message {
  messageId: string;
  topicArn: string;
  topicName: string;
  publishedAt: number;
  content: Content;
  deliveries: number;
  /** FIFO. */
  groupId?: string;
  deduplicationId?: string;
  sequence?: string;
}

export type DeliveryKind = "Notification" | "SubscriptionConfirmation" | "UnsubscribeConfirmation";

export interface Delivery {
  kind: DeliveryKind;
  topicName: string;
  uuid: string;
  /** Sequence of the message document; of confirmations, of nothing. */
  sequence: string;
  /** Attempts made. */
  attempts: number;
  dueAt: number;
  ordered: boolean;
  createdAt: number;
  /** Of a confirmation. */
  token?: string;
  messageId?: string;
  /** The last failure; with `dead`, the message is on its way to the dead-letter queue. */
  failure?: { code: string; message: string };
  dead?: boolean;
  /** The subscription as it was, for a message that tells of its end. */
  subscription?: Subscription;
}

export interface Place {
  account: string;
  region: string;
}

export function scopeOf({ account, region }: Place): Place & { service: string } {
  return { account, region, service: serviceId };
}

export const subscriptionId = (topicName: string, uuid: string): string => `${topicName}/${uuid}`;
export const deliveryId = (delivery: Pick<Delivery, "sequence" | "uuid">): string =>
  `${delivery.sequence}/${delivery.uuid}`;

/** Of a FIFO subscription the first one alone is looked at, so the others are found by their order and not by their time. */
export function deliveryIndexes(delivery: Delivery): Record<string, string> {
  return delivery.ordered ? { lane: `${delivery.uuid}/${delivery.sequence}` } : { due: timeText(delivery.dueAt) };
}

/** No retry policy goes on for longer. Source: SNS Developer Guide, "Message delivery retries" (23 days). */
export const longestDeliveryMs = 24 * 24 * 3_600_000;

export function putDelivery(state: State, place: Place, delivery: Delivery, version: number): void {
  state.put<Delivery>(types.delivery, deliveryId(delivery), delivery, {
    at: scopeOf(place),
    version,
    indexes: deliveryIndexes(delivery),
    expiresAt: delivery.createdAt + longestDeliveryMs,
  });
}
