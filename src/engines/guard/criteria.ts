/**
 * Finding criteria: conditions on members of a finding, all of which must hold. "Each filter criteria attribute is
 * evaluated as an AND operator, multiple values for the same attribute are evaluated as AND/OR."
 * Sources: GuardDuty User Guide, "Filtering GuardDuty findings"; API Reference, Condition.
 */

/** As the API has it; `Eq` … `Lte` are the older names of `Equals` … `LessThanOrEqual`. */
export interface Condition {
  Eq?: readonly string[] | undefined;
  Neq?: readonly string[] | undefined;
  Gt?: number | undefined;
  Gte?: number | undefined;
  Lt?: number | undefined;
  Lte?: number | undefined;
  Equals?: readonly string[] | undefined;
  NotEquals?: readonly string[] | undefined;
  GreaterThan?: number | undefined;
  GreaterThanOrEqual?: number | undefined;
  LessThan?: number | undefined;
  LessThanOrEqual?: number | undefined;
  Matches?: readonly string[] | undefined;
  NotMatches?: readonly string[] | undefined;
}

export type Criterion = Readonly<Record<string, Condition>>;

/** "You can specify a minimum of one attribute up to a maximum of 50 attributes", and 50 values of each. */
export const mostAttributes = 50;
export const mostValues = 50;

/** @param finding as JSON, with the names that criteria use */
export function matches(criterion: Criterion | undefined, finding: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(criterion ?? {}).every(([path, condition]) => holds(condition, valuesAt(finding, path)));
}

/** Every value at a path; lists stand for each of their elements. */
export function valuesAt(value: unknown, path: string): unknown[] {
  let found: unknown[] = [value];
  for (const name of path.split(".")) {
    found = found
      .flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : [each]))
      .map((each) =>
        each !== null && typeof each === "object" && Object.hasOwn(each, name)
          ? (each as Record<string, unknown>)[name]
          : undefined,
      )
      .filter((each) => each !== undefined && each !== null);
  }
  return found.flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : [each]));
}

function holds(condition: Condition, values: readonly unknown[]): boolean {
  const texts = values.map(String);
  const equal = condition.Equals ?? condition.Eq;
  if (equal && !texts.some((text) => equal.some((wanted) => same(text, wanted)))) return false;
  const unequal = condition.NotEquals ?? condition.Neq;
  if (unequal && texts.some((text) => unequal.some((unwanted) => same(text, unwanted)))) return false;
  const { Matches: like, NotMatches: unlike } = condition;
  if (like && !texts.some((text) => like.some((pattern) => glob(pattern, text)))) return false;
  if (unlike && texts.some((text) => unlike.some((pattern) => glob(pattern, text)))) return false;
  const bounds: [number | undefined, (value: number, bound: number) => boolean][] = [
    [condition.GreaterThan ?? condition.Gt, (value, bound) => value > bound],
    [condition.GreaterThanOrEqual ?? condition.Gte, (value, bound) => value >= bound],
    [condition.LessThan ?? condition.Lt, (value, bound) => value < bound],
    [condition.LessThanOrEqual ?? condition.Lte, (value, bound) => value <= bound],
  ];
  return bounds.every(
    ([bound, compare]) => bound === undefined || values.map(numberOf).some((value) => compare(value, Number(bound))),
  );
}

/** Numbers are equal by value: severity 5 is "5" and "5.0". */
function same(text: string, wanted: string): boolean {
  if (text === wanted) return true;
  return /^\d+(\.\d+)?$/.test(text) && /^\d+(\.\d+)?$/.test(wanted) && Number(text) === Number(wanted);
}

/** Times are compared as epoch milliseconds. */
export function numberOf(value: unknown): number {
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return Date.parse(value);
  return typeof value === "number" ? value : Number(value);
}

/** `*` stands for any characters, `?` for one. In time linear in the product of the lengths. */
function glob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && (pattern[p] === "?" || (pattern[p] === text[t] && pattern[p] !== "*"))) {
      p++;
      t++;
    } else if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
