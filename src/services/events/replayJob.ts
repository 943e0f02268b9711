/**
 * Replays: archived events go to their bus again, marked with `replay-name`.
 *
 * INVARIANT: a page of events and how far the replay is are one batch, so that each event is replayed once.
 */
import { timeText } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { cutoffOf } from "./archives.ts";
import { openEvent, sealEvent } from "./contents.ts";
import { eventsStream, type Content, type Envelope } from "./event.ts";
import type { Parts } from "./parts.ts";
import { replayIndexes } from "./replays.ts";
import {
  defaultBus,
  eventsPrincipal,
  scopeOf,
  serviceId,
  types,
  type Archive,
  type Archived,
  type Bus,
  type Replay,
} from "./state.ts";

const pageSize = 50;

export function replayJob(parts: Parts): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    // Across accounts by design: one job replays for all of them.
    const query = { service: serviceId, type: types.replay, index: "active", limit: 100 };
    const { items } = await ctx.store.find<Replay>(query);
    for (const { key } of items) {
      let going = true;
      while (going && !ctx.signal.aborted) {
        const document = await ctx.store.get<Replay>(key);
        going = document !== undefined && (await step(ctx, parts, document));
      }
    }
  };
}

/** One page. False when the replay is at its end. */
async function step(ctx: JobContext, parts: Parts, document: Document<Replay>): Promise<boolean> {
  const replay = document.value;
  const ends = (change: Partial<Replay>) => save(ctx, document, { ...replay, ...change, endedAt: ctx.clock.now() });
  if (replay.state === "CANCELLING") return await ends({ state: "CANCELLED" });
  if (replay.state !== "STARTING" && replay.state !== "RUNNING") return false;
  const scope = scopeOf(document.key);
  const name = replay.archiveArn.split(":archive/")[1]!;
  const archive = await ctx.store.get<Archive>({ ...scope, type: types.archive, id: name });
  if (archive?.value.uid !== replay.archiveUid) {
    return await ends({ state: "FAILED", stateReason: `Archive ${name} does not exist.` });
  }
  const bus = await ctx.store.get<Bus>({ ...scope, type: types.bus, id: replay.bus });
  if (!bus && replay.bus !== defaultBus) {
    return await ends({ state: "FAILED", stateReason: `Event bus ${replay.bus} does not exist.` });
  }
  const page = await ctx.store.find<Archived>({
    ...scope,
    type: types.archived,
    index: "time",
    from: `${replay.archiveUid}/${timeText(replay.from)}`,
    to: `${replay.archiveUid}/${timeText(replay.to + 1)}`,
    limit: pageSize,
    ...(replay.cursor === undefined ? {} : { after: replay.cursor }),
  });
  const cutoff = cutoffOf(archive.value, ctx.clock.now());
  const appends: Operation[] = [];
  let lastEventAt = replay.lastEventAt;
  try {
    for (const { value } of page.items) {
      if (value.at < cutoff) continue;
      const made = await replayed(ctx, parts, replay, bus?.value, value.content);
      lastEventAt = made.at;
      const { account } = document.key;
      appends.push({ op: "append", stream: eventsStream, key: account, id: ctx.random.uuid(), event: made.envelope });
    }
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    return await ends({ state: "FAILED", stateReason: error.message });
  }
  const { cursor: _, ...rest } = replay;
  const next: Replay = {
    ...rest,
    ...(lastEventAt === undefined ? {} : { lastEventAt }),
    ...(page.next === undefined
      ? { state: "COMPLETED", endedAt: ctx.clock.now() }
      : { state: "RUNNING", cursor: page.next }),
  };
  await save(ctx, document, next, appends);
  return page.next !== undefined;
}

async function replayed(ctx: JobContext, parts: Parts, replay: Replay, bus: Bus | undefined, content: Content) {
  const [, , , region = "", account = ""] = replay.busArn.split(":");
  const { kms } = ctx.asService(eventsPrincipal, { account, region, sourceArn: replay.busArn });
  const event = await openEvent(ctx, parts.sealer, kms, replay.busArn, content);
  const marked = { ...event, "replay-name": replay.name };
  const envelope: Envelope = {
    bus: { account, region, name: replay.bus },
    ingestedAt: ctx.clock.now(),
    content:
      bus?.kmsKeyId === undefined
        ? { event: marked }
        : await sealEvent(ctx, parts.sealer, kms, { kmsKeyId: bus.kmsKeyId, busArn: replay.busArn }, marked),
    ...(replay.filterArns.length > 0 ? { onlyRules: replay.filterArns } : {}),
  };
  return { envelope, at: Date.parse(event.time) };
}

async function save(
  ctx: JobContext,
  { key, version }: Document<Replay>,
  value: Replay,
  appends: readonly Operation[] = [],
): Promise<boolean> {
  try {
    const indexes = replayIndexes(value);
    await ctx.store.commit([...appends, { op: "put", key, value, ifVersion: version, indexes }]);
    return false;
  } catch (error) {
    // It was cancelled meanwhile: nothing of this page has happened.
    if (error instanceof Conflict) return true;
    throw error;
  }
}
