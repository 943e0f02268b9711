/**
 * The policy inside a browser upload's form: parsed, and held against the form's fields.
 * Source: S3 API Reference, "Creating a POST Policy"; texts: see postPolicy.ts.
 */
import { AwsError } from "#kernel/errors.ts";

export interface LengthRange {
  min: number;
  max: number;
}

type Condition =
  | { kind: "eq" | "starts-with"; field: string; value: string; text: string }
  | { kind: "content-length-range"; range: LengthRange };

export interface PolicyDocument {
  /** Epoch milliseconds. */
  expiration: number;
  conditions: readonly Condition[];
}

/** Fields that need no condition. `x-ignore-*` neither. */
const exempt: ReadonlySet<string> = new Set(["policy", "signature", "awsaccesskeyid", "x-amz-signature", "file"]);

/** Base64 text of the form's `policy` field → document. Throws InvalidPolicyDocument 400. */
export function parsePolicy(base64: string): PolicyDocument {
  const compact = base64.replace(/[\r\n]/g, "");
  if (compact === "") throw invalid("Expecting '{' but found End-of-Input");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 !== 0) throw invalid("invalid Base64 encoding.");
  const text = Buffer.from(compact, "base64").toString("utf8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid("Invalid JSON.");
  }
  if (!isObject(parsed)) throw invalid("Invalid JSON.");

  for (const name of Object.keys(parsed)) {
    if (name !== "expiration" && name !== "conditions") throw invalid(`Unexpected: '${name}'`);
  }
  const { expiration, conditions } = parsed;
  if (expiration === undefined) throw invalid("Policy missing expiration.");
  if (typeof expiration !== "string") throw invalid("Invalid JSON.");
  const end = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(expiration)
    ? Date.parse(expiration)
    : Number.NaN;
  if (Number.isNaN(end)) throw invalid(`Invalid 'expiration' value: '${expiration}'`);
  if (conditions === undefined) throw invalid("Policy missing conditions.");
  if (!Array.isArray(conditions)) throw invalid("Invalid 'conditions' value: must be a List.");
  return { expiration: end, conditions: conditions.map((condition) => parseCondition(condition, text)) };
}

function parseCondition(condition: unknown, source: string): Condition {
  if (Array.isArray(condition)) return parseList(condition, source);
  if (!isObject(condition)) throw invalid("Invalid condition test: must be a List or Object.");
  const entries = Object.entries(condition);
  if (entries.length !== 1) {
    throw invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
  }
  const [name, value] = entries[0] as [string, unknown];
  if (typeof value !== "string") throw invalid("Invalid Simple-Condition: value must be a string.");
  return { kind: "eq", field: name.toLowerCase(), value, text: listText(["eq", `$${name}`, value], "") };
}

function parseList(list: readonly unknown[], source: string): Condition {
  const [operation, first, second] = list;
  if (operation === undefined) throw invalid("Invalid Condition: missing operation identifier.");
  if (typeof operation !== "string") throw invalid("Invalid JSON.");
  const kind = operation.toLowerCase();
  if (kind !== "eq" && kind !== "starts-with" && kind !== "content-length-range") {
    throw invalid(`Invalid Condition: unknown operation '${operation}'.`);
  }
  if (list.length !== 3) throw invalid(`Invalid ${operation}: wrong number of arguments.`);
  if (kind === "content-length-range") {
    const min = wholeNumber(first);
    const max = wholeNumber(second);
    if (min === undefined || max === undefined) throw invalid("Invalid JSON.");
    return { kind, range: { min, max } };
  }
  if (typeof first !== "string" || typeof second !== "string") throw invalid("Invalid JSON.");
  const text = listText(list, source);
  // Without "$" it names nothing, so it cannot hold.
  if (!first.startsWith("$")) throw denied(`Policy Condition failed: ${text}`);
  return { kind, field: first.slice(1).toLowerCase(), value: second, text };
}

/**
 * Every condition holds and every field is covered by one. Returns the bounds of the file's size, the narrowest if several.
 * Throws AccessDenied 403 "Invalid according to Policy: …".
 */
export function checkConditions(
  policy: PolicyDocument,
  fields: ReadonlyMap<string, string>,
  now: number,
): LengthRange | undefined {
  if (now >= policy.expiration) throw denied("Policy expired.");
  const covered = new Set<string>();
  let range: LengthRange | undefined;
  for (const condition of policy.conditions) {
    if (condition.kind === "content-length-range") {
      range = {
        min: Math.max(range?.min ?? 0, condition.range.min),
        max: Math.min(range?.max ?? Infinity, condition.range.max),
      };
      continue;
    }
    covered.add(condition.field);
    const value = fields.get(condition.field);
    if (value === undefined || !holds(condition, value)) throw denied(`Policy Condition failed: ${condition.text}`);
  }
  for (const name of fields.keys()) {
    if (!covered.has(name) && !exempt.has(name) && !name.startsWith("x-ignore-")) {
      throw denied(`Extra input fields: ${name}`);
    }
  }
  return range;
}

function holds(condition: Exclude<Condition, { kind: "content-length-range" }>, value: string): boolean {
  if (condition.kind === "eq") return value === condition.value;
  // A content type may be a list, each element of which must begin so.
  const parts = condition.field === "content-type" ? value.split(",") : [value];
  return parts.every((part) => (parts.length > 1 ? part.trim() : part).startsWith(condition.value));
}

/** S3 quotes a condition as the policy wrote it; we know the compact and the spaced way. */
function listText(list: readonly unknown[], source: string): string {
  const compact = JSON.stringify(list);
  return source.includes(compact) ? compact : `[${list.map((item) => JSON.stringify(item)).join(", ")}]`;
}

function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(detail: string): AwsError {
  return new AwsError("InvalidPolicyDocument", `Invalid Policy: ${detail}`, 400);
}

function denied(detail: string): AwsError {
  return new AwsError("AccessDenied", `Invalid according to Policy: ${detail}`, 403);
}
