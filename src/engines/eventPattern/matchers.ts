/**
 * What a pattern asks of one value. A table with one row per match type: how it is read and what it means.
 * Source: EventBridge User Guide, "Comparison operators for use in event patterns in Amazon EventBridge"; SNS Developer
 * Guide, "Amazon SNS subscription filter policies"; texts of refusals as recorded against AWS.
 */
import { isIP } from "node:net";
import { BlockList } from "node:net";

export type Primitive = string | number | boolean | null;

/** `value` is `undefined` where the event has no such leaf. */
export interface Matcher {
  type: string;
  /** Exact value: such a matcher can be found by its value. */
  literal?: Primitive;
  prefix?: string;
  suffix?: string;
  /** It wants the field to be absent. */
  absent?: true;
  test(value: Primitive | undefined): boolean;
}

/** Why a pattern is refused, in AWS's words without the frame that each service puts around it. */
export class PatternError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PatternError";
  }
}

export type MatchType =
  | "prefix"
  | "suffix"
  | "equals-ignore-case"
  | "wildcard"
  | "numeric"
  | "exists"
  | "cidr"
  | "anything-but";

const onText = (test: (text: string) => boolean) => (value: Primitive | undefined) =>
  typeof value === "string" && test(value);

export function literal(value: unknown): Matcher {
  if (value !== null && !["string", "number", "boolean"].includes(typeof value)) {
    throw new PatternError("Match value must be String, number, true, false, or null");
  }
  const wanted = value as Primitive;
  return { type: "literal", literal: wanted, test: (given) => given === wanted };
}

const readers: Readonly<Record<MatchType, (argument: unknown) => Matcher>> = {
  prefix: (argument) => edge("prefix", argument, (text, part) => text.startsWith(part)),
  suffix: (argument) => edge("suffix", argument, (text, part) => text.endsWith(part)),
  "equals-ignore-case": (argument) => {
    const wanted = text("equals-ignore-case", argument).toLowerCase();
    return { type: "equals-ignore-case", test: onText((given) => given.toLowerCase() === wanted) };
  },
  wildcard: (argument) => ({ type: "wildcard", test: onText(wildcard(text("wildcard", argument))) }),
  numeric: (argument) => {
    const test = numeric(argument);
    return { type: "numeric", test: (given) => typeof given === "number" && test(given) };
  },
  exists: (argument) => {
    if (typeof argument !== "boolean") throw new PatternError("exists match pattern must be either true or false.");
    return argument
      ? { type: "exists", test: (given) => given !== undefined }
      : { type: "exists", absent: true, test: (given) => given === undefined };
  },
  cidr: (argument) => ({ type: "cidr", test: onText(cidr(text("cidr", argument))) }),
  "anything-but": (argument) => {
    const excluded = exclusion(argument);
    return { type: "anything-but", test: (given) => given !== undefined && !excluded(given) };
  },
};

/** Reads `{"<match type>": argument}`. @throws PatternError */
export function readMatcher(given: Readonly<Record<string, unknown>>): Matcher {
  const names = Object.keys(given);
  if (names.length !== 1) {
    throw new PatternError(
      names.length === 0 ? "Match expression name not found" : "Only one key allowed in match expression",
    );
  }
  const [name] = names as [string];
  if (!Object.hasOwn(readers, name)) throw new PatternError(`Unrecognized match type ${name}`);
  return readers[name as MatchType](given[name]);
}

function text(type: string, argument: unknown): string {
  if (typeof argument !== "string") throw new PatternError(`${type} match pattern must be a string`);
  return argument;
}

/** `prefix` and `suffix`, also without regard to case. */
function edge(type: "prefix" | "suffix", argument: unknown, holds: (text: string, part: string) => boolean): Matcher {
  if (isObject(argument)) {
    const [name, ...more] = Object.keys(argument);
    if (name !== "equals-ignore-case" || more.length > 0)
      throw new PatternError(`Unsupported ${type} pattern: ${name ?? ""}`);
    const wanted = text("equals-ignore-case", argument[name]).toLowerCase();
    return { type, test: onText((given) => holds(given.toLowerCase(), wanted)) };
  }
  const wanted = text(type, argument);
  return { type, [type]: wanted, test: onText((given) => holds(given, wanted)) };
}

/** `*` is any text; `\*` and `\\` are the characters themselves. Works in time linear in text times stars, without backtracking. */
export function wildcard(pattern: string): (text: string) => boolean {
  const parts: string[] = [""];
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === "\\") {
      const next = pattern[++i];
      if (next !== "*" && next !== "\\") throw new PatternError("Invalid escape character at pos " + String(i - 1));
      parts[parts.length - 1] += next;
    } else if (character === "*") {
      if (pattern[i + 1] === "*") throw new PatternError("Consecutive wildcard characters at pos " + String(i));
      parts.push("");
    } else {
      parts[parts.length - 1] += character;
    }
  }
  const first = parts[0]!;
  const last = parts.at(-1)!;
  const middle = parts.slice(1, -1);
  if (parts.length === 1) return (given) => given === first;
  return (given) => {
    if (given.length < first.length + last.length || !given.startsWith(first) || !given.endsWith(last)) return false;
    let at = first.length;
    const end = given.length - last.length;
    for (const part of middle) {
      const found = given.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}

const comparisons: Readonly<Record<string, (given: number, bound: number) => boolean>> = {
  "=": (given, bound) => given === bound,
  "<": (given, bound) => given < bound,
  "<=": (given, bound) => given <= bound,
  ">": (given, bound) => given > bound,
  ">=": (given, bound) => given >= bound,
};

function numeric(argument: unknown): (given: number) => boolean {
  if (!Array.isArray(argument)) throw new PatternError("Value of numeric must be an array.");
  if (argument.length === 0) throw new PatternError("Invalid member in numeric match: ]");
  if (argument.length > 4) throw new PatternError("Too many elements in numeric expression");
  const tests: [(given: number, bound: number) => boolean, number][] = [];
  const used: string[] = [];
  for (let i = 0; i < argument.length; i += 2) {
    const operator: unknown = argument[i];
    const bound: unknown = argument[i + 1];
    if (typeof operator !== "string") throw new PatternError(`Invalid member in numeric match: ${String(operator)}`);
    const compare = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
    if (!compare) throw new PatternError(`Unrecognized numeric range operator: ${operator}`);
    if (typeof bound !== "number") throw new PatternError(`Value of ${operator} must be numeric`);
    // SNS: "the value can range from -10^9 to 10^9"; EventBridge: -5.0e9 to +5.0e9.
    if (Math.abs(bound) > 5e9) throw new PatternError("Value must be between -5.0E9 and +5.0E9, inclusive");
    tests.push([compare, bound]);
    used.push(operator);
  }
  if (used.length === 2) {
    const [first, second] = used as [string, string];
    if (!first.startsWith(">") || !second.startsWith("<"))
      throw new PatternError(`Bad numeric range operator: ${second}`);
    if (tests[0]![1] >= tests[1]![1]) throw new PatternError("Bottom must be less than top");
  }
  return (given) => tests.every(([compare, bound]) => compare(given, bound));
}

function cidr(range: string): (given: string) => boolean {
  const [address = "", bits, ...more] = range.split("/");
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (version === 0 || more.length > 0 || !(length <= most)) throw new PatternError("Malformed CIDR, one '/' required");
  const family = version === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(address, length, family);
  return (given) => isIP(given) === version && list.check(given, family);
}

/** What `anything-but` leaves out: values, or texts of a form. */
function exclusion(argument: unknown): (value: Primitive) => boolean {
  if (isObject(argument)) {
    const [name = "", ...more] = Object.keys(argument);
    if (more.length > 0 || !["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(name)) {
      throw new PatternError(`Unsupported anything-but pattern: ${name}`);
    }
    const inner: unknown = argument[name];
    const parts: readonly unknown[] = Array.isArray(inner) ? inner : [inner];
    if (parts.length === 0) throw new PatternError("Empty arrays are not allowed");
    const matchers = parts.map((part) => readers[name as MatchType](part));
    return (value) => matchers.some((matcher) => matcher.test(value));
  }
  const values: readonly unknown[] = Array.isArray(argument) ? argument : [argument];
  if (values.length === 0) throw new PatternError("Empty arrays are not allowed");
  const kinds = new Set(values.map((value) => typeof value));
  if (kinds.size > 1 || !(kinds.has("string") || kinds.has("number"))) {
    throw new PatternError(
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    );
  }
  const set = new Set(values as Primitive[]);
  return (value) => set.has(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
