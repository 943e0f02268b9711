/** RegexMatchStatement and RegexPatternSetReferenceStatement: any of the expressions matches any of the values. */
import type { RegexMatchStatement, RegexPatternSetReferenceStatement } from "@aws-sdk/client-wafv2";
import { type Build, onValues, slotOf } from "../build.ts";
import type { Check } from "../evaluation.ts";
import { Regex } from "../regex/regex.ts";

export const regexMatch = (statement: RegexMatchStatement, build: Build): Check =>
  matchesAny([statement.RegexString!], statement, build);

export const regexPatternSetReference = (statement: RegexPatternSetReferenceStatement, build: Build): Check =>
  matchesAny(build.regexPatternSet(statement.ARN!).patterns, statement, build);

function matchesAny(
  patterns: readonly string[],
  statement: RegexMatchStatement | RegexPatternSetReferenceStatement,
  build: Build,
): Check {
  const slot = slotOf(statement, build);
  const rows = patterns.map((pattern) => {
    const regex = new Regex(pattern);
    return { regex, may: build.plan.mayContain(slot, regex.literal ?? "", true) };
  });
  return onValues(slot, (values) => {
    for (const { regex, may } of rows) {
      if (!may(values)) continue;
      for (const value of values.values) if (regex.test(value)) return true;
    }
    return false;
  });
}
