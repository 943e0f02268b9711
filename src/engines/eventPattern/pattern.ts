/**
 * Reading a pattern. A pattern is an AND over fields, each field an OR over its matchers; `$or` joins whole patterns. It
 * is kept as its alternatives: lists of conditions of which all must hold, with every `$or` multiplied out.
 */
import { isObject, literal, PatternError, readMatcher, type Matcher } from "./matchers.ts";

export { PatternError } from "./matchers.ts";

export interface Condition {
  /** Names from the root to the leaf. */
  path: readonly string[];
  matchers: readonly Matcher[];
}

export interface Pattern {
  alternatives: readonly (readonly Condition[])[];
  /** Values in all fields multiplied, which SNS bounds; and the number of leaf fields. */
  combinations: number;
  fields: number;
  deepest: number;
}

/** EventBridge refuses patterns whose `$or` make more: "rule is too complex". */
const mostAlternatives = 1000;
const deepestPattern = 100;

/** @throws PatternError for text that is no JSON or no pattern. */
export function parsePattern(given: string): Pattern {
  let parsed: unknown;
  try {
    parsed = JSON.parse(given);
  } catch {
    throw new PatternError("Filter is not a valid JSON document");
  }
  if (!isObject(parsed)) throw new PatternError("Filter is not an object");
  return compilePattern(parsed);
}

/** The same for JSON that has been read. @throws PatternError */
export function compilePattern(given: Readonly<Record<string, unknown>>): Pattern {
  const counts = { combinations: 1, fields: 0, deepest: 0 };
  const alternatives = readFields(given, [], counts);
  return { alternatives, ...counts };
}

type Counts = Pick<Pattern, "combinations" | "fields" | "deepest">;

function readFields(given: Readonly<Record<string, unknown>>, path: readonly string[], counts: Counts): Condition[][] {
  const names = Object.keys(given);
  if (names.length === 0) throw new PatternError("Empty objects are not allowed");
  if (path.length >= deepestPattern) throw new PatternError("Pattern is nested too deeply");
  let alternatives: Condition[][] = [[]];
  for (const name of names) {
    const value = given[name];
    alternatives = product(
      alternatives,
      isOr(name, value) ? readOr(value, path, counts) : readField(name, value, path, counts),
    );
  }
  return alternatives;
}

/** `$or` over at least two objects; with anything else it is the name of a field. */
function isOr(name: string, value: unknown): value is Record<string, unknown>[] {
  return (
    name === "$or" &&
    Array.isArray(value) &&
    value.length >= 2 &&
    value.every(isObject) &&
    !value.some(looksLikeMatcher)
  );
}

const matchNames = new Set([
  "prefix",
  "suffix",
  "equals-ignore-case",
  "wildcard",
  "numeric",
  "exists",
  "cidr",
  "anything-but",
]);

function looksLikeMatcher(value: Record<string, unknown>): boolean {
  return Object.keys(value).some((name) => matchNames.has(name));
}

function readOr(branches: Record<string, unknown>[], path: readonly string[], counts: Counts): Condition[][] {
  const all: Condition[][] = [];
  let sum = 0;
  for (const branch of branches) {
    const own: Counts = { combinations: 1, fields: 0, deepest: 0 };
    all.push(...readFields(branch, path, own));
    if (all.length > mostAlternatives) throw tooComplex();
    sum += own.combinations;
    counts.fields += own.fields;
    counts.deepest = Math.max(counts.deepest, own.deepest);
  }
  counts.combinations *= sum;
  return all;
}

function readField(name: string, value: unknown, above: readonly string[], counts: Counts): Condition[][] {
  const path = [...above, name];
  counts.deepest = Math.max(counts.deepest, path.length);
  if (isObject(value)) return readFields(value, path, counts);
  if (!Array.isArray(value)) throw new PatternError(`"${name}" must be an object or an array`);
  if (value.length === 0) throw new PatternError("Empty arrays are not allowed");
  counts.fields += 1;
  counts.combinations *= value.length;
  return [[{ path, matchers: value.map((each: unknown) => (isObject(each) ? readMatcher(each) : literal(each))) }]];
}

function product(left: Condition[][], right: Condition[][]): Condition[][] {
  if (left.length * right.length > mostAlternatives) throw tooComplex();
  return left.flatMap((one) => right.map((other) => [...one, ...other]));
}

const tooComplex = () => new PatternError("Rule is too complex - try using fewer $or");
