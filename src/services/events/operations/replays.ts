/** Replays. Source: EventBridge API Reference, StartReplay, CancelReplay, DescribeReplay, ListReplays. */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { busAddress, requireBus, ruleOfArn } from "../bus.ts";
import { illegalStatus, invalid, invalidParameter, noReplay, replayExists, tooMany } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import { replayIndexes } from "../replays.ts";
import type { EventsHandlers } from "../sdk.ts";
import { ruleId, types, type Archive, type Replay, type Rule } from "../state.ts";

/** "Active replays: 10 per account per Region". */
const mostActive = 10;
/** Replays can be looked up for ninety days. */
const keptMs = 90 * 86_400_000;

export const replayHandlers: EventsHandlers = {
  async StartReplay(input, ctx) {
    const name = input.ReplayName ?? "";
    const [from, to] = [input.EventStartTime!.getTime(), input.EventEndTime!.getTime()];
    const address = busAddress(ctx, input.Destination?.Arn, "Destination.Arn");
    const bus = await requireBus(ctx, address);
    if (address.account !== ctx.account)
      throw invalidParameter("Destination.Arn", "Cross account replay is not permitted.");
    const archiveName = input.EventSourceArn?.split(":archive/")[1] ?? "";
    const archive = await ctx.state.get<Archive>(types.archive, archiveName);
    if (!archive || archive.value.arn !== input.EventSourceArn) {
      throw invalidParameter("EventSourceArn", `Archive ${archiveName} does not exist.`);
    }
    if (archive.value.busArn !== bus.arn) {
      throw invalidParameter("Destination.Arn", "Cross event bus replay is not permitted.");
    }
    if (await ctx.state.get<Replay>(types.replay, name)) throw replayExists(name);
    if (from >= to) throw invalidParameter("EventEndTime", "EventStartTime must be before EventEndTime.");
    const filterArns = await checkFilters(ctx, bus.name, input.Destination?.FilterArns ?? []);
    if ((await ctx.state.countIndex(types.replay, "active", {})) >= mostActive) throw tooMany();
    const replay: Replay = {
      name,
      arn: `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:replay/${name}`,
      archiveArn: archive.value.arn,
      archiveUid: archive.value.uid,
      busArn: bus.arn,
      bus: bus.name,
      filterArns,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      from,
      to,
      state: "STARTING",
      startedAt: ctx.now,
    };
    const options = { version: 0, indexes: replayIndexes(replay), expiresAt: ctx.now + keptMs };
    ctx.state.put<Replay>(types.replay, name, replay, options);
    return { ReplayArn: replay.arn, State: replay.state, ReplayStartTime: new Date(replay.startedAt) };
  },

  async CancelReplay(input, ctx) {
    const { value } = await requireReplay(ctx, input.ReplayName);
    if (value.state !== "STARTING" && value.state !== "RUNNING") {
      throw illegalStatus(`Replay ${value.name} is not in a valid state for this operation.`);
    }
    const replay: Replay = { ...value, state: "CANCELLING" };
    ctx.state.put<Replay>(types.replay, value.name, replay, {
      indexes: replayIndexes(replay),
      expiresAt: ctx.now + keptMs,
    });
    return { ReplayArn: replay.arn, State: replay.state };
  },

  async DescribeReplay(input, ctx) {
    const { value: replay } = await requireReplay(ctx, input.ReplayName);
    return {
      ...summary(replay),
      ReplayArn: replay.arn,
      ...(replay.description === undefined ? {} : { Description: replay.description }),
      Destination: {
        Arn: replay.busArn,
        ...(replay.filterArns.length > 0 ? { FilterArns: replay.filterArns } : {}),
      },
    };
  },

  async ListReplays(input, ctx) {
    const { NamePrefix, EventSourceArn, State } = input;
    if ([NamePrefix, EventSourceArn, State].filter((each) => each !== undefined).length > 1) {
      throw invalid(
        "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.",
      );
    }
    const query = { prefix: NamePrefix ?? "", ...startOf(input.NextToken, input.Limit) };
    const page = await ctx.state.list<Replay>(types.replay, query);
    const found = page.items.filter(
      ({ value }) =>
        (EventSourceArn === undefined || value.archiveArn === EventSourceArn) &&
        (State === undefined || value.state === State),
    );
    return { Replays: found.map(({ value }) => summary(value)), ...nextOf(page.next) };
  },
};

/** @throws ValidationException: rules of another bus, or none */
async function checkFilters(ctx: CallContext, bus: string, arns: readonly string[]): Promise<string[]> {
  for (const arn of arns) {
    const named = ruleOfArn(arn);
    const rule = named && (await ctx.state.get<Rule>(types.rule, ruleId(bus, named.name)));
    if (rule?.value.arn !== arn) {
      throw invalidParameter("Destination.FilterArns", `Rule ${named?.name ?? arn} does not exist on EventBus ${bus}.`);
    }
  }
  return [...arns];
}

async function requireReplay(ctx: CallContext, name = ""): Promise<Document<Replay>> {
  const replay = await ctx.state.get<Replay>(types.replay, name);
  if (!replay) throw noReplay(name);
  return replay;
}

function summary(replay: Replay) {
  return {
    ReplayName: replay.name,
    EventSourceArn: replay.archiveArn,
    State: replay.state,
    ...(replay.stateReason === undefined ? {} : { StateReason: replay.stateReason }),
    EventStartTime: new Date(replay.from),
    EventEndTime: new Date(replay.to),
    ...(replay.lastEventAt === undefined ? {} : { EventLastReplayedTime: new Date(replay.lastEventAt) }),
    ReplayStartTime: new Date(replay.startedAt),
    ...(replay.endedAt === undefined ? {} : { ReplayEndTime: new Date(replay.endedAt) }),
  };
}
