/**
 * Whether a finding is one of those asked for. Filters of different fields must all hold. Within a field, the values
 * that ask for something (EQUALS, PREFIX, CONTAINS …) are alternatives, those that rule something out (NOT_EQUALS …)
 * must all hold, and where both are given, both parts must hold.
 * Source: Security Hub API Reference, StringFilter and MapFilter ("joined by OR", "joined by AND").
 */
import { BlockList, isIP } from "node:net";
import { filterField, isObject, valuesAt, type FilterKind } from "./filterFields.ts";

export type Filters = Readonly<Record<string, readonly object[] | undefined>>;
export type Finding = Readonly<Record<string, unknown>>;

/** What is wrong with the filters that were given. */
export class FilterError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FilterError";
  }
}

/** One value of a filter, over all values of its field. */
interface Test {
  /** Rules out rather than asks for. */
  negative: boolean;
  holds(values: readonly unknown[], now: number): boolean;
}

/** "You can provide up to 20 filter values" of one field. Source: BatchGet… and GetFindings, quotas of filters. */
const mostValues = 20;

/** Compiled once, then asked for each finding. `now` is epoch milliseconds, for date ranges. @throws FilterError */
export function compileFilters(filters: Filters | undefined): (finding: Finding, now: number) => boolean {
  const fields = Object.entries(filters ?? {}).flatMap(([name, values]) => {
    if (values === undefined || values.length === 0) return [];
    const field = filterField(name);
    if (!field) throw new FilterError(`Invalid filter: ${name}`);
    if (values.length > mostValues) throw new FilterError(`At most ${mostValues} values can be given for ${name}`);
    const tests = values.map((value) => compile(name, field.kind, value as Record<string, unknown>));
    const [asked, ruledOut] = [tests.filter(({ negative }) => !negative), tests.filter(({ negative }) => negative)];
    return [{ path: field.path, asked, ruledOut }];
  });
  return (finding, now) =>
    fields.every(({ path, asked, ruledOut }) => {
      const values = valuesAt(finding, path);
      if (asked.length > 0 && !asked.some((test) => test.holds(values, now))) return false;
      return ruledOut.every((test) => test.holds(values, now));
    });
}

function compile(name: string, kind: FilterKind, filter: Record<string, unknown>): Test {
  switch (kind) {
    case "string":
      return stringTest(name, filter);
    case "number":
      return positive(numberTest(name, filter));
    case "date":
      return positive(dateTest(name, filter));
    case "ip":
      return positive(ipTest(name, filter));
    case "map":
      return mapTest(name, filter);
    case "keyword":
      return positive(keywordTest(name, filter));
    case "boolean":
      return positive((value) => value === (filter["Value"] ?? false));
  }
}

/** Holds when it holds for any value. */
function positive(matches: (value: unknown, now: number) => boolean): Test {
  return { negative: false, holds: (values, now) => values.some((value) => matches(value, now)) };
}

type Matches = (value: string) => boolean;

const comparisons: Readonly<Record<string, { negative: boolean; matches(wanted: string): Matches }>> = {
  EQUALS: { negative: false, matches: (wanted) => (value) => value === wanted },
  PREFIX: { negative: false, matches: (wanted) => (value) => value.startsWith(wanted) },
  CONTAINS: { negative: false, matches: (wanted) => (value) => value.includes(wanted) },
  CONTAINS_WORD: { negative: false, matches: (wanted) => containsWord(wanted) },
  NOT_EQUALS: { negative: true, matches: (wanted) => (value) => value === wanted },
  PREFIX_NOT_EQUALS: { negative: true, matches: (wanted) => (value) => value.startsWith(wanted) },
  NOT_CONTAINS: { negative: true, matches: (wanted) => (value) => value.includes(wanted) },
};

/** "Case-insensitive … whole words." Source: StringFilter, CONTAINS_WORD. */
function containsWord(wanted: string): Matches {
  const words = wordsOf(wanted);
  return (value) => {
    const found = wordsOf(value);
    return found.some((_, start) => words.every((word, index) => found[start + index] === word));
  };
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function comparisonOf(name: string, filter: Record<string, unknown>) {
  const wanted = String(filter["Comparison"]);
  const comparison = Object.hasOwn(comparisons, wanted) ? comparisons[wanted] : undefined;
  if (!comparison) throw new FilterError(`Invalid comparison of the filter ${name}: ${wanted}`);
  if (typeof filter["Value"] !== "string") throw new FilterError(`The filter ${name} needs a value`);
  return { negative: comparison.negative, matches: comparison.matches(filter["Value"]) };
}

function stringTest(name: string, filter: Record<string, unknown>): Test {
  const { negative, matches } = comparisonOf(name, filter);
  return { negative, holds: (values) => values.some((value) => matches(String(value))) !== negative };
}

/** The value of one key. A key that a finding does not have is not equal to anything. */
function mapTest(name: string, filter: Record<string, unknown>): Test {
  const key = filter["Key"];
  if (typeof key !== "string" || key === "") throw new FilterError(`The filter ${name} needs a key`);
  const { negative, matches } = comparisonOf(name, filter);
  const any = (values: readonly unknown[]) =>
    values.some((each) => isObject(each) && Object.hasOwn(each, key) && matches(String(each[key])));
  return { negative, holds: (values) => any(values) !== negative };
}

function numberTest(name: string, filter: Record<string, unknown>): (value: unknown) => boolean {
  const { Gte, Lte, Eq, Gt, Lt } = filter as Record<string, number | undefined>;
  if ([Gte, Lte, Eq, Gt, Lt].every((bound) => bound === undefined))
    throw new FilterError(`The filter ${name} is empty`);
  return (value) =>
    typeof value === "number" &&
    (Eq === undefined || value === Eq) &&
    (Gte === undefined || value >= Gte) &&
    (Lte === undefined || value <= Lte) &&
    (Gt === undefined || value > Gt) &&
    (Lt === undefined || value < Lt);
}

const dayMs = 24 * 3_600_000;

/** Bounds included; a range is that many days back from now, or more than that. */
function dateTest(name: string, filter: Record<string, unknown>): (value: unknown, now: number) => boolean {
  const range = filter["DateRange"];
  if (isObject(range)) {
    const days = range["Value"];
    if (typeof days !== "number" || range["Unit"] !== "DAYS") throw new FilterError(`Invalid date range of ${name}`);
    const older = range["Comparison"] === "OLDER_THAN";
    return (value, now) => {
      const at = Date.parse(String(value));
      return older ? at < now - days * dayMs : at >= now - days * dayMs;
    };
  }
  const [start, end] = [bound(name, filter["Start"]), bound(name, filter["End"])];
  if (start === undefined && end === undefined) throw new FilterError(`The filter ${name} is empty`);
  return (value) => {
    const at = Date.parse(String(value));
    return (start === undefined || at >= start) && (end === undefined || at <= end);
  };
}

function bound(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const at = Date.parse(String(value));
  if (Number.isNaN(at)) throw new FilterError(`Invalid date of the filter ${name}: ${String(value)}`);
  return at;
}

function ipTest(name: string, filter: Record<string, unknown>): (value: unknown) => boolean {
  const [address = "", bits] = String(filter["Cidr"]).split("/");
  const version = isIP(address);
  const longest = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? longest : Number(bits);
  if (version === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > longest || bits === "") {
    throw new FilterError(`Invalid CIDR of the filter ${name}: ${String(filter["Cidr"])}`);
  }
  const block = new BlockList();
  const family = version === 6 ? "ipv6" : "ipv4";
  block.addSubnet(address, prefix, family);
  return (value) => isIP(String(value)) === version && block.check(String(value), family);
}

/** Anywhere in the finding's text. Source: AwsSecurityFindingFilters, "Keyword … DEPRECATED". */
function keywordTest(name: string, filter: Record<string, unknown>): (value: unknown) => boolean {
  const wanted = filter["Value"];
  if (typeof wanted !== "string" || wanted === "") throw new FilterError(`The filter ${name} needs a value`);
  const lower = wanted.toLowerCase();
  const within = (value: unknown): boolean =>
    typeof value === "string"
      ? value.toLowerCase().includes(lower)
      : typeof value === "object" && value !== null && Object.values(value).some(within);
  return within;
}
