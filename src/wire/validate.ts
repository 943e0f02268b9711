/**
 * Constraints of the model, with AWS's texts:
 * `2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value ...`.
 * A scalar of a list or map is reported at the list or map, with every constraint it has.
 * Sources: LocalStack's snapshots recorded against AWS; texts of AWS quoted in SWO-GS/auto-tag#77 and #90 and
 * awslabs/coldsnap#378. Values of sensitive members are never printed.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Member, Shape } from "#model/types.ts";
import type { ErrorRules } from "./errorRules.ts";
import { compilePattern, patternInputLimit, reachOf } from "./pattern.ts";

/** `at` is the path of the value; undefined when nothing can be wrong with it. */
type Check = (value: unknown, at: string, report: Report) => void;

/** A request with a thousand wrong elements needs no thousand texts. */
const maxErrors = 20;
const maxPrinted = 1024;

export class Report {
  readonly texts: string[] = [];
  count = 0;
  /** First missing member, for services that name it in a text of their own. */
  missing: Member | undefined;

  add(shown: string, at: string, constraint: string): void {
    this.count++;
    if (this.texts.length < maxErrors) {
      this.texts.push(`Value ${shown}at '${at}' failed to satisfy constraint: ${constraint}`);
    }
  }
}

type Plain = Record<string, unknown>;

const camel = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** How a value is printed: Java's forms, and nothing at all for what is sensitive. */
function shown(value: unknown, sensitive: boolean): string {
  if (sensitive) return "";
  return `'${javaText(value).slice(0, maxPrinted)}' `;
}

function javaText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(javaText).join(", ")}]`;
  if (value instanceof Uint8Array) return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`;
  if (value instanceof Date) return value.toISOString();
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(([key, item]) => `${key}=${javaText(item)}`);
    return `{${entries.join(", ")}}`;
  }
  return String(value);
}

export class Validators {
  readonly #all: boolean;
  readonly #byShape = new Map<Shape, Check | undefined>();
  readonly #compiling = new Set<Shape>();

  constructor(constraints: ErrorRules["constraints"]) {
    this.#all = constraints === "all";
  }

  /** Undefined when the shape has no constraint anywhere inside. */
  of(shape: Shape): Check | undefined {
    if (this.#byShape.has(shape)) return this.#byShape.get(shape);
    if (this.#compiling.has(shape)) return (value, at, report) => this.#byShape.get(shape)?.(value, at, report);
    this.#compiling.add(shape);
    const check = this.#compile(shape);
    this.#compiling.delete(shape);
    this.#byShape.set(shape, check);
    return check;
  }

  #compile(shape: Shape): Check | undefined {
    switch (shape.kind) {
      case "structure":
      case "union":
        return this.#structure(shape);
      case "list":
        return this.#list(shape);
      case "map":
        return this.#map(shape);
      default:
        return this.#all ? scalarCheck(shape, shape.sensitive === true) : undefined;
    }
  }

  #member(member: Member): Check | undefined {
    if (member.streaming) return undefined;
    // A sensitive member of an ordinary shape gets a check of its own that prints nothing.
    if (member.sensitive && this.#all && member.shape.members === undefined && member.shape.element === undefined) {
      return scalarCheck(member.shape, true);
    }
    return this.of(member.shape);
  }

  #structure(shape: Shape): Check | undefined {
    const rows = (shape.members ?? []).flatMap((member) => {
      const check = this.#member(member);
      if (check === undefined && !member.required) return [];
      const required = member.required && !member.streaming;
      return [{ member, name: member.name, path: camel(member.name), required, check }];
    });
    if (rows.length === 0) return undefined;
    return (value, at, report) => {
      const record = value as Plain;
      for (const { member, name, path, required, check } of rows) {
        const item = record[name];
        if (item !== undefined && item !== null) check?.(item, at === "" ? path : `${at}.${path}`, report);
        else if (required) {
          report.missing ??= member;
          report.add("null ", at === "" ? path : `${at}.${path}`, notNull);
        }
      }
    };
  }

  #list(shape: Shape): Check {
    const sensitive = holdsSensitive(shape);
    const own = this.#all ? lengthCheck({ ...shape, sensitive }, (value) => (value as unknown[]).length) : undefined;
    const element = shape.element!;
    const check = this.#member(element);
    const together = isScalar(element.shape) ? "Member must satisfy constraint: " : undefined;
    const sparse = shape.sparse === true;
    return (value, at, report) => {
      own?.(value, at, report);
      const items = value as unknown[];
      items.forEach((item, i) => {
        if ((item === null || item === undefined) && !sparse) report.add("null ", `${at}.${i + 1}.member`, notNull);
        else if (together === undefined) check?.(item, `${at}.${i + 1}.member`, report);
      });
      if (together !== undefined && check !== undefined && items.some((item) => fails(check, item))) {
        report.add(shown(value, sensitive), at, `${together}[${constraintsOf(element.shape).join(", ")}]`);
      }
    };
  }

  #map(shape: Shape): Check {
    const sensitive = holdsSensitive(shape);
    const own = this.#all
      ? lengthCheck({ ...shape, sensitive }, (value) => Object.keys(value as object).length)
      : undefined;
    const key = shape.mapKey!;
    const element = shape.element!;
    const keyCheck = this.#member(key);
    const check = this.#member(element);
    const scalar = isScalar(element.shape);
    const sparse = shape.sparse === true;
    return (value, at, report) => {
      own?.(value, at, report);
      const entries = Object.entries(value as Plain);
      if (keyCheck !== undefined && entries.some((entry) => fails(keyCheck, entry[0]))) {
        const texts = constraintsOf(key.shape).join(", ");
        report.add(shown(value, sensitive), at, `Map keys must satisfy constraint: [${texts}]`);
      }
      for (const [name, item] of entries) {
        if ((item === null || item === undefined) && !sparse) report.add("null ", `${at}.${name}.member`, notNull);
        else if (!scalar) check?.(item, `${at}.${name}.member`, report);
      }
      if (scalar && check !== undefined && entries.some((entry) => fails(check, entry[1]))) {
        const texts = constraintsOf(element.shape).join(", ");
        report.add(shown(value, sensitive), at, `Map value must satisfy constraint: [${texts}]`);
      }
    };
  }
}

const notNull = "Member must not be null";

function isScalar(shape: Shape): boolean {
  return shape.members === undefined && shape.element === undefined;
}

/** Whether anything inside is sensitive: a container that is printed prints all of it. */
function holdsSensitive(shape: Shape, seen = new Set<Shape>()): boolean {
  if (shape.sensitive) return true;
  if (seen.has(shape)) return false;
  seen.add(shape);
  const inner = [...(shape.members ?? []), shape.element, shape.mapKey].filter((member) => member !== undefined);
  return inner.some((member) => member.sensitive === true || holdsSensitive(member.shape, seen));
}

/** A null is reported by its container. */
function fails(check: Check, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  const report = new Report();
  check(value, "", report);
  return report.count > 0;
}

/** Every constraint of a scalar, in AWS's order. */
function constraintsOf(shape: Shape): string[] {
  const texts: string[] = [];
  const what = shape.kind === "string" || shape.kind === "blob" ? "length" : "value";
  if (shape.max !== undefined) texts.push(`Member must have ${what} less than or equal to ${shape.max}`);
  if (shape.min !== undefined) texts.push(`Member must have ${what} greater than or equal to ${shape.min}`);
  if (shape.enum !== undefined) texts.push(`Member must satisfy enum value set: [${shape.enum.join(", ")}]`);
  else if (shape.pattern !== undefined) texts.push(`Member must satisfy regular expression pattern: ${shape.pattern}`);
  return texts;
}

function lengthCheck(shape: Shape, lengthOf: (value: unknown) => number): Check | undefined {
  const { min = 0, max = Infinity } = shape;
  if (min === 0 && max === Infinity) return undefined;
  const sensitive = shape.sensitive === true;
  return (value, at, report) => {
    const length = lengthOf(value);
    if (length < min)
      report.add(shown(value, sensitive), at, `Member must have length greater than or equal to ${min}`);
    else if (length > max)
      report.add(shown(value, sensitive), at, `Member must have length less than or equal to ${max}`);
  };
}

/** Length of text in code points; the cheap UTF-16 length decides when it can. */
function textLength(value: unknown): number {
  const text = value as string;
  return /[\ud800-\udbff]/.test(text) ? [...text].length : text.length;
}

function scalarCheck(shape: Shape, sensitive: boolean): Check | undefined {
  switch (shape.kind) {
    case "string":
      return stringCheck(shape, sensitive);
    case "blob":
      return lengthCheck({ ...shape, sensitive }, (value) => (value as Uint8Array).length);
    case "integer":
    case "long":
    case "float":
    case "double":
      return rangeCheck(shape, sensitive);
    default:
      return undefined;
  }
}

function rangeCheck(shape: Shape, sensitive: boolean): Check | undefined {
  const { min = -Infinity, max = Infinity } = shape;
  if (min === -Infinity && max === Infinity) return undefined;
  return (value, at, report) => {
    const number = value as number;
    if (number < min) report.add(shown(value, sensitive), at, `Member must have value greater than or equal to ${min}`);
    else if (number > max)
      report.add(shown(value, sensitive), at, `Member must have value less than or equal to ${max}`);
  };
}

function stringCheck(shape: Shape, sensitive: boolean): Check | undefined {
  const length = lengthCheck({ ...shape, sensitive }, textLength);
  const pattern = shape.pattern === undefined ? undefined : compilePattern(shape.pattern);
  const reach = shape.pattern === undefined ? "unknown" : reachOf(shape.pattern);
  const limit = Math.min(shape.max === undefined ? patternInputLimit : shape.max * 2, patternInputLimit);
  const values = shape.enum === undefined ? undefined : new Set(shape.enum);
  if (length === undefined && pattern === undefined && values === undefined) return undefined;
  return (value, at, report) => {
    const text = value as string;
    length?.(value, at, report);
    if (values !== undefined) {
      if (!values.has(text)) {
        report.add(shown(value, sensitive), at, `Member must satisfy enum value set: [${[...values].join(", ")}]`);
      }
      return;
    }
    // INVARIANT: a pattern that may take long never sees a text that is too long for its shape or for any pattern; such
    // texts are documents (policies, templates), whose handlers parse them. A text that no pattern of this kind can match
    // for its length alone is refused like any other that does not match.
    const tried = text.length <= limit || reach === "linear";
    if (pattern !== undefined && (tried ? !pattern.test(text) : reach === "bounded")) {
      report.add(shown(value, sensitive), at, `Member must satisfy regular expression pattern: ${shape.pattern}`);
    }
  };
}

/** Throws the service's validation error, or its own error for a missing parameter. */
export function raise(report: Report, rules: ErrorRules): void {
  if (report.count === 0) return;
  if (rules.missing !== undefined && report.missing !== undefined) {
    const [code, text] = rules.missing(report.missing);
    throw new AwsError(code, text, 400);
  }
  const plural = report.count === 1 ? "error" : "errors";
  throw new AwsError(
    rules.validation,
    `${report.count} validation ${plural} detected: ${report.texts.join("; ")}`,
    400,
  );
}
