/**
 * Functions that SQLite lacks, registered before a statement is run. Each gives `null` for `null`, as Trino does,
 * and throws what Trino answers where a value cannot be converted.
 */
import { addTime, formatTime, timeBetween, timeOf, timestampOf, truncateTime } from "./time.ts";

type Value = string | number | bigint | null | Uint8Array;
type Native = (...args: Value[]) => string | number | bigint | null;

const strict =
  (work: (...args: Value[]) => string | number | null | undefined): Native =>
  (...args) =>
    args.includes(null) ? null : (work(...args) ?? null);

function parsed(text: Value): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

/** `$.a.b[0]["c"]`: the paths of json_extract. */
function atPath(value: unknown, path: string): unknown {
  const steps = [...path.matchAll(/\.([\w-]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)];
  if (!path.startsWith("$") || `$${steps.map(([step]) => step).join("")}` !== path) {
    throw new Error(`Invalid JSON path: '${path}'`);
  }
  return steps.reduce<unknown>((at, [, name, index, quoted]) => {
    if (at === null || typeof at !== "object") return undefined;
    return (at as Record<string, unknown>)[name ?? index ?? quoted!.replace(/\\(.)/g, "$1")];
  }, value);
}

function scalarText(value: unknown): string | undefined {
  if (value === undefined || value === null || typeof value === "object") return undefined;
  return String(value);
}

/** Patterns are compiled once; their matching is bounded by the time of the whole query. */
const pattern = (cache: Map<string, RegExp>, source: string): RegExp => {
  let compiled = cache.get(source);
  if (!compiled) cache.set(source, (compiled = new RegExp(source, "gu")));
  compiled.lastIndex = 0;
  return compiled;
};

function part(unit: string, at: Date): number {
  switch (unit) {
    case "year":
      return at.getUTCFullYear();
    case "month":
      return at.getUTCMonth() + 1;
    case "day":
      return at.getUTCDate();
    case "hour":
      return at.getUTCHours();
    case "minute":
      return at.getUTCMinutes();
    case "second":
      return at.getUTCSeconds();
    default:
      return at.getUTCDay() === 0 ? 7 : at.getUTCDay();
  }
}

function cannotCast(value: Value, type: string): Error {
  return new Error(`Cannot cast '${String(value)}' to ${type}`);
}

/** Numbers that stay floating-point though they are whole. */
const doubles = new Set(["q_double", "q_try_double", "q_to_unixtime"]);

/** Name in the translated statement → the function. Whole numbers become SQLite's integers, so that they divide as such. */
export function nativeFunctions(): Record<string, Native> {
  const whole = (work: Native): Native => {
    return (...args) => {
      const value = work(...args);
      return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
    };
  };
  return Object.fromEntries(
    Object.entries(registered()).map(([name, work]) => [name, doubles.has(name) ? work : whole(work)]),
  );
}

function registered(): Record<string, Native> {
  const patterns = new Map<string, RegExp>();
  const compiled = (source: Value) => pattern(patterns, String(source));
  return {
    q_timestamp: strict((text) => {
      const found = timestampOf(String(text));
      if (found === undefined) throw cannotCast(text!, "timestamp");
      return found;
    }),
    q_try_timestamp: strict((text) => timestampOf(String(text))),
    q_integer: strict((text) => {
      if (typeof text === "number") return Math.round(text);
      if (!/^\s*[+-]?\d{1,15}\s*$/.test(String(text))) throw cannotCast(text!, "bigint");
      return Number(text);
    }),
    q_try_integer: strict((text) => {
      if (typeof text === "number") return Math.round(text);
      return /^\s*[+-]?\d{1,15}\s*$/.test(String(text)) ? Number(text) : null;
    }),
    q_double: strict((text) => {
      const value = String(text).trim() === "" ? Number.NaN : Number(text);
      if (Number.isNaN(value)) throw cannotCast(text!, "double");
      return value;
    }),
    q_try_double: strict((text) => {
      const value = String(text).trim() === "" ? Number.NaN : Number(text);
      return Number.isNaN(value) ? null : value;
    }),
    q_boolean: strict((text) => {
      const word = String(text).toLowerCase();
      if (["true", "t", "1"].includes(word)) return 1;
      if (["false", "f", "0"].includes(word)) return 0;
      throw cannotCast(text!, "boolean");
    }),
    q_date_add: strict((unit, amount, at) => addTime(String(unit), Number(amount), String(at))),
    q_date_diff: strict((unit, from, to) => timeBetween(String(unit), String(from), String(to))),
    q_date_trunc: strict((unit, at) => truncateTime(String(unit), String(at))),
    q_time_part: strict((unit, at) => part(String(unit), new Date(timeOf(String(at))))),
    q_from_unixtime: strict((seconds) => formatTime(Number(seconds) * 1000)),
    q_to_unixtime: strict((at) => timeOf(String(at)) / 1000),
    q_to_iso8601: strict((at) => `${String(at).replace(" ", "T")}Z`),
    q_fail: (message) => {
      throw new Error(String(message));
    },
    q_item: strict((json, index) => jsonItem(parsed(json), index!)),
    q_map_keys: strict((json) => JSON.stringify(Object.keys((parsed(json) ?? {}) as object))),
    q_map_values: strict((json) => JSON.stringify(Object.values((parsed(json) ?? {}) as object))),
    q_cardinality: strict((json) => Object.keys((parsed(json) ?? {}) as object).length),
    q_contains: strict((json, value) => (((parsed(json) ?? []) as unknown[]).includes(value) ? 1 : 0)),
    q_array_join: strict((json, separator) =>
      ((parsed(json) ?? []) as unknown[]).filter((item) => item !== null).join(String(separator)),
    ),
    q_json_extract: strict((json, path) => {
      const value = atPath(parsed(json), String(path));
      return value === undefined ? null : JSON.stringify(value);
    }),
    q_json_extract_scalar: strict((json, path) => scalarText(atPath(parsed(json), String(path)))),
    q_regexp_like: strict((text, source) => (compiled(source!).test(String(text)) ? 1 : 0)),
    q_regexp_extract: strict((text, source, group) => compiled(source!).exec(String(text))?.[Number(group ?? 0)]),
    q_regexp_replace: strict((text, source, by) =>
      String(text).replace(compiled(source!), String(by ?? "").replace(/\$(?!\d)/g, "$$$$")),
    ),
    q_split: strict((text, by) => JSON.stringify(String(text).split(String(by)))),
    q_split_part: strict((text, by, index) => String(text).split(String(by))[Number(index) - 1]),
    q_reverse: strict((text) => [...String(text)].toReversed().join("")),
    q_lower: strict((text) => String(text).toLowerCase()),
    q_upper: strict((text) => String(text).toUpperCase()),
  };
}

/** Maps by key, arrays by position from one; nested items as JSON. */
function jsonItem(value: unknown, index: Value): string | number | null {
  if (value === undefined || value === null || typeof value !== "object") return null;
  const item: unknown = Array.isArray(value)
    ? value.at(Number(index) > 0 ? Number(index) - 1 : Number(index))
    : Object.hasOwn(value, String(index))
      ? (value as Record<string, unknown>)[String(index)]
      : undefined;
  if (item === undefined || item === null) return null;
  if (typeof item === "boolean") return item ? 1 : 0;
  return typeof item === "object" ? JSON.stringify(item) : (item as string | number);
}
