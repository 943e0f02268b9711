/**
 * The first pass over a policy document: is it JSON of the shape the policy language has? What is said when it is
 * not differs between the parsers AWS has grown, so the words come in as a table.
 * Source: IAM User Guide, "Grammar of the IAM JSON policy language".
 */
import { parseOperator } from "./conditions.ts";
import type { RawCondition, RawDocument, RawStatement } from "./document.ts";
import { parseJson, type PositionedJson } from "./json.ts";

export type Problem =
  | "json"
  | "version"
  | "unknownElement"
  | "type"
  | "noStatement"
  | "emptyStatement"
  | "noEffect"
  | "badEffect"
  | "twoElements"
  | "badOperator";

/** The message for each problem; the argument is the element or value at fault. */
export type Wording = (problem: Problem, detail: string) => string;

export class GrammarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "GrammarError";
  }
}

const documentElements = new Set(["Version", "Id", "Statement"]);
const statementElements = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);
const versions = new Set(["2008-10-17", "2012-10-17"]);
const exclusive = [
  ["Action", "NotAction"],
  ["Resource", "NotResource"],
  ["Principal", "NotPrincipal"],
] as const;

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws GrammarError with the wording's message for the first problem found. */
export function readDocument(text: string, wording: Wording): RawDocument {
  const fail = (problem: Problem, detail = ""): never => {
    throw new GrammarError(wording(problem, detail));
  };
  let json: PositionedJson;
  try {
    json = parseJson(text);
  } catch {
    return fail("json");
  }
  const document = json.value;
  if (!isObject(document)) return fail("json");
  for (const element of Object.keys(document)) {
    if (!documentElements.has(element)) fail("unknownElement", element);
  }
  const { Version: version, Id: id, Statement: statement } = document;
  if (version !== undefined && !(typeof version === "string" && versions.has(version))) fail("version");
  if (id !== undefined && typeof id !== "string") fail("type", "Id");
  if (statement === undefined) fail("noStatement");
  const list: readonly unknown[] = Array.isArray(statement) ? statement : [statement];
  if (list.length === 0) fail("emptyStatement");
  return {
    version: version as string | undefined,
    id: id as string | undefined,
    statements: list.map((entry) => (isObject(entry) ? readStatement(entry, json, fail) : fail("type", "Statement"))),
    single: !Array.isArray(statement),
  };
}

type Fail = (problem: Problem, detail?: string) => never;

function readStatement(raw: JsonObject, json: PositionedJson, fail: Fail): RawStatement {
  for (const element of Object.keys(raw)) {
    if (!statementElements.has(element)) fail("unknownElement", element);
  }
  for (const [one, other] of exclusive) {
    if (raw[one] !== undefined && raw[other] !== undefined) fail("twoElements", `${one} and ${other}`);
  }
  const effect = raw["Effect"];
  if (effect === undefined) fail("noEffect");
  if (typeof effect !== "string") return fail("type", "Effect");
  if (!/^(allow|deny)$/i.test(effect)) fail("badEffect", effect);
  const sid = raw["Sid"];
  if (sid !== undefined && typeof sid !== "string") fail("type", "Sid");
  return {
    sid: sid as string | undefined,
    effect,
    action: readStrings(raw, "Action", fail),
    notAction: readStrings(raw, "NotAction", fail),
    resource: readStrings(raw, "Resource", fail),
    notResource: readStrings(raw, "NotResource", fail),
    principal: raw["Principal"],
    notPrincipal: raw["NotPrincipal"],
    conditions: readConditions(raw["Condition"], fail),
    span: json.spans.get(raw)!,
  };
}

function readStrings(raw: JsonObject, element: string, fail: Fail): string[] | undefined {
  const value = raw[element];
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry) => (typeof entry === "string" ? entry : fail("type", element)));
}

function readConditions(raw: unknown, fail: Fail): RawCondition[] {
  if (raw === undefined) return [];
  if (!isObject(raw)) return fail("type", "Condition");
  const conditions: RawCondition[] = [];
  for (const [operator, block] of Object.entries(raw)) {
    if (!isObject(block)) return fail("type", "Condition");
    for (const [key, value] of Object.entries(block)) {
      if (parseOperator(operator) === undefined) fail("badOperator", operator);
      const list: unknown[] = Array.isArray(value) ? value : [value];
      const values = list.map((entry) =>
        typeof entry === "string" || typeof entry === "number" || typeof entry === "boolean"
          ? String(entry)
          : fail("type", "Condition"),
      );
      conditions.push({ operator, key, values });
    }
  }
  return conditions;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
