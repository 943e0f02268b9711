/** The six fields of a cron expression, and the minutes they name. */

export class ScheduleError extends Error {
  constructor(text: string) {
    super(`not a schedule: ${text}`);
    this.name = "ScheduleError";
  }
}

type DayOfMonth = { kind: "days"; days: ReadonlySet<number> } | { kind: "last" } | { kind: "weekdayNear"; day: number };

type DayOfWeek =
  | { kind: "days"; days: ReadonlySet<number> }
  /** The last such day of the month. */
  | { kind: "last"; day: number }
  /** The nth such day of the month. */
  | { kind: "nth"; day: number; nth: number };

export interface Cron {
  /** Ascending. */
  minutes: readonly number[];
  hours: readonly number[];
  /** From 1. */
  months: ReadonlySet<number>;
  years: ReadonlySet<number>;
  /** Exactly one of both is there: the other is `?`. */
  dayOfMonth?: DayOfMonth;
  /** 1 is Sunday. */
  dayOfWeek?: DayOfWeek;
}

const monthNames = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const dayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const [firstYear, lastYear] = [1970, 2199];

/** @throws ScheduleError */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6) throw new ScheduleError(text);
  const [minutes, hours, days, months, weekdays, years] = fields as [string, string, string, string, string, string];
  // "You can't use * in both the Day-of-month and Day-of-week fields. If you use it in one, you must use ? in the other."
  if ((days === "?") === (weekdays === "?")) throw new ScheduleError(text);
  return {
    minutes: ascending(values(minutes, 0, 59)),
    hours: ascending(values(hours, 0, 23)),
    months: values(months, 1, 12, monthNames),
    years: values(years, firstYear, lastYear),
    ...(days === "?" ? { dayOfWeek: readDayOfWeek(weekdays) } : { dayOfMonth: readDayOfMonth(days) }),
  };
}

function readDayOfMonth(text: string): DayOfMonth {
  if (text === "L") return { kind: "last" };
  const near = /^(\d{1,2})W$/.exec(text);
  if (near) return { kind: "weekdayNear", day: value(near[1]!, 1, 31) };
  return { kind: "days", days: values(text, 1, 31) };
}

function readDayOfWeek(text: string): DayOfWeek {
  if (text === "L") return { kind: "days", days: new Set([7]) };
  const last = /^(\w{1,3})L$/.exec(text);
  if (last) return { kind: "last", day: value(last[1]!, 1, 7, dayNames) };
  const nth = /^(\w{1,3})#([1-5])$/.exec(text);
  if (nth) return { kind: "nth", day: value(nth[1]!, 1, 7, dayNames), nth: Number(nth[2]) };
  return { kind: "days", days: values(text, 1, 7, dayNames) };
}

function value(text: string, min: number, max: number, names: readonly string[] = []): number {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return named + 1;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw new ScheduleError(text);
  return number;
}

/** `a`, `a-b`, `*`, each with `/step`, joined by commas. */
function values(text: string, min: number, max: number, names: readonly string[] = []): Set<number> {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step, ...more] = part.split("/");
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) throw new ScheduleError(part);
    const [from, to] = span(range, step !== undefined, min, max, names);
    for (let at = from; at <= to; at += step === undefined ? 1 : Number(step)) found.add(at);
  }
  return found;
}

function span(range: string, stepped: boolean, min: number, max: number, names: readonly string[]): [number, number] {
  if (range === "*") return [min, max];
  const [first = "", last, ...more] = range.split("-");
  if (more.length > 0) throw new ScheduleError(range);
  const from = value(first, min, max, names);
  if (last === undefined) return [from, stepped ? max : from];
  const to = value(last, min, max, names);
  if (to < from) throw new ScheduleError(range);
  return [from, to];
}

const ascending = (found: ReadonlySet<number>): number[] => [...found].toSorted((a, b) => a - b);

/** The first minute after `after` that the expression names, epoch milliseconds. */
export function nextCron(cron: Cron, after: number): number | undefined {
  const start = new Date((Math.floor(after / 60_000) + 1) * 60_000);
  let year = start.getUTCFullYear();
  let month = start.getUTCMonth() + 1;
  let day = start.getUTCDate();
  let fromMinute = start.getUTCHours() * 60 + start.getUTCMinutes();
  for (; year <= lastYear; year++, month = 1, day = 1, fromMinute = 0) {
    if (!cron.years.has(year)) continue;
    for (; month <= 12; month++, day = 1, fromMinute = 0) {
      if (!cron.months.has(month)) continue;
      const length = daysIn(year, month);
      for (; day <= length; day++, fromMinute = 0) {
        if (!isDay(cron, year, month, day, length)) continue;
        const minute = minuteOfDay(cron, fromMinute);
        if (minute !== undefined) return Date.UTC(year, month - 1, day, 0, minute);
      }
    }
  }
  return undefined;
}

function minuteOfDay({ minutes, hours }: Cron, from: number): number | undefined {
  for (const hour of hours) {
    if (hour * 60 + 59 < from) continue;
    const minute = minutes.find((each) => hour * 60 + each >= from);
    if (minute !== undefined) return hour * 60 + minute;
  }
  return undefined;
}

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();
const weekdayOf = (year: number, month: number, day: number): number =>
  new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;

function isDay({ dayOfMonth, dayOfWeek }: Cron, year: number, month: number, day: number, length: number): boolean {
  switch (dayOfMonth?.kind) {
    case "days":
      return dayOfMonth.days.has(day);
    case "last":
      return day === length;
    case "weekdayNear":
      return day === nearestWeekday(year, month, dayOfMonth.day, length);
    case undefined:
  }
  if (!dayOfWeek) return false;
  const weekday = weekdayOf(year, month, day);
  switch (dayOfWeek.kind) {
    case "days":
      return dayOfWeek.days.has(weekday);
    case "last":
      return weekday === dayOfWeek.day && day + 7 > length;
    case "nth":
      return weekday === dayOfWeek.day && Math.ceil(day / 7) === dayOfWeek.nth;
  }
}

/** "3W": the weekday closest to the third of the month, within the month; none in months that have no such day. */
function nearestWeekday(year: number, month: number, day: number, length: number): number | undefined {
  if (day > length) return undefined;
  const weekday = weekdayOf(year, month, day);
  if (weekday === 7) return day === 1 ? 3 : day - 1;
  if (weekday === 1) return day === length ? day - 2 : day + 1;
  return day;
}
