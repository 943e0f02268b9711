/** Attributes of topics. Source: SNS API Reference, CreateTopic, SetTopicAttributes, GetTopicAttributes. */
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, type KeptPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { readTopicPolicy, shownTopicPolicy } from "./deliveryPolicy.ts";
import { shownFeedback, withFeedback } from "./deliveryStatus.ts";
import { invalid, invalidBecause, notServed } from "./errors.ts";
import type { Topic } from "./state.ts";

export type Settings = Pick<Topic, "displayName" | "policy" | "contentBasedDeduplication"> &
  Partial<
    Pick<
      Topic,
      | "deliveryPolicy"
      | "kmsMasterKeyId"
      | "signatureVersion"
      | "tracingConfig"
      | "fifoThroughputScope"
      | "deliveryStatus"
    >
  >;

const ownerActions = [
  "GetTopicAttributes",
  "SetTopicAttributes",
  "AddPermission",
  "RemovePermission",
  "DeleteTopic",
  "Subscribe",
  "ListSubscriptionsByTopic",
  "Publish",
];

/** The policy of a topic that was given none, as AWS writes it. */
export function defaultPolicy(arn: string, account: string): string {
  return JSON.stringify({
    Version: "2008-10-17",
    Id: "__default_policy_ID",
    Statement: [
      {
        Sid: "__default_statement_ID",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ownerActions.map((action) => `SNS:${action}`),
        Resource: arn,
        Condition: { StringEquals: { "AWS:SourceOwner": account } },
      },
    ],
  });
}

/** The settings after one attribute is set. @throws InvalidParameter */
export function withAttribute(topic: Settings, fifo: boolean, name: string, value: string, fresh: string): Settings {
  switch (name) {
    case "DisplayName":
      if (value.length > 100 || /[\r\n]/.test(value)) throw invalid("DisplayName");
      return { ...topic, displayName: value };
    case "Policy":
      return { ...topic, policy: value === "" ? fresh : checkedPolicy(value) };
    case "DeliveryPolicy":
      readTopicPolicy(value);
      return optional(topic, "deliveryPolicy", value);
    case "KmsMasterKeyId":
      return optional(topic, "kmsMasterKeyId", value);
    case "SignatureVersion":
      if (value !== "1" && value !== "2") throw invalid("SignatureVersion");
      return { ...topic, signatureVersion: value };
    case "TracingConfig":
      if (value === "Active") throw notServed("TracingConfig", "X-Ray traces");
      if (value !== "PassThrough") throw invalid("TracingConfig");
      return { ...topic, tracingConfig: value };
    case "ContentBasedDeduplication":
      if (!fifo) throw invalidBecause("Attributes", "Content-based deduplication can only be set for FIFO topics");
      return { ...topic, contentBasedDeduplication: flag(name, value) };
    case "FifoThroughputScope":
      if (!fifo) throw invalidBecause("Attributes", "FifoThroughputScope can only be set for FIFO topics");
      if (value !== "Topic" && value !== "MessageGroup") throw invalid("FifoThroughputScope");
      return { ...topic, fifoThroughputScope: value };
    case "ArchivePolicy":
      throw notServed("ArchivePolicy", "message archives");
    default: {
      const feedback = withFeedback(topic.deliveryStatus, name, value);
      if (!feedback) throw invalid("AttributeName");
      return { ...topic, ...feedback };
    }
  }
}

function optional<K extends "deliveryPolicy" | "kmsMasterKeyId">(topic: Settings, member: K, value: string): Settings {
  const { [member]: _, ...rest } = topic;
  return (value === "" ? rest : { ...rest, [member]: value }) as Settings;
}

function flag(name: string, value: string): boolean {
  if (value !== "true" && value !== "false") throw invalid(name);
  return value === "true";
}

function checkedPolicy(text: string): string {
  if (Buffer.byteLength(text) > 30_720) throw invalidBecause("Policy", "Policy is too large");
  try {
    parsePolicy(text, "resource");
  } catch (error) {
    if (error instanceof AwsError) throw invalid("Policy Error: null");
    throw error;
  }
  return text;
}

/** The policy with its users and roles bound. @throws InvalidParameter: it names one that does not exist */
export function keptPolicy(ctx: CallContext, policy: string): Promise<KeptPolicy> {
  return keepPolicy(ctx.identity, policy, () => invalid("Policy Error: PrincipalNotFound"));
}

/** As GetTopicAttributes shows them, without the counts of subscriptions. */
export function shownAttributes(topic: Topic): Record<string, string> {
  return {
    TopicArn: topic.arn,
    Owner: topic.account,
    Policy: topic.policy,
    DisplayName: topic.displayName,
    EffectiveDeliveryPolicy: shownTopicPolicy(topic.deliveryPolicy),
    ...(topic.deliveryPolicy === undefined ? {} : { DeliveryPolicy: topic.deliveryPolicy }),
    ...(topic.kmsMasterKeyId === undefined ? {} : { KmsMasterKeyId: topic.kmsMasterKeyId }),
    ...(topic.signatureVersion === undefined ? {} : { SignatureVersion: topic.signatureVersion }),
    ...shownFeedback(topic.deliveryStatus),
    ...(topic.tracingConfig === undefined ? {} : { TracingConfig: topic.tracingConfig }),
    ...(topic.fifo
      ? {
          FifoTopic: "true",
          ContentBasedDeduplication: String(topic.contentBasedDeduplication),
          ...(topic.fifoThroughputScope === undefined ? {} : { FifoThroughputScope: topic.fifoThroughputScope }),
        }
      : {}),
  };
}
