/**
 * A trail's records as log events, written by the trail's role into the stream `<account>_CloudTrail_<Region>`.
 * Source: CloudTrail User Guide, "Sending events to CloudWatch Logs".
 *
 * INVARIANT: a selected record is either waiting or in the log group. What was written just before a crash is written
 * again, as AWS's own delivery may do: log events are told apart by their `eventID`.
 */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import type { Clients } from "#gateway/clients.ts";
import type { Operation } from "#store/contract.ts";
import { everyTrail, reportFailure, trailPrincipal, updateStatus } from "./delivery.ts";
import { invalidLogGroup, invalidLogRole } from "./errors.ts";
import { type Pending, type Trail, trailScope } from "./state.ts";

type Destination = NonNullable<Trail["logs"]>;

const sessionName = "CLOUDWATCH_LOGS_DELIVERY_SESSION";
/** Documents read at a time: of fewer records together than the 10,000 events that PutLogEvents takes. */
const pageSize = 20;
const mostBytes = 1_000_000;
const overhead = 26;
const spanMs = 86_400_000;

interface LogsInput {
  CloudWatchLogsLogGroupArn?: string | undefined;
  CloudWatchLogsRoleArn?: string | undefined;
}

/** Where records go after a call: empty values take the destination away. @throws InvalidCloudWatchLogs…Exception */
export function withLogs(before: Destination | undefined, input: LogsInput): { logs?: Destination } {
  const { CloudWatchLogsLogGroupArn: group, CloudWatchLogsRoleArn: role } = input;
  if (group === undefined && role === undefined) return before ? { logs: before } : {};
  if (group === "" && (role === "" || role === undefined)) return {};
  const roleArn = role || before?.roleArn;
  const groupArn = (group || before?.groupArn)?.replace(/:\*$/, "");
  if (!groupArn) throw invalidLogGroup("CloudTrail cannot validate the specified log group ARN.");
  if (!roleArn) throw invalidLogRole("You must specify a role ARN as well as a log group.");
  const arn = parseArn(groupArn);
  if (arn?.service !== "logs" || !/^log-group:[^:]+$/.test(arn.resource)) {
    throw invalidLogGroup("CloudTrail cannot validate the specified log group ARN.");
  }
  if (!/^role\/./.test(parseArn(roleArn)?.resource ?? "")) {
    throw invalidLogRole("CloudTrail cannot validate the specified role ARN.");
  }
  return { logs: { groupArn, roleArn } };
}

const streamName = (account: string, region: string): string => `${account}_CloudTrail_${region}`;
const groupName = (destination: Destination): string =>
  parseArn(destination.groupArn)!.resource.slice("log-group:".length);

/** The role itself makes the stream, so that a wrong policy is found now and not in silence later. */
export async function checkLogs(ctx: CallContext, trail: Trail, destination: Destination): Promise<void> {
  const group = parseArn(destination.groupArn)!;
  if (group.account !== trail.account || group.region !== trail.homeRegion) {
    throw invalidLogGroup("CloudTrail cannot validate the specified log group ARN.");
  }
  await ctx.authorize({
    action: "iam:PassRole",
    resource: destination.roleArn,
    resourceAccount: parseArn(destination.roleArn)!.account,
    context: { "iam:PassedToService": trailPrincipal },
  });
  let clients: Clients;
  try {
    clients = await ctx.asRole(destination.roleArn, sessionName, trailPrincipal);
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    throw invalidLogRole("Access denied. Check the trust relationships for your role.");
  }
  const stream = streamName(trail.account, trail.homeRegion);
  try {
    await clients.logs.CreateLogStream({ logGroupName: groupName(destination), logStreamName: stream });
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    if (error.code === "ResourceAlreadyExistsException") return;
    throw invalidLogGroup(
      error.code === "ResourceNotFoundException"
        ? "CloudTrail cannot validate the specified log group ARN."
        : "Access denied. Check the permissions for your role.",
    );
  }
}

/** One turn: what waits of each trail, stream by stream. */
export async function deliverLogs(ctx: JobContext): Promise<void> {
  for (const trail of await everyTrail(ctx)) {
    if (ctx.signal.aborted) return;
    if (trail.logs) await deliverTrail(ctx, trail, trail.logs);
  }
}

async function deliverTrail(ctx: JobContext, trail: Trail, destination: Destination): Promise<void> {
  for (;;) {
    const { items } = await ctx.store.list<Pending>({
      ...trailScope(trail),
      type: "pendingLog",
      prefix: `${trail.name}/`,
      limit: pageSize,
    });
    if (items.length === 0 || ctx.signal.aborted) return;
    // The records of a document are of one account and Region.
    const byStream = Map.groupBy(items, ({ value }) =>
      streamName(value.records[0]!.recipientAccountId, value.records[0]!.awsRegion),
    );
    try {
      for (const [stream, documents] of byStream) {
        const events = documents.flatMap(({ value }) => value.records.map(logEvent));
        for (const part of batches(events)) await write(ctx, trail, destination, stream, part);
        await ctx.store.commit(documents.map(({ key }): Operation => ({ op: "delete", key })));
      }
    } catch (error) {
      await reportFailure(ctx, trail, "logsError", error);
      return;
    }
    const now = ctx.clock.now();
    await updateStatus(ctx, trail, ({ logsError: _cleared, ...status }) => ({ ...status, logsAt: now }));
  }
}

interface LogEvent {
  timestamp: number;
  message: string;
}

function logEvent(record: AuditRecord): LogEvent {
  return { timestamp: Date.parse(record.eventTime), message: JSON.stringify(record) };
}

/** Parts that one PutLogEvents takes: by bytes and by the day. */
function* batches(events: readonly LogEvent[]): Generator<LogEvent[]> {
  let part: LogEvent[] = [];
  let bytes = 0;
  for (const event of events.toSorted((a, b) => a.timestamp - b.timestamp)) {
    const size = Buffer.byteLength(event.message) + overhead;
    if (part.length > 0 && (bytes + size > mostBytes || event.timestamp - part[0]!.timestamp > spanMs)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(event);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

async function write(
  ctx: JobContext,
  trail: Trail,
  destination: Destination,
  logStreamName: string,
  logEvents: LogEvent[],
): Promise<void> {
  const where = { account: trail.account, region: trail.homeRegion, sourceArn: trail.arn };
  const { logs } = ctx.asRole(destination.roleArn, sessionName, trailPrincipal, where);
  const named = { logGroupName: groupName(destination), logStreamName };
  try {
    await logs.PutLogEvents({ ...named, logEvents });
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
    await logs.CreateLogStream(named);
    await logs.PutLogEvents({ ...named, logEvents });
  }
}
