/**
 * Web ACL capacity units. The numbers are in the AWS WAF Developer Guide, at each statement under "WCUs"; a text
 * transformation costs 10 once for each part of the request, however many statements use it
 * (mdleom.com, "Calculate Web ACL Capacity Unit in AWS WAF", measured against CheckCapacity).
 */
import type { FieldToMatch, Rule, Statement } from "./model.ts";

/** `groupCapacity` gives the capacity of a rule group by its ARN. */
export function capacityOf(rules: readonly Rule[], groupCapacity: (arn: string) => number): number {
  const transformations = new Set<string>();
  const base = rules.reduce(
    (sum, { Statement: statement }) => sum + cost(statement, transformations, groupCapacity),
    0,
  );
  return base + transformations.size * perTransformation;
}

const perTransformation = 10;
const allArguments = 10;

const byteCosts = { EXACTLY: 2, STARTS_WITH: 2, ENDS_WITH: 2, CONTAINS: 10, CONTAINS_WORD: 10 } as const;

function cost(statement: Statement, seen: Set<string>, groupCapacity: (arn: string) => number): number {
  const nested = (inner: Statement): number => cost(inner, seen, groupCapacity);
  const inspecting = (base: number, part: Inspecting): number => inspectionCost(base, part, seen);
  if (statement.ByteMatchStatement) {
    return inspecting(byteCosts[statement.ByteMatchStatement.PositionalConstraint!], statement.ByteMatchStatement);
  }
  if (statement.SqliMatchStatement) {
    return inspecting(statement.SqliMatchStatement.SensitivityLevel === "HIGH" ? 30 : 20, statement.SqliMatchStatement);
  }
  if (statement.XssMatchStatement) return inspecting(40, statement.XssMatchStatement);
  if (statement.SizeConstraintStatement) return inspecting(1, statement.SizeConstraintStatement);
  if (statement.RegexMatchStatement) return inspecting(3, statement.RegexMatchStatement);
  if (statement.RegexPatternSetReferenceStatement) return inspecting(25, statement.RegexPatternSetReferenceStatement);
  if (statement.IPSetReferenceStatement) {
    return statement.IPSetReferenceStatement.IPSetForwardedIPConfig?.Position === "ANY" ? 5 : 1;
  }
  if (statement.AndStatement) return statement.AndStatement.Statements.reduce((sum, each) => sum + nested(each), 0);
  if (statement.OrStatement) return statement.OrStatement.Statements.reduce((sum, each) => sum + nested(each), 0);
  if (statement.NotStatement) return nested(statement.NotStatement.Statement);
  if (statement.RateBasedStatement) {
    const { CustomKeys = [], ScopeDownStatement } = statement.RateBasedStatement;
    return 2 + 30 * CustomKeys.length + (ScopeDownStatement ? nested(ScopeDownStatement) : 0);
  }
  if (statement.RuleGroupReferenceStatement) return groupCapacity(statement.RuleGroupReferenceStatement.ARN!);
  // Label, geographic and ASN matches.
  return 1;
}

interface Inspecting {
  FieldToMatch: FieldToMatch | undefined;
  TextTransformations: readonly { Type?: string | undefined }[] | undefined;
  PreParseTextTransformations?: readonly { Type?: string | undefined }[] | undefined;
}

function inspectionCost(base: number, part: Inspecting, seen: Set<string>): number {
  const field = JSON.stringify(part.FieldToMatch);
  for (const { Type } of [...(part.TextTransformations ?? []), ...(part.PreParseTextTransformations ?? [])]) {
    if (Type !== "NONE") seen.add(`${field}|${Type}`);
  }
  const whole = part.FieldToMatch?.JsonBody ? base * 2 : base;
  return part.FieldToMatch?.AllQueryArguments ? whole + allArguments : whole;
}
