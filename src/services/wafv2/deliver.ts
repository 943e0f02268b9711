/**
 * Log records on their way to CloudWatch Logs or a bucket.
 * Source: AWS WAF Developer Guide, "Sending … to an Amazon S3 bucket" (names of objects, gzip, one record a line),
 * "… to a CloudWatch Logs log group" (name of the stream).
 *
 * INVARIANT: a record waits in its report until it has been delivered. A file's name is written down before the file, so
 * that after a crash it is written again under the same name; log events may come twice after a crash, as AWS's may.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { openReport } from "#engines/waf/index.ts";
import type { LoggingDocument, WebAclDocument } from "#engines/waf/model.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { deliveryPrincipal, parseDestination, type Destination } from "./logDestination.ts";
import { sampleKeptMs } from "./operations/samples.ts";
import { type DeliveryDocument, documentId, type ReportDocument, serviceId, types } from "./state.ts";

/** AWS writes a file every five minutes; nobody here wants to wait so long. */
const fileDelayMs = 15_000;
const reportsPerTurn = 200;
/** Source: CloudWatch Logs API Reference, PutLogEvents: 10,000 events, 1,048,576 bytes with 26 for each. */
const mostEvents = 10_000;
const mostBytes = 1_000_000;
const bytesPerEvent = 26;

interface Work {
  webAcl: WebAclDocument;
  reports: Document<ReportDocument>[];
  scope: { account: string; region: string; service: string };
}

export async function deliverLogs(ctx: JobContext): Promise<void> {
  let after: string | undefined;
  do {
    const page = await ctx.store.list<WebAclDocument>({
      service: serviceId,
      type: types.webAcl,
      limit: 200,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) {
      if (ctx.signal.aborted) return;
      await deliverOf(ctx, value);
    }
    after = page.next;
  } while (after !== undefined);
}

async function deliverOf(ctx: JobContext, webAcl: WebAclDocument): Promise<void> {
  const scope = { account: webAcl.account, region: webAcl.region, service: serviceId };
  const { items } = await ctx.store.find<ReportDocument>({
    ...scope,
    type: types.report,
    index: "waiting",
    from: `${webAcl.id}/`,
    to: `${webAcl.id}0`,
    limit: reportsPerTurn,
  });
  if (items.length === 0) return;
  const work: Work = { webAcl, reports: items, scope };
  const logging = await ctx.store.get<LoggingDocument>({
    ...scope,
    type: types.logging,
    id: documentId(webAcl.scope, webAcl.id),
  });
  // Logging was switched off: nobody waits for these.
  if (!logging) return settle(ctx, work);
  const destination = parseDestination(logging.value.destination);
  try {
    if (destination.kind === "logs") await toGroup(ctx, work, destination);
    else await toBucket(ctx, work, destination);
  } catch (error) {
    // A destination that is gone or closed: tried again at every turn until the records are too old.
    if (!(error instanceof AwsError)) throw error;
    ctx.log.warn({ webAcl: webAcl.arn, code: error.code }, "a delivery of the WAF log was refused");
  }
}

const clientsOf = (ctx: JobContext, { account, region }: Work["scope"]) =>
  ctx.asService(deliveryPrincipal, { account, region, sourceArn: `arn:aws:logs:${region}:${account}:*` });

async function recordsOf(ctx: JobContext, reports: readonly Document<ReportDocument>[]): Promise<string[]> {
  const records: string[] = [];
  for (const { value } of reports) {
    const { logs } = await openReport(value, (...sealed) => ctx.keys.reveal(...sealed));
    records.push(...logs);
  }
  return records;
}

async function toGroup(ctx: JobContext, work: Work, { group }: Extract<Destination, { kind: "logs" }>): Promise<void> {
  const { logs } = clientsOf(ctx, work.scope);
  const stream = { logGroupName: group, logStreamName: `${work.webAcl.region}_${work.webAcl.name}_0` };
  const events = (await recordsOf(ctx, work.reports))
    .map((message) => ({ message, timestamp: (JSON.parse(message) as { timestamp: number }).timestamp }))
    .toSorted((a, b) => a.timestamp - b.timestamp);
  try {
    await logs.CreateLogStream(stream);
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "ResourceAlreadyExistsException") throw error;
  }
  for (const logEvents of batches(events)) await logs.PutLogEvents({ ...stream, logEvents });
  await settle(ctx, work);
}

function* batches(
  events: readonly { message: string; timestamp: number }[],
): Generator<{ message: string; timestamp: number }[]> {
  let batch: { message: string; timestamp: number }[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(event.message) + bytesPerEvent;
    if (batch.length >= mostEvents || (bytes + size > mostBytes && batch.length > 0)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function toBucket(ctx: JobContext, work: Work, destination: Extract<Destination, { kind: "s3" }>): Promise<void> {
  const key = { ...work.scope, type: types.delivery, id: work.webAcl.id };
  let delivery = await ctx.store.get<DeliveryDocument>(key);
  if (!delivery) {
    const now = ctx.clock.now();
    if (work.reports.length < reportsPerTurn && now - work.reports[0]!.value.from < fileDelayMs) return;
    const reports = work.reports.map((report) => report.key.id);
    const value: DeliveryDocument = { key: objectKey(work.webAcl, destination.prefix, now, reports), reports };
    await ctx.store.commit([{ op: "put", key, value, ifVersion: 0 }]);
    delivery = { key, version: 1, value };
  }
  const found = await ctx.store.getMany<ReportDocument>(
    delivery.value.reports.map((id) => ({ ...work.scope, type: types.report, id })),
  );
  const reports = found.filter((report) => report !== undefined);
  const records = await recordsOf(ctx, reports);
  await clientsOf(ctx, work.scope).s3.PutObject({
    Bucket: destination.bucket,
    Key: delivery.value.key,
    Body: gzipSync(`${records.join("\n")}\n`),
    ACL: "bucket-owner-full-control",
    ContentType: "application/x-gzip",
  });
  await settle(ctx, { ...work, reports }, [{ op: "delete", key, ifVersion: delivery.version }]);
}

/** `AWSLogs/<account>/WAFLogs/<region>/<name>/<yyyy>/<MM>/<dd>/<HH>/<mm>/<account>_waflogs_<region>_<name>_<time>_<hash>.log.gz` */
function objectKey(webAcl: WebAclDocument, prefix: string, now: number, reports: readonly string[]): string {
  const [date, time] = new Date(now - (now % 300_000)).toISOString().split("T") as [string, string];
  const [hours, minutes] = time.split(":") as [string, string];
  const hash = createHash("sha256").update(reports.join()).digest("hex").slice(0, 8);
  const name = `${webAcl.account}_waflogs_${webAcl.region}_${webAcl.name}_${date.replaceAll("-", "")}T${hours}${minutes}Z_${hash}.log.gz`;
  const folder = `AWSLogs/${webAcl.account}/WAFLogs/${webAcl.region}/${webAcl.name}/${date.replaceAll("-", "/")}/${hours}/${minutes}`;
  return `${prefix === "" ? "" : `${prefix}/`}${folder}/${name}`;
}

/** The records wait no more; the samples of the reports stay their three hours. */
async function settle(ctx: JobContext, { webAcl, reports }: Work, more: readonly Operation[] = []): Promise<void> {
  const operations = reports.map(({ key, value, version }): Operation => {
    const time = key.id.split("/")[1]!;
    return {
      op: "put",
      key,
      value: { ...value, logCount: 0 },
      ifVersion: version,
      indexes: { metric: value.sampled.map((metric) => `${webAcl.id}/${metric}/${time}`) },
      expiresAt: Math.max(ctx.clock.now() + 1, value.from + sampleKeptMs),
    };
  });
  try {
    await ctx.store.commit([...more, ...operations]);
  } catch (error) {
    // Somebody else was at it: the next turn sees what is left.
    if (!(error instanceof Conflict)) throw error;
  }
}
