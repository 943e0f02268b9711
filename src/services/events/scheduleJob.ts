/**
 * Fires the schedules of rules. Source: EventBridge User Guide, "Creating a scheduled rule (legacy)"; the event as
 * recorded in LocalStack's `test_events_schedule.snapshot.json`.
 *
 * INVARIANT: the event of a due time and the next due time are one batch under the version that was seen, so a due time
 * fires once, whoever else looks at it. Of due times that went by while nobody looked, the last one fires.
 */
import { timeText } from "#kernel/clock.ts";
import { lastDue, nextDue, parseSchedule } from "#engines/schedule/schedule.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { ruleArn } from "./bus.ts";
import { eventsStream, isoTime, type Envelope } from "./event.ts";
import { serviceId, types, type DueSchedule } from "./state.ts";

const pageSize = 100;

export async function fireSchedules(ctx: JobContext): Promise<void> {
  let found = pageSize;
  while (found === pageSize && !ctx.signal.aborted) {
    // Across accounts by design: one job fires for all of them.
    const { items } = await ctx.store.find<DueSchedule>({
      service: serviceId,
      type: types.schedule,
      index: "due",
      from: "",
      to: timeText(ctx.clock.now() + 1),
      limit: pageSize,
    });
    for (const document of items) await fire(ctx, document);
    found = items.length;
  }
}

async function fire(ctx: JobContext, { key, value, version }: Document<DueSchedule>): Promise<void> {
  const { expression, since, dueAt } = value;
  const schedule = parseSchedule(expression);
  const now = ctx.clock.now();
  const time = lastDue(schedule, dueAt, now, since);
  const next = nextDue(schedule, time, since);
  const id = ctx.random.uuid();
  const bus = { account: key.account, region: key.region, name: value.bus };
  const arn = ruleArn(bus, value.rule);
  const envelope: Envelope = {
    bus,
    ingestedAt: now,
    scheduledBy: arn,
    content: {
      event: {
        version: "0",
        id,
        "detail-type": "Scheduled Event",
        source: "aws.events",
        account: key.account,
        time: isoTime(time),
        region: key.region,
        resources: [arn],
        detail: {},
      },
    },
  };
  const advanced: Operation =
    next === undefined
      ? { op: "delete", key, ifVersion: version }
      : { op: "put", key, value: { ...value, dueAt: next }, ifVersion: version, indexes: { due: timeText(next) } };
  try {
    await ctx.store.commit([{ op: "append", stream: eventsStream, key: key.account, id, event: envelope }, advanced]);
  } catch (error) {
    // Another process has fired it, or the rule has changed.
    if (!(error instanceof Conflict)) throw error;
  }
}
