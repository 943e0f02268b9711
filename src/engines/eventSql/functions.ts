/**
 * Trino's functions, one row each: how many arguments, and what they become. A function without a row is refused
 * by name. Source: Trino documentation, "Functions and operators".
 */
import { timeUnits } from "./time.ts";
import { arrayOf, boolean, date, double, isNested, number, string, timestamp, typeName, type Type } from "./types.ts";

export interface Emitted {
  sql: string;
  type: Type;
  /** The text of a string literal. */
  literal?: string;
}

export interface FunctionRow {
  /** Least and most arguments. */
  takes: readonly [number, number];
  aggregate?: boolean;
  /** Throws a text that becomes a QueryError where the call stands. */
  emit(args: readonly Emitted[], distinct: string): Emitted;
}

class BadCall extends Error {}
export const isBadCall = (error: unknown): error is Error => error instanceof BadCall;

const call = (name: string, args: readonly Emitted[]) => `${name}(${args.map(({ sql }) => sql).join(", ")})`;

/** A text in SQLite. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function native(name: string, least: number, most: number, type: Type): FunctionRow {
  return { takes: [least, most], emit: (args) => ({ sql: call(name, args), type }) };
}

/** Texts only: nested values have none. */
function onText(name: string, least: number, most: number, type: Type = string): FunctionRow {
  return {
    takes: [least, most],
    emit(args) {
      const wrong = args.slice(0, 1).find((arg) => arg.type.kind !== "string" && arg.type.kind !== "null");
      if (wrong) throw new BadCall(`Unexpected parameters (${args.map((arg) => typeName(arg.type)).join(", ")})`);
      return { sql: call(name, args), type };
    },
  };
}

/** A time, given as one or as a literal of one. */
export function asTime(arg: Emitted): Emitted {
  if (arg.type.kind === "timestamp") return arg;
  if (arg.type.kind === "date") return { sql: `(${arg.sql} || ' 00:00:00.000')`, type: timestamp };
  if (arg.type.kind === "string" || arg.type.kind === "null") {
    return { sql: `q_timestamp(${arg.sql})`, type: timestamp };
  }
  throw new BadCall(`Cannot take ${typeName(arg.type)} as a timestamp`);
}

function unitOf(arg: Emitted): string {
  const unit = arg.literal?.toLowerCase();
  if (unit === undefined || !timeUnits.has(unit))
    throw new BadCall(`'${arg.literal ?? arg.sql}' is not a valid time unit`);
  return quoted(unit);
}

function timePart(unit: string): FunctionRow {
  return {
    takes: [1, 1],
    emit: ([at]) => ({ sql: `q_time_part('${unit}', ${asTime(at!).sql})`, type: number }),
  };
}

function least(name: string): FunctionRow {
  return {
    takes: [1, 20],
    emit: (args) => ({ sql: args.length === 1 ? args[0]!.sql : call(name, args), type: args[0]!.type }),
  };
}

function extreme(name: string): FunctionRow {
  return {
    takes: [1, 1],
    aggregate: true,
    emit: ([arg], distinct) => ({ sql: `${name}(${distinct}${arg!.sql})`, type: arg!.type }),
  };
}

function onNumber(name: string, most = 1): FunctionRow {
  return {
    takes: [1, most],
    emit(args) {
      if (args[0]!.type.kind !== "number") throw new BadCall(`Unexpected parameters (${typeName(args[0]!.type)})`);
      return { sql: call(name, args), type: number };
    },
  };
}

function total(name: string, type?: Type): FunctionRow {
  return {
    takes: [1, 1],
    aggregate: true,
    emit([arg], distinct) {
      if (arg!.type.kind !== "number") throw new BadCall(`Unexpected parameters (${typeName(arg!.type)})`);
      return { sql: `${name}(${distinct}${arg!.sql})`, type: type ?? arg!.type };
    },
  };
}

/** What a subscript gives: of a map by key, of an array by position. */
export function itemOf(of: Emitted, index: Emitted): Emitted {
  const type = of.type.kind === "map" ? string : of.type.kind === "array" ? of.type.element : undefined;
  if (!type) throw new BadCall(`Cannot take an element of ${typeName(of.type)}`);
  const wanted = of.type.kind === "map" ? "string" : "number";
  if (index.type.kind !== wanted) throw new BadCall(`The index is ${typeName(index.type)}`);
  return { sql: `q_item(${of.sql}, ${index.sql})`, type };
}

/** The time of the statement: `CURRENT` is bound when it runs. */
const now: Emitted = { sql: ":now", type: timestamp };

export const functions: Readonly<Record<string, FunctionRow>> = {
  // Aggregates.
  count: {
    takes: [0, 1],
    aggregate: true,
    emit: ([arg], distinct) => ({ sql: arg ? `count(${distinct}${arg.sql})` : "count(*)", type: number }),
  },
  count_if: {
    takes: [1, 1],
    aggregate: true,
    emit: ([arg]) => ({ sql: `count(nullif(${arg!.sql}, 0))`, type: number }),
  },
  /** Exact here, which is within any error bound. */
  approx_distinct: {
    takes: [1, 2],
    aggregate: true,
    emit: ([arg]) => ({ sql: `count(DISTINCT ${arg!.sql})`, type: number }),
  },
  sum: total("sum"),
  avg: total("avg", double),
  min: extreme("min"),
  max: extreme("max"),
  arbitrary: extreme("min"),
  any_value: extreme("min"),
  bool_or: { takes: [1, 1], aggregate: true, emit: ([arg]) => ({ sql: `max(${arg!.sql})`, type: boolean }) },
  bool_and: { takes: [1, 1], aggregate: true, emit: ([arg]) => ({ sql: `min(${arg!.sql})`, type: boolean }) },
  array_agg: {
    takes: [1, 1],
    aggregate: true,
    emit: ([arg], distinct) => ({
      sql: `json_group_array(${distinct}${isNested(arg!.type) && distinct === "" ? `json(${arg!.sql})` : arg!.sql})`,
      type: arrayOf(distinct === "" ? arg!.type : scalarOnly(arg!.type)),
    }),
  },

  // Choices.
  coalesce: least("coalesce"),
  greatest: least("max"),
  least: least("min"),
  nullif: { takes: [2, 2], emit: (args) => ({ sql: call("nullif", args), type: args[0]!.type }) },
  if: {
    takes: [2, 3],
    emit: ([test, yes, no]) => ({ sql: `iif(${test!.sql}, ${yes!.sql}, ${no?.sql ?? "NULL"})`, type: yes!.type }),
  },

  // Texts.
  lower: onText("q_lower", 1, 1),
  upper: onText("q_upper", 1, 1),
  length: onText("length", 1, 1, number),
  trim: onText("trim", 1, 1),
  ltrim: onText("ltrim", 1, 1),
  rtrim: onText("rtrim", 1, 1),
  reverse: onText("q_reverse", 1, 1),
  substr: onText("substr", 2, 3),
  substring: onText("substr", 2, 3),
  strpos: onText("instr", 2, 2, number),
  replace: {
    takes: [2, 3],
    emit: ([of, what, by]) => ({ sql: `replace(${of!.sql}, ${what!.sql}, ${by?.sql ?? "''"})`, type: string }),
  },
  starts_with: {
    takes: [2, 2],
    emit: ([of, by]) => ({ sql: `(substr(${of!.sql}, 1, length(${by!.sql})) = ${by!.sql})`, type: boolean }),
  },
  concat: {
    takes: [2, 20],
    emit: (args) => ({ sql: `(${args.map(({ sql }) => sql).join(" || ")})`, type: string }),
  },
  split: onText("q_split", 2, 2, arrayOf(string)),
  split_part: onText("q_split_part", 3, 3),
  regexp_like: onText("q_regexp_like", 2, 2, boolean),
  regexp_extract: onText("q_regexp_extract", 2, 3),
  regexp_replace: onText("q_regexp_replace", 2, 3),

  // Maps, arrays, JSON.
  element_at: { takes: [2, 2], emit: ([of, index]) => itemOf(of!, index!) },
  map_keys: native("q_map_keys", 1, 1, arrayOf(string)),
  map_values: native("q_map_values", 1, 1, arrayOf(string)),
  cardinality: native("q_cardinality", 1, 1, number),
  contains: native("q_contains", 2, 2, boolean),
  array_join: native("q_array_join", 2, 2, string),
  json_extract: onText("q_json_extract", 2, 2),
  json_extract_scalar: onText("q_json_extract_scalar", 2, 2),

  // Times.
  now: { takes: [0, 0], emit: () => now },
  current_timestamp: { takes: [0, 0], emit: () => now },
  localtimestamp: { takes: [0, 0], emit: () => now },
  current_date: { takes: [0, 0], emit: () => ({ sql: "substr(:now, 1, 10)", type: date }) },
  from_iso8601_timestamp: onText("q_timestamp", 1, 1, timestamp),
  from_unixtime: native("q_from_unixtime", 1, 1, timestamp),
  to_unixtime: { takes: [1, 1], emit: ([at]) => ({ sql: `q_to_unixtime(${asTime(at!).sql})`, type: double }) },
  to_iso8601: { takes: [1, 1], emit: ([at]) => ({ sql: `q_to_iso8601(${asTime(at!).sql})`, type: string }) },
  date: { takes: [1, 1], emit: ([at]) => ({ sql: `substr(${asTime(at!).sql}, 1, 10)`, type: date }) },
  date_trunc: {
    takes: [2, 2],
    emit: ([unit, at]) => ({ sql: `q_date_trunc(${unitOf(unit!)}, ${asTime(at!).sql})`, type: timestamp }),
  },
  date_add: {
    takes: [3, 3],
    emit: ([unit, amount, at]) => ({
      sql: `q_date_add(${unitOf(unit!)}, ${amount!.sql}, ${asTime(at!).sql})`,
      type: timestamp,
    }),
  },
  date_diff: {
    takes: [3, 3],
    emit: ([unit, from, to]) => ({
      sql: `q_date_diff(${unitOf(unit!)}, ${asTime(from!).sql}, ${asTime(to!).sql})`,
      type: number,
    }),
  },
  year: timePart("year"),
  month: timePart("month"),
  day: timePart("day"),
  hour: timePart("hour"),
  minute: timePart("minute"),
  second: timePart("second"),
  day_of_week: timePart("day_of_week"),
  dow: timePart("day_of_week"),

  // Numbers.
  abs: onNumber("abs"),
  round: onNumber("round", 2),
  floor: onNumber("floor"),
  ceil: onNumber("ceil"),
  ceiling: onNumber("ceil"),
};

function scalarOnly(type: Type): Type {
  if (isNested(type)) throw new BadCall(`DISTINCT values of ${typeName(type)} cannot be collected`);
  return type;
}
