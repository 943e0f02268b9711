/**
 * Space-delimited patterns: `[ip, user, ..., status = 4* || status = 500, bytes]`. Text in quotes or brackets is one
 * field. Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in space-delimited log events".
 */
import { comparison, type Operand, type Operator, operatorText } from "./comparison.ts";
import { InvalidFilterPattern } from "./invalid.ts";

interface Field {
  name: string;
  test: (value: string) => boolean;
}

export interface Delimited {
  /** Values by field name, or `undefined` when the message does not match. */
  match(message: string): Map<string, string> | undefined;
  names: readonly string[];
  regexes: number;
}

/** @throws InvalidFilterPattern */
export function compileDelimited(pattern: string): Delimited {
  const inner = pattern.trim().slice(1, -1);
  const parts = splitFields(inner);
  const ellipses = parts.filter((part) => part === "...").length;
  if (ellipses > 1) throw new InvalidFilterPattern("A pattern has at most one ellipsis");
  let regexes = 0;
  const parse = (part: string, index: number): Field => {
    const parsed = parseField(part, index);
    regexes += parsed.regexes;
    return parsed.field;
  };
  const cut = parts.indexOf("...");
  const before = (cut < 0 ? parts : parts.slice(0, cut)).map(parse);
  const after = cut < 0 ? [] : parts.slice(cut + 1).map((part, index) => parse(part, cut + 1 + index));
  return {
    names: [...before, ...after].map(({ name }) => name),
    regexes,
    match(message) {
      const tokens = tokenize(message);
      const fields = before.length + after.length;
      if (cut < 0 ? tokens.length !== fields : tokens.length < fields) return undefined;
      const values = new Map<string, string>();
      const take = (field: Field, value: string) => {
        values.set(field.name, value);
        return field.test(value);
      };
      const matched =
        before.every((field, i) => take(field, tokens[i]!)) &&
        after.every((field, i) => take(field, tokens[tokens.length - after.length + i]!));
      if (!matched) return undefined;
      return values;
    },
  };
}

function splitFields(text: string): string[] {
  const fields = [""];
  let quote = "";
  for (const char of text) {
    if (quote) {
      if (char === quote) quote = "";
    } else if (char === '"' || char === "%") quote = char;
    if (char === "," && quote === "") fields.push("");
    else fields[fields.length - 1] += char;
  }
  if (quote) throw new InvalidFilterPattern("A quote or regex is not closed");
  return fields.map((field) => field.trim());
}

const name = /^[A-Za-z_][A-Za-z0-9_]*/;

function parseField(text: string, index: number): { field: Field; regexes: number } {
  if (text === "") return { field: { name: `$${index + 1}`, test: () => true }, regexes: 0 };
  const own = name.exec(text)?.[0];
  if (own === undefined) throw new InvalidFilterPattern(`A field begins with a name, not with '${text.slice(0, 20)}'`);
  let rest = text.slice(own.length).trimStart();
  if (rest === "") return { field: { name: own, test: () => true }, regexes: 0 };
  let regexes = 0;
  const alternatives: ((value: string) => boolean)[][] = [[]];
  for (;;) {
    const operator = operatorText.exec(rest)?.[0] as Operator | undefined;
    if (operator === undefined) throw new InvalidFilterPattern(`A comparison is expected at '${rest.slice(0, 20)}'`);
    const [operand, length] = parseOperand(rest.slice(operator.length));
    rest = rest.slice(operator.length + length).trimStart();
    if (operand.kind === "regex") regexes++;
    const test = comparison(operator, operand);
    alternatives.at(-1)!.push((value) => test(value, false));
    if (rest === "") break;
    const joint = /^(&&|\|\|)\s*([A-Za-z_][A-Za-z0-9_]*)\s*/.exec(rest);
    if (!joint || joint[2] !== own) throw new InvalidFilterPattern(`'${rest.slice(0, 20)}' does not continue ${own}`);
    if (joint[1] === "||") alternatives.push([]);
    rest = rest.slice(joint[0].length);
  }
  const test = (value: string) => alternatives.some((tests) => tests.every((each) => each(value)));
  return { field: { name: own, test }, regexes };
}

function parseOperand(text: string): [Operand, number] {
  const indent = text.length - text.trimStart().length;
  const rest = text.trimStart();
  const regex = /^%([^%]*)%/.exec(rest);
  if (regex) return [{ kind: "regex", text: regex[1]! }, indent + regex[0].length];
  const quoted = /^"([^"]*)"/.exec(rest);
  if (quoted) return [{ kind: "quoted", text: quoted[1]! }, indent + quoted[0].length];
  const bare = /^[^\s&|=<>!"%,]+/.exec(rest)?.[0];
  if (bare === undefined) throw new InvalidFilterPattern("A comparison has no value");
  return [{ kind: "text", text: bare }, indent + bare.length];
}

/** Fields of a message; quotes and brackets hold one together and are not part of it. */
export function tokenize(message: string): string[] {
  const tokens: string[] = [];
  let at = 0;
  while (at < message.length) {
    const char = message[at]!;
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    const close = char === '"' ? '"' : char === "[" ? "]" : undefined;
    const end = close === undefined ? -1 : message.indexOf(close, at + 1);
    if (end >= 0) {
      tokens.push(message.slice(at + 1, end));
      at = end + 1;
      continue;
    }
    const start = at;
    while (at < message.length && !/\s/.test(message[at]!)) at++;
    tokens.push(message.slice(start, at));
  }
  return tokens;
}
