/**
 * Schedules in a time zone, with `at(…)`. An hour that the clocks skip does not come; one that they repeat comes once.
 * Source: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler", "Daylight savings time".
 */
import { nextCron } from "./cron.ts";
import { parseSchedule, ScheduleError, type Schedule } from "./schedule.ts";

export type ZonedSchedule = { kind: "at"; time: number } | { kind: "recurring"; schedule: Schedule; zone: string };

/** @param zone an IANA name that `isZone` has taken. @throws ScheduleError */
export function parseZoned(text: string, zone: string): ZonedSchedule {
  const at = /^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$/.exec(text);
  if (!at) return { kind: "recurring", schedule: parseSchedule(text), zone };
  const wall = Date.parse(`${at[1]}Z`);
  // Dates that are none are taken by some parsers for others.
  if (!Number.isFinite(wall) || new Date(wall).toISOString().slice(0, 19) !== at[1]) throw new ScheduleError(text);
  return { kind: "at", time: fromWall(wall, zone) ?? wall - offsetAt(wall, zone) };
}

export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** The first due time after `after`; a rate counts from `since`. Epoch milliseconds. */
export function nextZoned(given: ZonedSchedule, after: number, since: number): number | undefined {
  if (given.kind === "at") return given.time > after ? given.time : undefined;
  const { schedule, zone } = given;
  if (schedule.kind === "rate") {
    // The first time of a rate is its start.
    if (after < since) return since;
    return since + (Math.floor((after - since) / schedule.everyMs) + 1) * schedule.everyMs;
  }
  let wall: number | undefined = after + offsetAt(after, zone);
  for (;;) {
    wall = nextCron(schedule.cron, wall);
    if (wall === undefined) return undefined;
    const time = fromWall(wall, zone);
    if (time !== undefined && time > after) return time;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError for a name that is no time zone */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  return format;
}

/** How far the clocks of the zone are ahead of UTC at an instant, in milliseconds. */
function offsetAt(time: number, zone: string): number {
  const whole = Math.floor(time / 1000) * 1000;
  const parts = formatOf(zone).formatToParts(whole);
  const of = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - whole;
}

const dayMs = 86_400_000;

/** The instant at which the zone's clocks first show a time; `undefined` for one that they skip. */
function fromWall(wall: number, zone: string): number | undefined {
  const candidates = [wall - offsetAt(wall - dayMs, zone), wall - offsetAt(wall + dayMs, zone)];
  const right = candidates.filter((time) => time + offsetAt(time, zone) === wall);
  return right.length === 0 ? undefined : Math.min(...right);
}
