/** Makes an execution of every schedule that is due. Of due times that went by while nobody looked, the last one comes. */
import { timeText } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { dueIndex, nextTime, scopeOf, serviceId, types, type Due, type Execution, type Schedule } from "./state.ts";

const pageSize = 100;
/** Due times that are looked through for the last one; beyond them it is the latest found. */
const mostSkipped = 10_000;

export async function fireSchedules(ctx: JobContext): Promise<void> {
  let found = pageSize;
  while (found === pageSize && !ctx.signal.aborted) {
    // Across accounts by design: one job looks for all of them.
    const { items } = await ctx.store.find<Due>({
      service: serviceId,
      type: types.due,
      index: "due",
      from: "",
      to: timeText(ctx.clock.now() + 1),
      limit: pageSize,
    });
    for (const document of items) await fire(ctx, document);
    found = items.length;
  }
}

async function fire(ctx: JobContext, { key, value, version }: Document<Due>): Promise<void> {
  const found = await ctx.store.get<Schedule>({ ...key, type: types.schedule });
  const schedule = found?.value;
  try {
    if (!schedule || schedule.uid !== value.uid || schedule.state !== "ENABLED") {
      await ctx.store.commit([{ op: "delete", key, ifVersion: version }]);
      return;
    }
    const now = ctx.clock.now();
    let scheduledAt = value.scheduledAt;
    let next = nextTime(schedule, scheduledAt);
    for (let i = 0; next !== undefined && next <= now && i < mostSkipped; i++) {
      scheduledAt = next;
      next = nextTime(schedule, scheduledAt);
    }
    if (next !== undefined && next <= now) next = nextTime(schedule, now);
    const execution: Execution = {
      schedule: {
        name: schedule.name,
        group: schedule.group,
        arn: schedule.arn,
        uid: schedule.uid,
        afterCompletion: schedule.afterCompletion,
      },
      target: schedule.target,
      scheduledAt,
      startedAt: now,
      attempts: 0,
      dueAt: now,
      last: next === undefined,
    };
    const operations: Operation[] = [
      {
        op: "put",
        key: { ...scopeOf(key), type: types.execution, id: ctx.random.uuid() },
        value: execution,
        ifVersion: 0,
        indexes: { due: timeText(now) },
      },
      next === undefined
        ? { op: "delete", key, ifVersion: version }
        : {
            op: "put",
            key,
            value: { uid: schedule.uid, scheduledAt: next },
            ifVersion: version,
            indexes: dueIndex(next, schedule.windowMinutes, (max) => ctx.random.below(max)),
          },
      // The schedule is as it was seen: a change of it decides for itself when it is due.
      { op: "check", key: found!.key, ifVersion: found!.version },
    ];
    await ctx.store.commit(operations);
  } catch (error) {
    // Another process was faster, or the schedule has changed.
    if (!(error instanceof Conflict)) throw error;
  }
}
