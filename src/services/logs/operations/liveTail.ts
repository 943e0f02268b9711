/**
 * StartLiveTail: an event stream that lasts until the client goes or three hours have passed. Once a second it has
 * what was ingested since. Source: CloudWatch Logs API Reference, StartLiveTail.
 */
import { AwsError } from "#kernel/errors.ts";
import { pause } from "#kernel/pause.ts";
import type { CallContext } from "#gateway/context.ts";
import type { LogFilter } from "#engines/logFilter/filter.ts";
import type { LiveTailSessionLogEvent, StartLiveTailResponseStream } from "@aws-sdk/client-cloudwatch-logs";
import { invalidParameter } from "../errors.ts";
import { toEvents } from "../reading.ts";
import type { Input, Output } from "../sdk.ts";
import { callKeys, GroupKeys } from "../sealing.ts";
import { type Batch, type Group, pad, types } from "../state.ts";
import { groupName, requireGroup } from "../target.ts";
import { filterOf } from "./readEvents.ts";

const updateMs = 1_000;
const longestSessionMs = 3 * 3_600_000;
/** "You can receive up to 500 log events per second; above, the results are a sample." */
const mostEvents = 500;
/** A batch is stamped when its call begins and seen when it is committed: so far back is looked each time. */
const lookBackMs = 10_000;

type Update = StartLiveTailResponseStream;

export async function startLiveTail(input: Input<"StartLiveTail">, ctx: CallContext): Promise<Output<"StartLiveTail">> {
  const identifiers = input.logGroupIdentifiers!;
  const { logStreamNames: names, logStreamNamePrefixes: prefixes } = input;
  if (names?.length && prefixes?.length) {
    throw invalidParameter("logStreamNames and logStreamNamePrefixes are mutually exclusive.");
  }
  if ((names?.length || prefixes?.length) && identifiers.length !== 1) {
    throw invalidParameter("Log streams can be chosen for a single log group only.");
  }
  const filter = filterOf(input.logEventFilterPattern);
  const groups: Group[] = [];
  for (const identifier of identifiers) {
    if (!identifier.startsWith("arn:")) throw invalidParameter("logGroupIdentifiers must be ARNs.");
    groups.push((await requireGroup(ctx, groupName(identifier))).value);
  }
  const wanted = (stream: string) =>
    (!names?.length || names.includes(stream)) &&
    (!prefixes?.length || prefixes.some((prefix) => stream.startsWith(prefix)));
  const session = new Session(ctx, groups, filter, wanted);
  const start: Update = {
    sessionStart: {
      requestId: ctx.requestId,
      sessionId: ctx.random.uuid(),
      logGroupIdentifiers: identifiers,
      logStreamNames: names ?? [],
      logStreamNamePrefixes: prefixes ?? [],
      logEventFilterPattern: input.logEventFilterPattern ?? "",
    },
  };
  return { responseStream: updates(ctx, session, start) };
}

async function* updates(ctx: CallContext, session: Session, start: Update): AsyncGenerator<Update> {
  yield start;
  const until = ctx.clock.now() + longestSessionMs;
  while (!ctx.signal.aborted) {
    await pause(updateMs, ctx.signal);
    if (ctx.signal.aborted) return;
    if (ctx.clock.now() > until) {
      throw new AwsError("SessionTimeoutException", "Your Live Tail session has reached its maximum length.");
    }
    const { events, sampled } = await session.news();
    yield { sessionUpdate: { sessionMetadata: { sampled }, sessionResults: events } };
  }
}

class Session {
  readonly #ctx: CallContext;
  readonly #groups: readonly Group[];
  readonly #filter: LogFilter;
  readonly #wanted: (stream: string) => boolean;
  readonly #startedAt: number;
  /** Batches given out, by the time they will be too old to be looked at again. */
  readonly #seen = new Map<string, number>();

  constructor(ctx: CallContext, groups: readonly Group[], filter: LogFilter, wanted: (stream: string) => boolean) {
    this.#ctx = ctx;
    this.#groups = groups;
    this.#filter = filter;
    this.#wanted = wanted;
    this.#startedAt = ctx.clock.now();
  }

  async news(): Promise<{ events: LiveTailSessionLogEvent[]; sampled: boolean }> {
    const now = this.#ctx.clock.now();
    const since = Math.max(this.#startedAt, now - lookBackMs);
    const events: LiveTailSessionLogEvent[] = [];
    let sampled = false;
    for (const group of this.#groups) {
      const keys = new GroupKeys(group, callKeys(this.#ctx, group.arn));
      for (const batch of await this.#batches(group, since, now)) {
        for (const event of toEvents(batch, await keys.open(batch))) {
          if (!this.#filter.matches(event.message)) continue;
          if (events.length === mostEvents) {
            sampled = true;
            break;
          }
          events.push({
            logStreamName: event.stream,
            logGroupIdentifier: `${group.account}:${group.name}`,
            message: event.message,
            timestamp: event.timestamp,
            ingestionTime: event.ingestedAt,
          });
        }
      }
    }
    for (const [id, at] of this.#seen) if (at < now - 2 * lookBackMs) this.#seen.delete(id);
    return { events, sampled };
  }

  async #batches({ gid }: Group, since: number, now: number): Promise<Batch[]> {
    const { items } = await this.#ctx.state.find<Batch>(types.batch, "ingested", {
      from: `${gid}/${pad(since)}`,
      to: `${gid}/${pad(now + 1)}`,
      limit: 200,
    });
    return items.flatMap(({ key, value }) => {
      if (this.#seen.has(key.id) || !this.#wanted(value.stream)) return [];
      this.#seen.set(key.id, value.ingestedAt);
      return [value];
    });
  }
}
