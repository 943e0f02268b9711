/**
 * Queue attributes: what clients may set, within which bounds, and how they are shown; one row each.
 * Source: SQS API Reference, SetQueueAttributes and GetQueueAttributes; SQS Developer Guide, "Amazon SQS message quotas"
 * (messages up to 1 MiB).
 */
import { createHash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, type KeptPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { invalidAttributeValue, invalidValue, oneEncryption, unknownAttribute } from "./errors.ts";
import { addressOfArn } from "./queue.ts";
import type { Queue, QueueEncryption, RedriveAllowPolicy, RedrivePolicy } from "./state.ts";

export const largestMessage = 1024 * 1024;

interface Bounds {
  member: "visibilityTimeout" | "maximumMessageSize" | "retention" | "delay" | "wait";
  least: number;
  most: number;
  initial: number;
}

const numbers: Readonly<Record<string, Bounds>> = {
  VisibilityTimeout: { member: "visibilityTimeout", least: 0, most: 43_200, initial: 30 },
  MaximumMessageSize: { member: "maximumMessageSize", least: 1024, most: largestMessage, initial: largestMessage },
  MessageRetentionPeriod: { member: "retention", least: 60, most: 1_209_600, initial: 345_600 },
  DelaySeconds: { member: "delay", least: 0, most: 900, initial: 0 },
  ReceiveMessageWaitTimeSeconds: { member: "wait", least: 0, most: 20, initial: 0 },
};

export type Settings = Pick<
  Queue,
  | "visibilityTimeout"
  | "maximumMessageSize"
  | "retention"
  | "delay"
  | "wait"
  | "contentBasedDeduplication"
  | "deduplicationScope"
  | "throughputLimit"
> &
  Partial<Pick<Queue, "policy" | "redrive" | "redriveAllow">> & { encryption: WantedEncryption };

/** What is asked for; the key of SSE-SQS is made by the caller. */
export type WantedEncryption = { kind: "none" } | { kind: "SSE-SQS" } | Extract<QueueEncryption, { kind: "SSE-KMS" }>;

export const initialSettings: Settings = {
  ...(Object.fromEntries(Object.values(numbers).map(({ member, initial }) => [member, initial])) as Pick<
    Settings,
    Bounds["member"]
  >),
  contentBasedDeduplication: false,
  deduplicationScope: "queue",
  throughputLimit: "perQueue",
  encryption: { kind: "SSE-SQS" },
};

/**
 * The settings after a change. Removing is by the empty text, for policies.
 * @throws InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue
 */
export function withAttributes(
  settings: Settings,
  fifo: boolean,
  attributes: Readonly<Record<string, string>>,
): Settings {
  const next: Settings = { ...settings };
  for (const [name, value] of Object.entries(attributes)) {
    const bounds = numbers[name];
    if (bounds) next[bounds.member] = whole(name, value, bounds);
    else apply(next, fifo, name, value);
  }
  next.encryption = encryptionAfter(settings.encryption, attributes);
  if (next.throughputLimit === "perMessageGroupId" && next.deduplicationScope !== "messageGroup") {
    throw invalidValue(
      "perMessageGroupId",
      "FifoThroughputLimit",
      "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
    );
  }
  return next;
}

function apply(next: Settings, fifo: boolean, name: string, value: string): void {
  switch (name) {
    case "Policy":
      return replace(next, "policy", value === "" ? undefined : checkedPolicy(value));
    case "RedrivePolicy":
      return replace(next, "redrive", value === "" ? undefined : readRedrive(value));
    case "RedriveAllowPolicy":
      return replace(next, "redriveAllow", value === "" ? undefined : readRedriveAllow(value));
    case "ContentBasedDeduplication":
      next.contentBasedDeduplication = fifoOnly(fifo, name, flag(name, value));
      return;
    case "DeduplicationScope":
      next.deduplicationScope = fifoOnly(fifo, name, oneOf(name, value, ["queue", "messageGroup"]));
      return;
    case "FifoThroughputLimit":
      next.throughputLimit = fifoOnly(fifo, name, oneOf(name, value, ["perQueue", "perMessageGroupId"]));
      return;
    case "FifoQueue":
    case "KmsMasterKeyId":
    case "KmsDataKeyReusePeriodSeconds":
    case "SqsManagedSseEnabled":
      return;
    default:
      throw unknownAttribute(name);
  }
}

function replace<K extends "policy" | "redrive" | "redriveAllow">(next: Settings, member: K, value: Settings[K]): void {
  if (value === undefined) delete next[member];
  else next[member] = value;
}

function encryptionAfter(before: WantedEncryption, attributes: Readonly<Record<string, string>>): WantedEncryption {
  const { KmsMasterKeyId: key, KmsDataKeyReusePeriodSeconds: period, SqsManagedSseEnabled: managed } = attributes;
  if (key !== undefined && key !== "" && managed === "true") throw oneEncryption();
  const reuse =
    period === undefined ? undefined : whole("KmsDataKeyReusePeriodSeconds", period, { least: 60, most: 86_400 });
  if (key !== undefined && key !== "") {
    return {
      kind: "SSE-KMS",
      keyId: key,
      reusePeriod: reuse ?? (before.kind === "SSE-KMS" ? before.reusePeriod : 300),
    };
  }
  if (managed !== undefined && flag("SqsManagedSseEnabled", managed)) {
    if (before.kind === "SSE-KMS" && key === undefined) throw oneEncryption();
    return { kind: "SSE-SQS" };
  }
  if (managed === "false" && before.kind === "SSE-SQS") return { kind: "none" };
  if (key === "" && before.kind === "SSE-KMS") return { kind: "none" };
  if (before.kind === "SSE-KMS" && reuse !== undefined) return { ...before, reusePeriod: reuse };
  return before;
}

function whole(name: string, value: string, { least, most }: { least: number; most: number }): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) throw invalidAttributeValue(name);
  return number;
}

function flag(name: string, value: string): boolean {
  return oneOf(name, value.toLowerCase(), ["true", "false"]) === "true";
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalidAttributeValue(name);
  return found;
}

function fifoOnly<T>(fifo: boolean, name: string, value: T): T {
  if (!fifo) throw unknownAttribute(name);
  return value;
}

/** At most 20 statements and 8 KB of text are AWS's limits of a queue policy. */
function checkedPolicy(text: string): string {
  if (Buffer.byteLength(text) > 8192) throw invalidAttributeValue("Policy");
  try {
    parsePolicy(text, "resource");
  } catch (error) {
    if (error instanceof AwsError) throw invalidAttributeValue("Policy");
    throw error;
  }
  return text;
}

/** The policy with its users and roles bound. @throws InvalidAttributeValue: it names one that does not exist */
export function keptPolicy(ctx: CallContext, policy: string): Promise<KeptPolicy> {
  return keepPolicy(ctx.identity, policy, () => invalidAttributeValue("Policy"));
}

function readRedrive(text: string): RedrivePolicy {
  const bad = (reason: string) => invalidValue(text, "RedrivePolicy", reason);
  const given = jsonObject(text);
  if (!given) throw bad("Redrive policy is not a valid JSON map.");
  const { deadLetterTargetArn: target, maxReceiveCount, ...more } = given;
  if (target === undefined) throw bad("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  if (maxReceiveCount === undefined) throw bad("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  if (Object.keys(more).length > 0)
    throw bad("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].");
  if (typeof target !== "string" || !addressOfArn(target)) throw bad("Invalid value for deadLetterTargetArn.");
  const most = Number(maxReceiveCount);
  if (!Number.isInteger(most) || most < 1 || most > 1000) {
    throw bad(
      "Invalid value for maxReceiveCount: " +
        String(maxReceiveCount) +
        ", valid values are from 1 to 1000 both inclusive.",
    );
  }
  return { deadLetterTargetArn: target, maxReceiveCount: most };
}

function readRedriveAllow(text: string): RedriveAllowPolicy {
  const bad = (reason: string) => invalidValue(text, "RedriveAllowPolicy", reason);
  const given = jsonObject(text);
  if (!given) throw bad("Redrive allow policy is not a valid JSON map.");
  const { redrivePermission, sourceQueueArns } = given;
  const permission = (["allowAll", "denyAll", "byQueue"] as const).find((each) => each === redrivePermission);
  if (permission === undefined) throw bad("Invalid value for redrivePermission.");
  if (permission !== "byQueue") {
    if (sourceQueueArns !== undefined) throw bad("sourceQueueArns can be specified only with the byQueue permission.");
    return { redrivePermission: permission };
  }
  if (!Array.isArray(sourceQueueArns) || sourceQueueArns.length < 1 || sourceQueueArns.length > 10) {
    throw bad("sourceQueueArns must name 1 to 10 queues.");
  }
  if (!sourceQueueArns.every((arn): arn is string => typeof arn === "string" && addressOfArn(arn) !== undefined)) {
    throw bad("Invalid value for sourceQueueArns.");
  }
  return { redrivePermission: permission, sourceQueueArns };
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Attributes as GetQueueAttributes shows them, without the counts of messages. */
export function shownAttributes(queue: Queue): Record<string, string> {
  const shown: Record<string, string> = {
    QueueArn: queue.arn,
    CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
    LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1000)),
    SqsManagedSseEnabled: String(queue.encryption.kind === "SSE-SQS"),
  };
  for (const [name, { member }] of Object.entries(numbers)) shown[name] = String(queue[member]);
  if (queue.policy !== undefined) shown["Policy"] = queue.policy;
  if (queue.redrive) shown["RedrivePolicy"] = JSON.stringify(queue.redrive);
  if (queue.redriveAllow) shown["RedriveAllowPolicy"] = JSON.stringify(queue.redriveAllow);
  if (queue.encryption.kind === "SSE-KMS") {
    shown["KmsMasterKeyId"] = queue.encryption.keyId;
    shown["KmsDataKeyReusePeriodSeconds"] = String(queue.encryption.reusePeriod);
  }
  if (queue.fifo) {
    shown["FifoQueue"] = "true";
    shown["ContentBasedDeduplication"] = String(queue.contentBasedDeduplication);
    shown["DeduplicationScope"] = queue.deduplicationScope;
    shown["FifoThroughputLimit"] = queue.throughputLimit;
  }
  return shown;
}

/** SHA-256 of the body, the deduplication id of content-based deduplication. */
export function contentDeduplicationId(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
