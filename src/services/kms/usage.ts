/**
 * When a key was last used, read off the audit trail: the record of the call is written with the call, and a reactor
 * keeps each key's latest. The calls themselves write nothing more. Source: KMS API Reference, GetKeyLastUsage.
 */
import { type AuditRecord, auditStream } from "#gateway/auditRecord.ts";
import type { CallContext, ReactorContext } from "#gateway/context.ts";
import type { Reactor } from "#gateway/service.ts";
import type { DocumentKey, Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { type KeyDocument, types } from "./state.ts";

/** KeyLastUsageTrackingOperation: every operation that uses the material of a key. */
export const tracked = [
  "Decapsulate",
  "Decrypt",
  "DeriveSharedSecret",
  "Encapsulate",
  "Encrypt",
  "GenerateDataKey",
  "GenerateDataKeyPair",
  "GenerateDataKeyPairWithoutPlaintext",
  "GenerateDataKeyWithoutPlaintext",
  "GenerateMac",
  "ReEncrypt",
  "Sign",
  "Verify",
  "VerifyMac",
] as const;

export interface UsageDocument {
  operation: (typeof tracked)[number];
  /** Epoch milliseconds, whole seconds as CloudTrail has them. */
  at: number;
  eventId: string;
  requestId: string;
}

const service = "kms";
const dayMs = 86_400_000;

interface Use {
  arn: string;
  key: DocumentKey;
  usage: UsageDocument;
}

/** Document keys and uses of a record: two for ReEncrypt. A record in another account's trail is not the owner's. */
function usesOf(record: Partial<AuditRecord>): Use[] {
  if (record.eventSource !== "kms.amazonaws.com" || record.errorCode !== undefined) return [];
  const operation = tracked.find((each) => each === record.eventName);
  if (!operation) return [];
  const usage: UsageDocument = {
    operation,
    at: Date.parse(record.eventTime!),
    eventId: record.eventID!,
    requestId: record.requestID!,
  };
  return (record.resources ?? []).flatMap(({ ARN, accountId }) => {
    const [, , , region, account, resource = ""] = ARN.split(":");
    if (!account || !region || accountId !== account || account !== record.recipientAccountId) return [];
    const id = resource.replace(/^key\//, "");
    return [{ arn: ARN, key: { account, region, service, type: types.usage, id }, usage }];
  });
}

/** Idempotent: the same events give the same documents. What comes again out of order does not go back in time. */
async function follow(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  // Of many uses of a key the last one counts: a record is read closer only when none behind it was of its keys.
  const latest = new Map<string, Use>();
  for (const { event } of events.toReversed()) {
    const record = event as Partial<AuditRecord>;
    if (!record.resources?.some(({ ARN }) => !latest.has(ARN))) continue;
    for (const use of usesOf(record)) if (!latest.has(use.arn)) latest.set(use.arn, use);
  }
  const uses = [...latest.values()];
  if (uses.length === 0) return;
  const [known, keys] = await Promise.all([
    ctx.store.getMany<UsageDocument>(uses.map(({ key }) => key)),
    ctx.store.getMany<KeyDocument>(uses.map(({ key }) => ({ ...key, type: types.key }))),
  ]);
  const operations = uses.flatMap(({ key, usage }, index): Operation[] => {
    // A key that is gone leaves nothing behind.
    if (!keys[index] || (known[index]?.value.at ?? 0) > usage.at) return [];
    return [{ op: "put", key, value: usage }];
  });
  if (operations.length > 0) await ctx.store.commit(operations);
}

export const usageReactor: Reactor = { name: "usage", stream: auditStream, handle: follow };

export async function lastUsage(ctx: CallContext, key: KeyDocument): Promise<UsageDocument | undefined> {
  return (await ctx.state.get<UsageDocument>(types.usage, key.keyId))?.value;
}

/** `kms:TrailingDaysWithoutKeyUsage`: whole days since the key was used or, if it never was, made. */
export async function trailingDays(ctx: CallContext, key: KeyDocument): Promise<string> {
  const since = (await lastUsage(ctx, key))?.at ?? key.createdAt;
  return String(Math.max(0, Math.floor((ctx.now - since) / dayMs)));
}
