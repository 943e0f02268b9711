/** Times as the lake writes them: `YYYY-MM-DD HH:MM:SS.mmm`, UTC. They sort as text. */
const form =
  /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?\s*$/i;

/** The time that a text says, in the lake's form; `undefined` when it says none. */
export function timestampOf(text: string): string | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const milliseconds = Number((match[7] ?? "0").padEnd(3, "0").slice(0, 3));
  const at = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!, milliseconds);
  const written = new Date(at);
  const real = written.getUTCMonth() === month! - 1 && written.getUTCDate() === day! && hour! < 24 && minute! < 60;
  if (!real || second! >= 60) return undefined;
  return formatTime(at - zoneMs(match[8]));
}

function zoneMs(zone: string | undefined): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? "");
  if (!match) return 0;
  return (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) * 60_000;
}

/** @param at epoch milliseconds */
export function formatTime(at: number): string {
  return new Date(at).toISOString().replace("T", " ").replace("Z", "");
}

/** Epoch milliseconds of a text in the lake's form. */
export function timeOf(text: string): number {
  return Date.parse(`${text.replace(" ", "T")}Z`);
}

const units: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/** @returns `undefined` for an unknown unit or a time out of range */
export function addTime(unit: string, amount: number, text: string): string | undefined {
  const at = timeOf(text);
  const fixed = units[unit];
  if (fixed !== undefined) return inRange(at + amount * fixed);
  const months = { month: 1, quarter: 3, year: 12 }[unit];
  if (months === undefined) return undefined;
  const moved = new Date(at);
  const day = moved.getUTCDate();
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + amount * months);
  const last = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(day, last));
  return inRange(moved.getTime());
}

function inRange(at: number): string | undefined {
  return at >= Date.UTC(0, 0, 1) && at < Date.UTC(10_000, 0, 1) ? formatTime(at) : undefined;
}

/** Whole units from one time to another. */
export function timeBetween(unit: string, from: string, to: string): number | undefined {
  const fixed = units[unit];
  if (fixed !== undefined) return Math.trunc((timeOf(to) - timeOf(from)) / fixed);
  const per = { month: 1, quarter: 3, year: 12 }[unit];
  if (per === undefined) return undefined;
  const sign = to < from ? -1 : 1;
  const [early, late] = sign < 0 ? [to, from] : [from, to];
  const [a, b] = [new Date(timeOf(early)), new Date(timeOf(late))];
  let months = (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();
  if (addTime("month", months, early)! > late) months--;
  return sign * Math.trunc(months / per);
}

/** The start of the unit that a time is in. */
export function truncateTime(unit: string, text: string): string | undefined {
  const at = new Date(timeOf(text));
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  switch (unit) {
    case "second":
    case "minute":
    case "hour":
    case "day":
      return formatTime(Math.floor(at.getTime() / units[unit]!) * units[unit]!);
    case "week":
      return formatTime(Date.UTC(year, month, day - ((at.getUTCDay() + 6) % 7)));
    case "month":
      return formatTime(Date.UTC(year, month, 1));
    case "quarter":
      return formatTime(Date.UTC(year, month - (month % 3), 1));
    case "year":
      return formatTime(Date.UTC(year, 0, 1));
    default:
      return undefined;
  }
}

export const timeUnits: ReadonlySet<string> = new Set([...Object.keys(units), "month", "quarter", "year"]);
