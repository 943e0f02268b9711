/** Values and comparisons that delimited and JSON patterns share. */
import { InvalidFilterPattern } from "./invalid.ts";
import { compileRegex } from "./regex.ts";

export type Operator = "=" | "!=" | "<" | ">" | "<=" | ">=";
export const operatorText = /^(?:!=|<=|>=|=|<|>)/;

/** The right side of a comparison as it was written. */
export interface Operand {
  kind: "text" | "quoted" | "regex";
  text: string;
}

const number = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;

export function asNumber(text: string): number | undefined {
  return number.test(text) ? Number(text) : undefined;
}

/** Equality with `*` for any text. */
export function wildcardTest(pattern: string): (text: string) => boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return (text) => text === pattern;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  const middle = parts.slice(1, -1);
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= text.length - last.length;
  };
}

/**
 * A test of a value's text; numbers are compared as numbers where the operand is one.
 * @throws InvalidFilterPattern an order between texts
 */
export function comparison(operator: Operator, operand: Operand): (value: string, isNumber: boolean) => boolean {
  if (operator === "=" || operator === "!=") {
    const wanted = operator === "=";
    if (operand.kind === "regex") {
      const matches = compileRegex(operand.text);
      return (value) => matches(value) === wanted;
    }
    const expected = operand.kind === "text" ? asNumber(operand.text) : undefined;
    if (expected !== undefined) return (value) => (asNumber(value) === expected) === wanted;
    const matches = wildcardTest(operand.text);
    return (value) => matches(value) === wanted;
  }
  const limit = operand.kind === "text" ? asNumber(operand.text) : undefined;
  if (limit === undefined) throw new InvalidFilterPattern("Only numbers have an order");
  return (value) => {
    const given = asNumber(value);
    if (given === undefined) return false;
    if (operator === "<") return given < limit;
    if (operator === ">") return given > limit;
    return operator === "<=" ? given <= limit : given >= limit;
  };
}
