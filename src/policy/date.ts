/**
 * Dates in conditions: "one of the W3C implementations of the ISO 8601 date formats or in epoch (UNIX) time".
 * Source: IAM User Guide, "Date condition operators"; https://www.w3.org/TR/NOTE-datetime. The compact form
 * `20130930T231548Z` appears in AWS's own examples.
 */
const pattern =
  /^(-?\d{1,9})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[tT](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?)?([zZ]|[+-]\d{2}(?::?\d{2})?)?)?$/;
/** A Java long, as IAM's parser takes it. */
const mostSeconds = 9223372036854775807n;
const compact = /^(\d{4})(\d{2})(\d{2})[tT](\d{2})(\d{2})(\d{2})[zZ]$/;

/** Milliseconds since the epoch, or undefined when the text is no date. Whole numbers are seconds since the epoch. */
export function parseDate(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    return BigInt(text.split(".", 1)[0]!) <= mostSeconds ? Number(text) * 1000 : undefined;
  }
  const short = compact.exec(text);
  if (short !== null) {
    const [year, month, day, hours, minutes, seconds] = short.slice(1).map(Number);
    return assemble(year!, month!, day!, hours!, minutes!, seconds!, 0, 0);
  }
  if (!/[-tT]/.test(text)) return undefined;
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, year, month = "1", day = "1", hours = "0", minutes = "0", seconds = "0", fraction = "0", zone = "Z"] = found;
  const offset = /^[zZ]$/.test(zone) ? 0 : zoneMinutes(zone);
  if (offset === undefined) return undefined;
  return assemble(
    Number(year),
    Number(month),
    Number(day),
    Number(hours),
    Number(minutes),
    Number(seconds),
    Number(`0.${fraction}`) * 1000,
    offset,
  );
}

function zoneMinutes(zone: string): number | undefined {
  const sign = zone.startsWith("-") ? -1 : 1;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(":", "") || "0");
  return hours <= 23 && minutes <= 59 ? sign * (hours * 60 + minutes) : undefined;
}

function assemble(
  year: number,
  month: number,
  day: number,
  hours: number,
  minutes: number,
  seconds: number,
  milliseconds: number,
  offsetMinutes: number,
): number | undefined {
  if (year < -292275054 || year > 292278993) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hours, minutes - offsetMinutes, seconds, milliseconds);
  const time = date.getTime();
  if (!Number.isNaN(time)) return time;
  // Years beyond what Date holds are still ordered: the policy language allows those of a Java long.
  return (year - 1970) * 31556952000;
}
