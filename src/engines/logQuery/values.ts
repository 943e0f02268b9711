/** Values of the query language, and how they compare and print. */
export class Time {
  /** Epoch milliseconds. */
  readonly at: number;
  constructor(at: number) {
    this.at = at;
  }
}

export type Value = string | number | boolean | Time | undefined;

export function toNumber(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (value instanceof Time) return value.at;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** `2026-01-01 00:00:00.000`, as Insights prints times. */
export function toText(value: Value): string {
  if (value === undefined) return "";
  if (value instanceof Time) {
    const date = new Date(value.at);
    return Number.isNaN(date.getTime()) ? String(value.at) : date.toISOString().replace("T", " ").slice(0, -1);
  }
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(15)));
  if (typeof value === "boolean") return value ? "1" : "0";
  return String(value);
}

/** Numbers by value where both are, else by text; absent values last. */
export function compare(a: Value, b: Value): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  const left = toNumber(a);
  const right = toNumber(b);
  if (left !== undefined && right !== undefined) return left - right;
  const [x, y] = [toText(a), toText(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function isTrue(value: Value): boolean {
  return value === true || (typeof value === "number" && value !== 0) || value === "true";
}
