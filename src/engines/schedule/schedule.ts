/**
 * Schedule expressions: `rate(value unit)` and `cron(minutes hours day-of-month month day-of-week year)`, in UTC.
 * Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)": rate expressions,
 * cron expressions.
 */
import { nextCron, parseCron, ScheduleError, type Cron } from "./cron.ts";

export { ScheduleError } from "./cron.ts";

export type Schedule = { kind: "rate"; everyMs: number } | { kind: "cron"; cron: Cron };

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** @throws ScheduleError */
export function parseSchedule(text: string): Schedule {
  const rate = /^rate\(([1-9]\d{0,8}) (minute|hour|day)(s?)\)$/.exec(text);
  if (rate) {
    const value = Number(rate[1]);
    // "If the value is equal to 1, the unit must be singular. If the value is greater than 1, the unit must be plural."
    if ((value === 1) !== (rate[3] === "")) throw new ScheduleError(text);
    return { kind: "rate", everyMs: value * unitMs[rate[2]!]! };
  }
  const cron = /^cron\(([^()]*)\)$/.exec(text);
  if (cron) return { kind: "cron", cron: parseCron(cron[1]!) };
  throw new ScheduleError(text);
}

/**
 * The first due time after `after`; `undefined` when there is none any more. A rate counts from `since`.
 * Epoch milliseconds.
 */
export function nextDue(schedule: Schedule, after: number, since: number): number | undefined {
  if (schedule.kind === "cron") return nextCron(schedule.cron, after);
  const passed = Math.floor(Math.max(0, after - since) / schedule.everyMs);
  return since + (passed + 1) * schedule.everyMs;
}

/** The last due time that is not after `now`, given one that is due. */
export function lastDue(schedule: Schedule, due: number, now: number, since: number): number {
  if (schedule.kind === "rate") return due + Math.floor((now - due) / schedule.everyMs) * schedule.everyMs;
  let last = due;
  // Doubles its stride back from `now` until it finds one, so that a clock moved by years costs little.
  for (let back = 60_000; now - back > due; back *= 2) {
    const found = nextDue(schedule, now - back, since);
    if (found === undefined || found > now) continue;
    last = found;
    break;
  }
  for (;;) {
    const next = nextDue(schedule, last, since);
    if (next === undefined || next > now) return last;
    last = next;
  }
}
