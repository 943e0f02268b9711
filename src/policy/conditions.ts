/**
 * The Condition element: every operator and key must hold; of several values for one key any suffices, and for
 * negated operators none may match. Sources: IAM User Guide, "IAM JSON policy elements: Condition", "Condition
 * operators", "Set operators for multivalued context keys".
 *
 * What holds when the key is not in the request:
 * | operator | | `…IfExists` | `ForAllValues:` | `ForAnyValue:` |
 * |---|---|---|---|---|
 * | positive | false | true | true | false |
 * | negated | true | true | true | false |
 */
import type { RequestContext } from "./context.ts";
import { parseTemplate } from "./template.ts";
import { operators, PolicyEvaluationError, type ValueTest } from "./operators.ts";

export type SetOperator = "none" | "forAll" | "forAny";

export interface Condition {
  /** As written: `ForAllValues:StringLikeIfExists`. */
  readonly operator: string;
  /** As written. */
  readonly key: string;
  /** As written. */
  readonly values: readonly string[];
  /** Context keys the values ask for as policy variables. */
  readonly variables: readonly string[];
  readonly holds: (context: RequestContext) => boolean;
}

interface OperatorName {
  base: string;
  set: SetOperator;
  ifExists: boolean;
}

/** Takes an operator name apart; undefined when there is no such operator. */
export function parseOperator(name: string): OperatorName | undefined {
  let base = name;
  let set: SetOperator = "none";
  if (base.startsWith("ForAllValues:")) set = "forAll";
  else if (base.startsWith("ForAnyValue:")) set = "forAny";
  if (set !== "none") base = base.slice(base.indexOf(":") + 1);
  const ifExists = base.endsWith("IfExists");
  if (ifExists) base = base.slice(0, -"IfExists".length);
  // "You can add IfExists to the end of any condition operator name except the Null condition."
  if (base === "Null") return ifExists ? undefined : { base, set, ifExists };
  return operators.has(base) ? { base, set, ifExists } : undefined;
}

/** @throws RangeError when there is no such operator; the parser has refused it before. */
export function compileCondition(
  operator: string,
  key: string,
  values: readonly string[],
  withVariables: boolean,
): Condition {
  const name = parseOperator(operator);
  if (name === undefined) throw new RangeError(`no condition operator ${operator}`);
  const lower = key.toLowerCase();
  return {
    operator,
    key,
    values,
    variables: values.flatMap((value) => parseTemplate(value, withVariables).variables),
    holds: name.base === "Null" ? nullTest(lower, values) : valueTest(),
  };

  function valueTest(): (context: RequestContext) => boolean {
    const { negated, compile } = operators.get(name!.base)!;
    const test = compile(values, withVariables);
    switch (name!.set) {
      case "none":
        return single(lower, test, negated, name!.ifExists);
      case "forAll":
        return forAll(lower, test, negated);
      case "forAny":
        return forAny(lower, test, negated, name!.ifExists);
    }
  }
}

/** `"true"`: the key is not there; `"false"`: it is and has a value. */
function nullTest(key: string, values: readonly string[]): (context: RequestContext) => boolean {
  const asked = values.map((value) => value.toLowerCase());
  const unreadable = values.find((_, index) => asked[index] !== "true" && asked[index] !== "false");
  return (context) => {
    if (unreadable !== undefined) {
      throw new PolicyEvaluationError(`the condition value "${unreadable}" is not true or false`);
    }
    const absent = (context.get(key)?.length ?? 0) === 0;
    return asked.includes(String(absent));
  };
}

function single(key: string, test: ValueTest, negated: boolean, ifExists: boolean) {
  return (context: RequestContext): boolean => {
    const given = context.get(key);
    if (given === undefined || given.length === 0) return ifExists || negated;
    const matched = given.length === 1 ? test(given[0]!, context) : given.some((value) => test(value, context));
    return matched !== negated;
  };
}

/** True for no values at all, "such as an empty string" being none. */
function forAll(key: string, test: ValueTest, negated: boolean) {
  return (context: RequestContext): boolean =>
    (context.get(key) ?? []).every((value) => value === "" || test(value, context) !== negated);
}

function forAny(key: string, test: ValueTest, negated: boolean, ifExists: boolean) {
  return (context: RequestContext): boolean => {
    const given = context.get(key);
    if (given === undefined || given.length === 0) return ifExists;
    return given.some((value) => value !== "" && test(value, context) !== negated);
  };
}
