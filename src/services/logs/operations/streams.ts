/** Log streams. Source: CloudWatch Logs API Reference. */
import { base36Id } from "#kernel/ids.ts";
import type { CallContext } from "#gateway/context.ts";
import { exists, invalidParameter } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { type Garbage, type Group, type Stream, streamId, types } from "../state.ts";
import { streamIndexes } from "../streamIndex.ts";
import { checkName, namedGroup, requireGroup, requireStream } from "../target.ts";

export async function createLogStream(
  input: Input<"CreateLogStream">,
  ctx: CallContext,
): Promise<Output<"CreateLogStream">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  const name = input.logStreamName!;
  checkName(name, "logStreamName");
  if (await ctx.state.get<Stream>(types.stream, streamId(group.gid, name))) throw exists("log stream");
  // A group that is deleted at the same moment must not get a stream.
  ctx.state.check(types.group, group.name);
  const stream: Stream = { name, sid: base36Id("", 12, ctx.random), createdAt: ctx.now, bytes: 0 };
  ctx.state.put(types.stream, streamId(group.gid, name), stream, { indexes: streamIndexes(group.gid, stream) });
  return {};
}

export async function deleteLogStream(
  input: Input<"DeleteLogStream">,
  ctx: CallContext,
): Promise<Output<"DeleteLogStream">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  if (group.deletionProtection) throw invalidParameter("The log group has deletion protection enabled.");
  const stream = await requireStream(ctx, group, input.logStreamName!);
  ctx.state.delete(types.stream, streamId(group.gid, stream.name));
  const garbage: Garbage = { prefix: `${group.gid}/${stream.sid}/`, streams: false };
  ctx.state.put(types.garbage, `${group.gid}.${stream.sid}`, garbage);
  return {};
}

export async function describeLogStreams(
  input: Input<"DescribeLogStreams">,
  ctx: CallContext,
): Promise<Output<"DescribeLogStreams">> {
  const { value: group } = await requireGroup(ctx, namedGroup(input));
  const byTime = input.orderBy === "LastEventTime";
  if (byTime && input.logStreamNamePrefix !== undefined) {
    throw invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
  }
  const limit = input.limit ?? 50;
  const kind = `DescribeLogStreams:${byTime}:${input.descending ?? false}`;
  const after = readToken(kind, input.nextToken);
  const prefix = streamId(group.gid, input.logStreamNamePrefix ?? "");
  const reverse = input.descending ?? false;
  const query = { limit, reverse, ...(after === undefined ? {} : { after }) };
  const page = byTime
    ? await ctx.state.find<Stream>(types.stream, "lastEvent", {
        from: `${group.gid}/`,
        to: `${group.gid}0`,
        ...query,
      })
    : await ctx.state.list<Stream>(types.stream, { prefix, ...query });
  return { logStreams: page.items.map(({ value }) => view(group, value)), ...nextToken(kind, page.next) };
}

function view(group: Group, stream: Stream) {
  return {
    logStreamName: stream.name,
    creationTime: stream.createdAt,
    ...(stream.firstEventAt === undefined ? {} : { firstEventTimestamp: stream.firstEventAt }),
    ...(stream.lastEventAt === undefined ? {} : { lastEventTimestamp: stream.lastEventAt }),
    ...(stream.lastIngestedAt === undefined ? {} : { lastIngestionTime: stream.lastIngestedAt }),
    arn: `${group.arn}:log-stream:${stream.name}`,
    // "From June 17, 2019, this parameter was deprecated for log streams, and is always reported as zero."
    storedBytes: 0,
  };
}
