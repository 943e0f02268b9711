/** What is sent to endpoints. Source: SNS Developer Guide, "Parsing Amazon SNS message formats" and "Verifying the signatures". */
import type { InstallationConfig } from "#gateway/context.ts";
import { certificatePath, type Signer } from "./signer.ts";
import type { Delivery, Message, Published, Subscription, Topic } from "./state.ts";

export interface Envelope {
  type: Delivery["kind"];
  messageId: string;
  /** The JSON document. */
  body: string;
}

type Members = Record<string, unknown>;

/** Members that are signed, in the order of the canonical string. */
const signedMembers = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
} as const;

export function canonicalText(type: Delivery["kind"], members: Members): string {
  return signedMembers[type]
    .filter((name) => members[name] !== undefined)
    .map((name) => `${name}\n${String(members[name])}\n`)
    .join("");
}

function complete(config: InstallationConfig, topic: Topic, signer: Signer, members: Members, more: Members): string {
  const version = topic.signatureVersion ?? "1";
  const type = members["Type"] as Delivery["kind"];
  const https = config.endpoint.replace(/^http:/, "https:");
  return pretty({
    ...members,
    SignatureVersion: version,
    Signature: signer.sign(canonicalText(type, members), version),
    SigningCertURL: https + certificatePath(signer.id),
    ...more,
  });
}

/** As AWS lays it out: one member a line. */
function pretty(members: Members): string {
  const lines = Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${JSON.stringify(name)} : ${JSON.stringify(value)}`],
  );
  return `{\n${lines.join(",\n")}\n}`;
}

/** The text for a protocol: of a message with structure, its own or the default one. */
export function textFor({ message, byProtocol }: Published, protocol: Subscription["protocol"]): string {
  return byProtocol ? (byProtocol[protocol] ?? byProtocol["default"] ?? "") : message;
}

export function notification(
  config: InstallationConfig,
  topic: Topic,
  signer: Signer,
  subscription: Subscription,
  message: Message,
  published: Published,
): Envelope {
  const attributes = Object.entries(published.attributes).map(([name, { type, value }]) => [
    name,
    { Type: type, Value: value },
  ]);
  const members: Members = {
    Type: "Notification",
    MessageId: message.messageId,
    ...(message.sequence === undefined ? {} : { SequenceNumber: message.sequence }),
    TopicArn: message.topicArn,
    ...(published.subject === undefined ? {} : { Subject: published.subject }),
    Message: textFor(published, subscription.protocol),
    Timestamp: new Date(message.publishedAt).toISOString(),
  };
  const body = complete(config, topic, signer, members, {
    UnsubscribeURL: unsubscribeUrl(config, subscription),
    ...(attributes.length > 0 ? { MessageAttributes: Object.fromEntries(attributes) } : {}),
  });
  return { type: "Notification", messageId: message.messageId, body };
}

export function confirmation(
  config: InstallationConfig,
  topic: Topic,
  signer: Signer,
  delivery: Delivery,
  subscription: Subscription,
): Envelope {
  const { kind, token = "", messageId = "" } = delivery;
  const text =
    kind === "SubscriptionConfirmation"
      ? `You have chosen to subscribe to the topic ${topic.arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`
      : `You have chosen to deactivate subscription ${subscription.arn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.`;
  const members: Members = {
    Type: kind,
    MessageId: messageId,
    Token: token,
    TopicArn: topic.arn,
    Message: text,
    SubscribeURL: subscribeUrl(config, topic, token),
    Timestamp: new Date(delivery.createdAt).toISOString(),
  };
  return { type: kind, messageId, body: complete(config, topic, signer, members, {}) };
}

/** Called without signature; the version says whose action it is. */
function action(config: InstallationConfig, name: string, parameters: Record<string, string>): string {
  const query = new URLSearchParams({ Action: name, ...parameters, Version: "2010-03-31" });
  // ARNs are left as they are, as AWS leaves them: clients show these addresses to people.
  return `${config.endpoint}/?${query.toString().replaceAll("%3A", ":")}`;
}

export function subscribeUrl(config: InstallationConfig, topic: Topic, token: string): string {
  return action(config, "ConfirmSubscription", { TopicArn: topic.arn, Token: token });
}

export function unsubscribeUrl(config: InstallationConfig, subscription: Subscription): string {
  return action(config, "Unsubscribe", { SubscriptionArn: subscription.arn });
}
