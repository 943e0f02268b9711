/**
 * The condition operators. Each compiles the values of a policy once and then tests one value of the request.
 * Negated operators are the positive ones with the answer turned round, which conditions.ts does.
 * Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
 */
import { arnTokenMatcher } from "./arn-operator.ts";
import type { RequestContext } from "./context.ts";
import { parseDate } from "./date.ts";
import { inRange, parseAddress, parseRange } from "./ip-range.ts";
import { compileTemplate, isStatic, parseTemplate, resolveText } from "./template.ts";

/** Tests one value of the request against all values of the policy (any of them suffices). */
export type ValueTest = (value: string, context: RequestContext) => boolean;

export interface Operator {
  readonly negated: boolean;
  /** Policy variables are for strings, ARNs and Booleans only. */
  compile(values: readonly string[], withVariables: boolean): ValueTest;
}

/** A value in a policy that its operator cannot read. Raised when a request reaches it: the request is refused. */
export class PolicyEvaluationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PolicyEvaluationError";
  }
}

type Compile = Operator["compile"];

const stringEquals: Compile = (values, withVariables) => {
  const templates = values.map((value) => parseTemplate(value, withVariables));
  if (templates.every(isStatic)) {
    const exact = new Set(templates.map((template) => resolveText(template, noContext)!));
    return (value) => exact.has(value);
  }
  return (value, context) => templates.some((template) => resolveText(template, context) === value);
};

const stringEqualsIgnoreCase: Compile = (values, withVariables) => {
  const templates = values.map((value) => parseTemplate(value, withVariables));
  return (value, context) => {
    const wanted = value.toLowerCase();
    return templates.some((template) => resolveText(template, context)?.toLowerCase() === wanted);
  };
};

const stringLike: Compile = (values, withVariables) => {
  const tests = values.map((value) => compileTemplate(parseTemplate(value, withVariables)));
  return (value, context) => tests.some((test) => test(value, context));
};

const arnLike: Compile = (values, withVariables) => {
  const tests = values.map((value) => arnTokenMatcher(parseTemplate(value, withVariables)));
  return (value, context) => tests.some((test) => test(value, context));
};

const bool: Compile = (values, withVariables) => {
  const templates = values.map((value) => parseTemplate(value, withVariables));
  return (value, context) => {
    const asked = readBoolean(value);
    if (asked === undefined) return false;
    return templates.some((template) => {
      const text = resolveText(template, context);
      if (text === undefined) return false;
      return readPolicyValue(text, readBoolean, "true or false") === asked;
    });
  };
};

const binaryEquals: Compile = (values) => (value) => {
  const bytes = readBase64(value);
  if (bytes === undefined) return false;
  return values.some((expected) => readPolicyValue(expected, readBase64, "base64").equals(bytes));
};

const ipAddress: Compile = (values) => {
  const ranges = values.map((value) => ({ value, range: parseRange(value) }));
  return (value) => {
    const address = parseAddress(value);
    if (address === undefined) return false;
    return ranges.some(({ value: expected, range }) =>
      inRange(address, range ?? readPolicyValue(expected, parseRange, "an IP address or CIDR range")),
    );
  };
};

/** Numbers and dates: read both sides, then compare. */
function ordered(
  read: (text: string) => number | undefined,
  what: string,
  compare: (request: number, policy: number) => boolean,
): Compile {
  return (values) => {
    const expected = values.map((value) => ({ value, read: read(value) }));
    return (value) => {
      const given = read(value);
      if (given === undefined) return false;
      return expected.some((policy) => compare(given, policy.read ?? readPolicyValue(policy.value, read, what)));
    };
  };
}

function readPolicyValue<T>(text: string, read: (text: string) => T | undefined, what: string): T {
  const value = read(text);
  if (value === undefined) throw new PolicyEvaluationError(`the condition value "${text}" is not ${what}`);
  return value;
}

function readBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === "true" ? true : lower === "false" ? false : undefined;
}

function readNumber(text: string): number | undefined {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function readBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? Buffer.from(text, "base64") : undefined;
}

const noContext: RequestContext = new Map();

const equal = (a: number, b: number): boolean => a === b;
const less = (a: number, b: number): boolean => a < b;
const lessOrEqual = (a: number, b: number): boolean => a <= b;
const greater = (a: number, b: number): boolean => a > b;
const greaterOrEqual = (a: number, b: number): boolean => a >= b;
const number = "a number";
const date = "a date";

function positive(compile: Compile): Operator {
  return { negated: false, compile };
}

function negative(compile: Compile): Operator {
  return { negated: true, compile };
}

/** `Null` is not among them: it asks about the key, not about its value. */
export const operators: ReadonlyMap<string, Operator> = new Map([
  ["StringEquals", positive(stringEquals)],
  ["StringNotEquals", negative(stringEquals)],
  ["StringEqualsIgnoreCase", positive(stringEqualsIgnoreCase)],
  ["StringNotEqualsIgnoreCase", negative(stringEqualsIgnoreCase)],
  ["StringLike", positive(stringLike)],
  ["StringNotLike", negative(stringLike)],
  ["NumericEquals", positive(ordered(readNumber, number, equal))],
  ["NumericNotEquals", negative(ordered(readNumber, number, equal))],
  ["NumericLessThan", positive(ordered(readNumber, number, less))],
  ["NumericLessThanEquals", positive(ordered(readNumber, number, lessOrEqual))],
  ["NumericGreaterThan", positive(ordered(readNumber, number, greater))],
  ["NumericGreaterThanEquals", positive(ordered(readNumber, number, greaterOrEqual))],
  ["DateEquals", positive(ordered(parseDate, date, equal))],
  ["DateNotEquals", negative(ordered(parseDate, date, equal))],
  ["DateLessThan", positive(ordered(parseDate, date, less))],
  ["DateLessThanEquals", positive(ordered(parseDate, date, lessOrEqual))],
  ["DateGreaterThan", positive(ordered(parseDate, date, greater))],
  ["DateGreaterThanEquals", positive(ordered(parseDate, date, greaterOrEqual))],
  ["Bool", positive(bool)],
  ["BinaryEquals", positive(binaryEquals)],
  ["IpAddress", positive(ipAddress)],
  ["NotIpAddress", negative(ipAddress)],
  ["ArnEquals", positive(arnLike)],
  ["ArnLike", positive(arnLike)],
  ["ArnNotEquals", negative(arnLike)],
  ["ArnNotLike", negative(arnLike)],
]);
