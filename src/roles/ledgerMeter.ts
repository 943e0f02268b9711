/**
 * Counts what AWS would bill, off the audit stream: every served call of KMS in its price class, and when hardware
 * security modules begin and end. A call costs nothing more for it; a batch of events is one change to each account's month.
 *
 * "When you use a KMS key in a different AWS account, the AWS account that makes the API request is charged for the key
 * use": AWS KMS pricing. Whether refused requests are billed it does not say; they are not counted.
 *
 * INVARIANT: an event is counted once. The counts and how far the partition has been read are one document, changed
 * under its version; an event that comes again lies behind what has been read.
 */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import { auditStream } from "#gateway/auditRecord.ts";
import type { ReactorContext } from "#gateway/context.ts";
import type { Document, DocumentKey, Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { monthOf, monthRange } from "#engines/ledger/hours.ts";
import { dependsOnKey, requestClass } from "#engines/ledger/requestClasses.ts";
import { types as kmsTypes, type DeletedKeyDocument, type KeyDocument } from "../services/kms/state.ts";
import type { RunnableReactor } from "./reactorRunner.ts";
import {
  retentionMs,
  serviceId,
  types,
  type ClusterDocument,
  type HsmDocument,
  type RequestsDocument,
} from "./ledgerState.ts";

/** Specs that are remembered; a key's never changes. */
const mostSpecs = 10_000;

/** A new meter; it keeps the specs of keys from one batch to the next. */
export function ledgerMeter(): RunnableReactor {
  const specs = new Map<string, string>();
  return {
    service: serviceId,
    reactor: {
      name: "meter",
      stream: auditStream,
      async handle(events, ctx) {
        const records = events as readonly StoredEvent<AuditRecord>[];
        const operations = [...(await countedRequests(records, ctx, specs)), ...(await modules(records, ctx))];
        if (operations.length > 0) await ctx.store.commit(operations);
      },
    },
  };
}

/** Whether this record is the one by which a call is billed: the caller's, of a call that was served. */
function isBilled(record: AuditRecord): boolean {
  if (record.eventSource !== "kms.amazonaws.com" || record.eventType !== "AwsApiCall") return false;
  if (record.errorCode !== undefined) return false;
  const caller = record.userIdentity["accountId"];
  if (caller !== undefined && caller !== record.recipientAccountId) return false;
  return !isReplicasRecord(record);
}

/** ReplicateKey leaves a second record, CreateKey in the replica's Region, which nobody called. */
function isReplicasRecord({ eventName, responseElements }: AuditRecord): boolean {
  if (eventName !== "CreateKey") return false;
  const metadata = responseElements?.["keyMetadata"] as { creationDate?: unknown } | undefined;
  return metadata?.creationDate === undefined;
}

async function countedRequests(
  events: readonly StoredEvent<AuditRecord>[],
  ctx: ReactorContext,
  specs: Map<string, string>,
): Promise<Operation[]> {
  const billed = events.filter(({ event }) => isBilled(event));
  if (billed.length === 0) return [];
  await learnSpecs(billed, ctx, specs);
  const byMonth = Map.groupBy(billed, ({ event, partition }) => JSON.stringify(monthKey(event, partition)));
  const keys = [...byMonth.keys()].map((text) => JSON.parse(text) as DocumentKey);
  const known = await ctx.store.getMany<RequestsDocument>(keys);
  return [...byMonth.values()].flatMap((month, index) => counted(keys[index]!, known[index], month, specs));
}

function monthKey({ recipientAccountId, awsRegion, eventTime }: AuditRecord, partition: number): DocumentKey {
  const id = `${monthOf(Date.parse(eventTime))}/${partition}`;
  return { account: recipientAccountId, region: awsRegion, service: serviceId, type: types.requests, id };
}

function counted(
  key: DocumentKey,
  known: Document<RequestsDocument> | undefined,
  events: readonly StoredEvent<AuditRecord>[],
  specs: ReadonlyMap<string, string>,
): Operation[] {
  const before = known?.value;
  // A stream that was made anew counts from the start: its events are younger than what has been read.
  const fresh = events.filter(({ offset, time }) => !before || offset > before.offset || time > before.time);
  const last = fresh.at(-1);
  if (!last) return [];
  const counts = { ...before?.counts };
  for (const { event } of fresh) {
    const pairSpec = event.requestParameters?.["keyPairSpec"];
    const of = requestClass(
      event.eventName,
      arnsOf(event).map((arn) => specs.get(arn) ?? ""),
      typeof pairSpec === "string" ? pairSpec : undefined,
    );
    counts[of] = (counts[of] ?? 0) + 1;
  }
  const value: RequestsDocument = { counts, offset: last.offset, time: last.time };
  const expiresAt = monthRange(key.id.slice(0, 7))!.to + retentionMs;
  return [{ op: "put", key, value, ifVersion: known?.version ?? 0, expiresAt }];
}

const arnsOf = ({ resources = [] }: AuditRecord): string[] =>
  resources.filter(({ type }) => type === "AWS::KMS::Key").map(({ ARN }) => ARN);

async function learnSpecs(
  events: readonly StoredEvent<AuditRecord>[],
  { store }: ReactorContext,
  specs: Map<string, string>,
): Promise<void> {
  const arns = new Set(events.flatMap(({ event }) => (dependsOnKey(event.eventName) ? arnsOf(event) : [])));
  const missing = [...arns].filter((arn) => !specs.has(arn));
  if (missing.length === 0) return;
  if (specs.size + missing.length > mostSpecs) specs.clear();
  const keyOf = (arn: string, type: string): DocumentKey => {
    const [, , , region = "", account = "", resource = ""] = arn.split(":");
    return { account, region, service: "kms", type, id: resource.replace(/^key\//, "") };
  };
  const [keys, deleted] = await Promise.all([
    store.getMany<KeyDocument>(missing.map((arn) => keyOf(arn, kmsTypes.key))),
    store.getMany<DeletedKeyDocument>(missing.map((arn) => keyOf(arn, kmsTypes.deleted))),
  ]);
  for (const [index, arn] of missing.entries()) {
    const spec = (keys[index] ?? deleted[index])?.value.spec;
    if (spec !== undefined) specs.set(arn, spec);
  }
}

interface ModuleRecord {
  cluster?: { clusterId?: string; hsmType?: string };
  hsm?: { hsmId?: string; clusterId?: string };
  hsmId?: string;
}

/** CreateCluster, CreateHsm and DeleteHsm of CloudHSM; each may come again. */
async function modules(events: readonly StoredEvent<AuditRecord>[], { store }: ReactorContext): Promise<Operation[]> {
  const relevant = events.filter(
    ({ event }) => event.eventSource === "cloudhsm.amazonaws.com" && event.errorCode === undefined,
  );
  const hsms = new Map<string, { key: DocumentKey; value: HsmDocument }>();
  const operations: Operation[] = [];
  for (const { event } of relevant) {
    const { cluster, hsm, hsmId } = (event.responseElements ?? {}) as ModuleRecord;
    const at = Date.parse(event.eventTime);
    const keyOf = (type: string, id: string): DocumentKey => ({
      account: event.recipientAccountId,
      region: event.awsRegion,
      service: serviceId,
      type,
      id,
    });
    const heldOf = async (id: string) =>
      hsms.get(id)?.value ?? (await store.get<HsmDocument>(keyOf(types.hsm, id)))?.value;
    if (event.eventName === "CreateCluster" && cluster?.clusterId && cluster.hsmType) {
      const value: ClusterDocument = { hsmType: cluster.hsmType };
      operations.push({ op: "put", key: keyOf(types.cluster, cluster.clusterId), value });
    } else if (event.eventName === "CreateHsm" && hsm?.hsmId && hsm.clusterId) {
      const { hsmId: id, clusterId } = hsm;
      if (!(await heldOf(id))) hsms.set(id, { key: keyOf(types.hsm, id), value: { hsmId: id, clusterId, from: at } });
    } else if (event.eventName === "DeleteHsm" && hsmId) {
      const held = await heldOf(hsmId);
      if (held && held.to === undefined) hsms.set(hsmId, { key: keyOf(types.hsm, hsmId), value: { ...held, to: at } });
    }
  }
  for (const { key, value } of hsms.values()) {
    const expiry = value.to === undefined ? {} : { expiresAt: value.to + retentionMs };
    operations.push({ op: "put", key, value, ...expiry });
  }
  return operations;
}
