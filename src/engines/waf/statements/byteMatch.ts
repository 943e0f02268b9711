/**
 * ByteMatchStatement.
 * Source: AWS WAF Developer Guide, "String match rule statement".
 */
import { type Build, onValues, slotOf } from "../build.ts";
import type { Check } from "../evaluation.ts";
import type { ByteMatch } from "../model.ts";

export function byteMatch(statement: ByteMatch, build: Build): Check {
  const slot = slotOf(statement, build);
  const wanted = Buffer.from(statement.SearchString, "base64").toString("latin1");
  const holds = constraints[statement.PositionalConstraint!](wanted);
  const may = build.plan.mayContain(slot, wanted);
  return onValues(slot, (values) => {
    if (!may(values)) return false;
    for (const value of values.values) if (holds(value)) return true;
    return false;
  });
}

type Constraint = (wanted: string) => (value: string) => boolean;

const constraints: Readonly<Record<NonNullable<ByteMatch["PositionalConstraint"]>, Constraint>> = {
  EXACTLY: (wanted) => (value) => value === wanted,
  STARTS_WITH: (wanted) => (value) => value.startsWith(wanted),
  ENDS_WITH: (wanted) => (value) => value.endsWith(wanted),
  CONTAINS: (wanted) => (value) => value.includes(wanted),
  CONTAINS_WORD: (wanted) => (value) => containsWord(value, wanted),
};

/** The text stands alone: before and after it is no letter, digit or underscore. */
function containsWord(value: string, wanted: string): boolean {
  for (let at = value.indexOf(wanted); at >= 0; at = value.indexOf(wanted, at + 1)) {
    if (!isWord(value.charCodeAt(at - 1)) && !isWord(value.charCodeAt(at + wanted.length))) return true;
  }
  return false;
}

/** NaN, from beyond the ends, is none. */
const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
