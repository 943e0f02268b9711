/**
 * From lines of the edge to files in buckets. The reactor sets aside what the stream `edge-access` brings; the job writes
 * files of what has been set aside, as the log delivery service, whom the bucket's policy must let in.
 *
 * INVARIANT: a line is either pending or in a delivered file. Which lines a file has is written down before the file, so
 * that after a crash the same file is written again under the same name.
 */
import { gzipSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import type { JobContext, ReactorContext } from "#gateway/context.ts";
import type { Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import type { AccessLogEvent } from "../../edge/config.ts";
import { logFileKey, logPrincipal } from "./logFiles.ts";
import { serviceId, types } from "./state.ts";

/** A file is written this long after its first line. AWS says every 5 minutes; nobody here wants to wait so long. */
const deliveryDelayMs = 5_000;
/** Events of one file; each has up to 200 KB of lines. */
const mostEvents = 100;
/** What a bucket has not taken until then is lost, as on AWS, where delivery is "on a best effort basis". */
const keptMs = 3 * 86_400_000;

interface Batch {
  key: string;
  pending: string[];
}

interface PendingLog extends AccessLogEvent {
  /** Epoch milliseconds when it was set aside. */
  at: number;
}

export async function setAside(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const now = ctx.clock.now();
  const operations = events.map(({ id, event, partition, offset }): Operation => {
    const log = event as AccessLogEvent;
    const { account, region, frontEnd, kind } = log;
    const order = `${String(partition).padStart(4, "0")}${String(offset).padStart(16, "0")}`;
    const key = {
      account,
      region,
      service: serviceId,
      type: types.pendingLog,
      id: `${seriesOf(frontEnd, kind)}/${order}/${id}`,
    };
    const value: PendingLog = { ...log, at: now };
    return { op: "put", key, value, expiresAt: now + keptMs };
  });
  for (let start = 0; start < operations.length; start += 20)
    await ctx.store.commit(operations.slice(start, start + 20));
}

const seriesOf = (frontEnd: string, kind: string): string => `${frontEnd}|${kind}`;

/** One turn: a file for every series that is due. Cross-account by design: the job serves every account. */
export async function deliverAccessLogs(ctx: JobContext): Promise<void> {
  const seen = new Set<string>();
  let after: string | undefined;
  do {
    const page = await ctx.store.list<PendingLog>({
      service: serviceId,
      type: types.pendingLog,
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) {
      const series = seriesOf(value.frontEnd, value.kind);
      if (ctx.signal.aborted) return;
      if (seen.has(series)) continue;
      seen.add(series);
      await deliverSeries(ctx, value, series);
    }
    after = page.next;
  } while (after !== undefined);
}

async function deliverSeries(ctx: JobContext, { account, region }: PendingLog, series: string): Promise<void> {
  const scope = { account, region, service: serviceId };
  const batchKey = { ...scope, type: types.logBatch, id: series };
  let batch = await ctx.store.get<Batch>(batchKey);
  if (!batch) {
    const made = await newBatch(ctx, scope, series);
    if (!made) return;
    await ctx.store.commit([{ op: "put", key: batchKey, value: made, ifVersion: 0 }]);
    batch = { key: batchKey, version: 1, value: made };
  }
  const keys = batch.value.pending.map((id) => ({ ...scope, type: types.pendingLog, id }));
  const pending = (await ctx.store.getMany<PendingLog>(keys)).filter((document) => document !== undefined);
  const delivered =
    pending.length === 0 ||
    (await write(
      ctx,
      batch.value.key,
      pending.map(({ value }) => value),
    ));
  if (!delivered) return;
  await ctx.store.commit([
    { op: "delete", key: batch.key, ifVersion: batch.version },
    ...keys.map((key): Operation => ({ op: "delete", key })),
  ]);
}

/** Lines of one destination, as soon as the first of them has waited long enough, or there are many. */
async function newBatch(
  ctx: JobContext,
  scope: { account: string; region: string; service: string },
  series: string,
): Promise<Batch | undefined> {
  const query = { ...scope, type: types.pendingLog, prefix: `${series}/`, limit: mostEvents };
  const { items } = await ctx.store.list<PendingLog>(query);
  const [first] = items;
  const now = ctx.clock.now();
  if (!first || (items.length < mostEvents && now - first.value.at < deliveryDelayMs)) return undefined;
  const { bucket, prefix } = first.value.destination;
  const same = items.filter(
    ({ value }) =>
      value.destination.bucket === bucket &&
      value.destination.prefix === prefix &&
      value.address === first.value.address,
  );
  const { kind, account, region, name, address } = first.value;
  const end = Math.max(...same.map(({ value }) => value.to));
  const unique = base36Id("", 8, ctx.random);
  return {
    key: logFileKey({ kind, prefix, account, region, name, address, end, unique }),
    pending: same.map(({ key }) => key.id),
  };
}

/** False: the bucket does not take it; the next turn tries again. */
async function write(ctx: JobContext, key: string, logs: readonly PendingLog[]): Promise<boolean> {
  const { account, region, frontEnd, destination } = logs[0]!;
  const { s3 } = ctx.asService(logPrincipal, { account, region, sourceArn: frontEnd });
  const text = logs.flatMap(({ lines }) => lines.map((line) => `${line}\n`)).join("");
  try {
    await s3.PutObject({
      Bucket: destination.bucket,
      Key: key,
      Body: gzipSync(text),
      ACL: "bucket-owner-full-control",
      ContentType: "application/octet-stream",
    });
    return true;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    ctx.log.warn({ frontEnd, code: error.code }, "a log file was refused by its bucket");
    return false;
  }
}
