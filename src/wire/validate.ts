/**
 * Constraints of the model, with AWS's texts:
 * `2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value ...`.
 * Source: LocalStack's snapshots recorded against AWS. Values of sensitive members are never printed.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Member, Shape } from "#model/types.ts";
import type { ErrorRules } from "./errorRules.ts";
import { compilePattern } from "./pattern.ts";

/** `at` is the path of the value; undefined when nothing can be wrong with it. */
type Check = (value: unknown, at: string, report: Report) => void;

/** A request with a thousand wrong elements needs no thousand texts. */
const maxErrors = 20;
const maxPrinted = 1024;

export class Report {
  readonly texts: string[] = [];
  count = 0;
  /** First missing member, for services that name it in a text of their own. */
  missing: string | undefined;

  add(shown: string, at: string, constraint: string): void {
    this.count++;
    if (this.texts.length < maxErrors) {
      this.texts.push(`Value ${shown}at '${at}' failed to satisfy constraint: Member must ${constraint}`);
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
      // A missing idempotency token is filled in by the service; labels cannot be missing.
      const required = member.required && !member.streaming;
      return [{ name: member.name, path: camel(member.name), required, check }];
    });
    if (rows.length === 0) return undefined;
    return (value, at, report) => {
      const record = value as Plain;
      for (const { name, path, required, check } of rows) {
        const item = record[name];
        if (item !== undefined && item !== null) check?.(item, at === "" ? path : `${at}.${path}`, report);
        else if (required) {
          report.missing ??= name;
          report.add("null ", at === "" ? path : `${at}.${path}`, "not be null");
        }
      }
    };
  }

  #list(shape: Shape): Check {
    const own = this.#all ? lengthCheck(shape, (value) => (value as unknown[]).length) : undefined;
    const check = this.#member(shape.element!);
    const sparse = shape.sparse === true;
    return (value, at, report) => {
      own?.(value, at, report);
      (value as unknown[]).forEach((item, i) => {
        if (item === null || item === undefined) {
          if (!sparse) report.add("null ", `${at}.${i + 1}.member`, "not be null");
        } else check?.(item, `${at}.${i + 1}.member`, report);
      });
    };
  }

  #map(shape: Shape): Check {
    const own = this.#all ? lengthCheck(shape, (value) => Object.keys(value as object).length) : undefined;
    const keyCheck = this.#member(shape.mapKey!);
    const check = this.#member(shape.element!);
    const sparse = shape.sparse === true;
    return (value, at, report) => {
      own?.(value, at, report);
      for (const [key, item] of Object.entries(value as Plain)) {
        keyCheck?.(key, `${at}.${key}.key`, report);
        if (item === null || item === undefined) {
          if (!sparse) report.add("null ", `${at}.${key}.member`, "not be null");
        } else check?.(item, `${at}.${key}.member`, report);
      }
    };
  }
}

function lengthCheck(shape: Shape, lengthOf: (value: unknown) => number): Check | undefined {
  const { min = 0, max = Infinity } = shape;
  if (min === 0 && max === Infinity) return undefined;
  const sensitive = shape.sensitive === true;
  return (value, at, report) => {
    const length = lengthOf(value);
    if (length < min) report.add(shown(value, sensitive), at, `have length greater than or equal to ${min}`);
    else if (length > max) report.add(shown(value, sensitive), at, `have length less than or equal to ${max}`);
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
    if (number < min) report.add(shown(value, sensitive), at, `have value greater than or equal to ${min}`);
    else if (number > max) report.add(shown(value, sensitive), at, `have value less than or equal to ${max}`);
  };
}

/** Longest text a pattern is tried on where the model gives no maximum: a bound on what a pattern can cost. */
const patternInputLimit = 65_536;

function stringCheck(shape: Shape, sensitive: boolean): Check | undefined {
  const length = lengthCheck({ ...shape, sensitive }, textLength);
  const { max = patternInputLimit } = shape;
  const pattern = shape.pattern === undefined ? undefined : compilePattern(shape.pattern);
  const values = shape.enum === undefined ? undefined : new Set(shape.enum);
  if (length === undefined && pattern === undefined && values === undefined) return undefined;
  return (value, at, report) => {
    const text = value as string;
    length?.(value, at, report);
    if (values !== undefined) {
      if (!values.has(text)) {
        report.add(shown(value, sensitive), at, `satisfy enum value set: [${[...values].join(", ")}]`);
      }
      return;
    }
    // INVARIANT: a pattern never sees a text longer than the shape allows, so what it costs is bounded by the model.
    if (pattern !== undefined && text.length <= max * 2 && !pattern.test(text)) {
      report.add(shown(value, sensitive), at, `satisfy regular expression pattern: ${shape.pattern}`);
    }
  };
}

/** Throws the service's validation error, or its own error for a missing parameter. */
export function raise(report: Report, rules: ErrorRules): void {
  if (report.count === 0) return;
  if (rules.missing !== undefined && report.missing !== undefined) {
    throw new AwsError(rules.missing.code, rules.missing.text(report.missing), 400);
  }
  const plural = report.count === 1 ? "error" : "errors";
  throw new AwsError(rules.validation, `${report.count} validation ${plural} detected: ${report.texts.join("; ")}`, 400);
}
