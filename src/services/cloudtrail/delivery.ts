/**
 * From the audit stream to files in buckets. The reactor sets aside what each trail selects; the job writes files of what has been set aside.
 *
 * INVARIANT: a selected record is either pending or in a delivered file. A batch is written down before its file,
 * so that after a crash the same file is written again, byte for byte, under the same name.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { JobContext, ReactorContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation, type Page } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { encryptionContext } from "./encryptionContext.ts";
import { eventOperations } from "./eventBridge.ts";
import { logFileKey } from "./paths.ts";
import { SettingAside } from "./pending.ts";
import { selects } from "./selectors.ts";
import {
  serviceId,
  trailScope,
  type Batch,
  type Delivered,
  type Pending,
  type Trail,
  type TrailStatus,
} from "./state.ts";
import { notifyTopic } from "./topicDelivery.ts";

/** A file is written this long after its first record. AWS says "typically within an average of about 5 minutes"; nobody here wants to wait so long. */
export const deliveryDelayMs = 15_000;
/** A file is full with so many records; the last document may add some. */
const mostRecordsInFile = 2_000;
const documentsAtATime = 100;
export const trailPrincipal = "cloudtrail.amazonaws.com";

/** The reactor: sets aside what each trail selects. */
export async function follow(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const trails = await loggingTrails(ctx);
  if (trails.length === 0) return;
  const aside = new SettingAside();
  const sent: Operation[] = [];
  for (const { event } of events) {
    const record = event as AuditRecord;
    let size: number | undefined;
    for (const trail of trails) {
      if (!(await covers(ctx, trail, record))) continue;
      size ??= JSON.stringify(record).length;
      aside.add("pending", trail, record, size);
      if (trail.logs) aside.add("pendingLog", trail, record, size);
    }
    if (size !== undefined) sent.push(...eventOperations(record));
  }
  await aside.commit(ctx, sent);
}

export async function loggingTrails(ctx: JobContext): Promise<Trail[]> {
  return (await everyTrail(ctx)).filter((trail) => trail.logging);
}

/** Trails of all accounts. Cross-account by design: events of one account are delivered by trails of another (organization trails). */
export async function everyTrail(ctx: JobContext): Promise<Trail[]> {
  const { items } = await ctx.store.list<Trail>({ service: serviceId, type: "trail", limit: 10_000 });
  return items.map(({ value }) => value);
}

async function covers(ctx: JobContext, trail: Trail, record: AuditRecord): Promise<boolean> {
  // What CloudTrail does to deliver a file would fill the next file, for ever.
  if (record.userIdentity["invokedBy"] === trailPrincipal) return false;
  if (record.recipientAccountId !== trail.account) {
    if (trail.organization === undefined) return false;
    const organization = await ctx.organization(record.recipientAccountId);
    if (organization?.id !== trail.organization) return false;
  }
  if (!trail.multiRegion && record.awsRegion !== trail.homeRegion) {
    // A single-Region trail still has the events of services without Region, filed under us-east-1.
    const global = trail.globalServiceEvents && globalSources.has(record.eventSource);
    if (!global) return false;
  }
  if (!trail.globalServiceEvents && globalSources.has(record.eventSource)) return false;
  return selects(trail, record);
}

/** Source: CloudTrail User Guide, "About global service events". */
const globalSources = new Set(["iam.amazonaws.com", "sts.amazonaws.com", "cloudfront.amazonaws.com"]);

/** One turn of the delivery job: a file for every series that is due. */
export async function deliver(ctx: JobContext): Promise<void> {
  for (const trail of await everyTrail(ctx)) {
    for (const series of await seriesOf(ctx, trail)) {
      if (ctx.signal.aborted) return;
      await deliverSeries(ctx, trail, series);
    }
  }
}

interface Series {
  account: string;
  region: string;
}

/** The (account, Region) pairs with pending records: jumps from one to the next. */
async function seriesOf(ctx: JobContext, trail: Trail): Promise<Series[]> {
  const found: Series[] = [];
  let from = `${trail.name}/`;
  for (;;) {
    const { items } = await ctx.store.list<Pending>({
      ...trailScope(trail),
      type: "pending",
      prefix: `${trail.name}/`,
      from,
      limit: 1,
    });
    const [first] = items;
    if (!first) return found;
    const [, account, region] = first.key.id.split("/") as [string, string, string];
    found.push({ account, region });
    // "0" follows "/" in byte order.
    from = `${trail.name}/${account}/${region}0`;
  }
}

async function deliverSeries(ctx: JobContext, trail: Trail, { account, region }: Series): Promise<void> {
  const series = `${trail.name}/${account}/${region}`;
  const batchKey = { ...trailScope(trail), type: "batch", id: series };
  let batch = await ctx.store.get<Batch>(batchKey);
  if (!batch) {
    const pending = await pendingOf(ctx, trail, series);
    const now = ctx.clock.now();
    const due =
      recordsIn(pending) >= mostRecordsInFile || pending.some(({ value }) => now - value.at >= deliveryDelayMs);
    if (!due) return;
    const unique = base36Id("", 16, ctx.random);
    const value: Batch = {
      key: logFileKey(trail, account, region, now, unique),
      pending: pending.map(({ key }) => key.id),
    };
    await ctx.store.commit([{ op: "put", key: batchKey, value, ifVersion: 0 }]);
    batch = { key: batchKey, version: 1, value };
  }
  await deliverBatch(ctx, trail, series, batch);
}

/** The oldest documents of a series, as many as make a file. */
async function pendingOf(ctx: JobContext, trail: Trail, series: string): Promise<Document<Pending>[]> {
  const found: Document<Pending>[] = [];
  let after: string | undefined;
  do {
    const page: Page<Pending> = await ctx.store.list<Pending>({
      ...trailScope(trail),
      type: "pending",
      prefix: `${series}/`,
      limit: documentsAtATime,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      found.push(document);
      if (recordsIn(found) >= mostRecordsInFile) return found;
    }
    after = page.next;
  } while (after !== undefined);
  return found;
}

function recordsIn(pending: readonly Document<Pending>[]): number {
  return pending.reduce((sum, { value }) => sum + value.records.length, 0);
}

async function deliverBatch(ctx: JobContext, trail: Trail, series: string, batch: Document<Batch>): Promise<void> {
  const scope = trailScope(trail);
  const keys = batch.value.pending.map((id) => ({ ...scope, type: "pending", id }));
  const pending = (await ctx.store.getMany<Pending>(keys)).filter((document) => document !== undefined);
  const records = pending.flatMap(({ value }) => value.records);
  const text = Buffer.from(JSON.stringify({ Records: records }));
  try {
    await putFile(ctx, trail, batch.value.key, gzipSync(text));
  } catch (error) {
    await reportFailure(ctx, trail, "deliveryError", error);
    return;
  }
  // Before the batch is forgotten: a crash in between tells of the same file again.
  await notifyTopic(ctx, trail, batch.value.key);
  const now = ctx.clock.now();
  const times = records.map(({ eventTime }) => eventTime).toSorted();
  const delivered: Delivered = {
    bucket: trail.bucket,
    key: batch.value.key,
    hash: createHash("sha256").update(text).digest("hex"),
    newest: times.at(-1)!,
    oldest: times[0]!,
    at: now,
  };
  await ctx.store.commit([
    { op: "delete", key: batch.key, ifVersion: batch.version },
    ...keys.map((key): Operation => ({ op: "delete", key })),
    ...(trail.logFileValidation ? [deliveredOperation(trail, series, delivered)] : []),
  ]);
  await updateStatus(ctx, trail, ({ deliveryError: _cleared, ...status }) => ({ ...status, deliveredAt: now }));
}

function deliveredOperation(trail: Trail, series: string, delivered: Delivered): Operation {
  const id = `${series}/${new Date(delivered.at).toISOString()}/${delivered.key}`;
  return { op: "put", key: { ...trailScope(trail), type: "delivered", id }, value: delivered };
}

/** Log files are always encrypted: under the trail's key, or with keys of S3's own. */
export async function putFile(
  ctx: JobContext,
  trail: Trail,
  key: string,
  body: Uint8Array,
  metadata?: Record<string, string>,
): Promise<void> {
  const { s3 } = ctx.asService(trailPrincipal, {
    account: trail.account,
    region: trail.homeRegion,
    sourceArn: trail.arn,
  });
  await s3.PutObject({
    Bucket: trail.bucket,
    Key: key,
    Body: body,
    ACL: "bucket-owner-full-control",
    ContentType: "application/json",
    ContentEncoding: "gzip",
    ...(metadata ? { Metadata: metadata } : {}),
    ...(trail.kmsKeyId === undefined || metadata
      ? { ServerSideEncryption: "AES256" as const }
      : {
          ServerSideEncryption: "aws:kms" as const,
          SSEKMSKeyId: trail.kmsKeyId,
          SSEKMSEncryptionContext: encryptionContext(trail),
        }),
  });
}

/** A delivery that failed is tried again at the next turn; GetTrailStatus says why. */
export async function reportFailure(
  ctx: JobContext,
  trail: Trail,
  field: "deliveryError" | "digestError" | "logsError" | "notificationError",
  error: unknown,
): Promise<void> {
  if (!(error instanceof AwsError)) throw error;
  ctx.log.warn({ trail: trail.arn, code: error.code }, "a delivery was refused");
  await updateStatus(ctx, trail, (status) => ({ ...status, [field]: error.code }));
}

export async function updateStatus(
  ctx: JobContext,
  trail: Trail,
  change: (status: TrailStatus) => TrailStatus,
): Promise<void> {
  const key = { ...trailScope(trail), type: "status", id: trail.name };
  for (let attempt = 0; attempt < 5; attempt++) {
    const document = await ctx.store.get<TrailStatus>(key);
    // A trail that was deleted meanwhile has no status any more.
    if (!document) return;
    try {
      await ctx.store.commit([{ op: "put", key, value: change(document.value), ifVersion: document.version }]);
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
}
