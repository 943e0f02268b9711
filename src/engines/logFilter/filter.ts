/** The filter pattern language of CloudWatch Logs: one pattern, one predicate over messages. Pure. */
import { compileDelimited } from "./delimited.ts";
import { InvalidFilterPattern } from "./invalid.ts";
import { compileJson, parseSelector, select } from "./json.ts";
import { compileText } from "./text.ts";

export interface LogFilter {
  kind: "all" | "text" | "delimited" | "json";
  matches(message: string): boolean;
  /** What TestMetricFilter shows of a matching message: field or selector → value. */
  extract(message: string): Record<string, string>;
  /** The value of `$.selector` or `$field` in a message, for metric values and dimensions. */
  value(message: string, selector: string): string | undefined;
  /** How many regexes the pattern holds. */
  regexes: number;
  /** Names that `value` knows, for delimited patterns. */
  fields: readonly string[];
}

/** "Each filter pattern is limited to 2 regex" in delimited and JSON patterns. */
const mostRegexes = 2;

/** @throws InvalidFilterPattern */
export function compileFilter(pattern: string): LogFilter {
  const text = pattern.trim();
  if (text === "") return plain("all", () => true, 0);
  if (text.startsWith("{") && text.endsWith("}")) return jsonFilter(text);
  if (text.startsWith("[") && text.endsWith("]")) return delimitedFilter(text);
  const { test, regexes } = compileText(text);
  return plain("text", test, regexes);
}

function plain(kind: "all" | "text", matches: (message: string) => boolean, regexes: number): LogFilter {
  return { kind, regexes, matches, extract: () => ({}), value: () => undefined, fields: [] };
}

function delimitedFilter(pattern: string): LogFilter {
  const delimited = compileDelimited(pattern);
  limitRegexes(delimited.regexes);
  return {
    kind: "delimited",
    regexes: delimited.regexes,
    fields: delimited.names,
    matches: (message) => delimited.match(message) !== undefined,
    extract: (message) => {
      const values = [...(delimited.match(message) ?? [])];
      return Object.fromEntries(values.map(([name, value]) => [name.startsWith("$") ? name : `$${name}`, value]));
    },
    value: (message, selector) => {
      const values = delimited.match(message);
      return values?.get(selector) ?? values?.get(selector.replace(/^\$/, ""));
    },
  };
}

function jsonFilter(pattern: string): LogFilter {
  const filter = compileJson(pattern);
  limitRegexes(filter.regexes);
  return {
    kind: "json",
    regexes: filter.regexes,
    fields: [],
    matches: (message) => {
      const document = parse(message);
      return document !== undefined && filter.test(document);
    },
    extract: (message) => {
      const document = parse(message);
      const found = filter.selectors.flatMap((selector): [string, string][] => {
        const [value] = select(document, selector);
        return value === undefined ? [] : [[selector.text, textOf(value)]];
      });
      return Object.fromEntries(found);
    },
    value: (message, selector) => {
      const [value] = select(parse(message), parseSelector(selector));
      return value === undefined || value === null || typeof value === "object" ? undefined : textOf(value);
    },
  };
}

function limitRegexes(count: number): void {
  if (count > mostRegexes) throw new InvalidFilterPattern(`A pattern has at most ${mostRegexes} regexes`);
}

/** A message that is a JSON object; anything else matches no JSON pattern. */
function parse(message: string): object | undefined {
  if (!/^\s*\{/.test(message)) return undefined;
  try {
    return JSON.parse(message) as object;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
