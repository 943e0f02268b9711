/**
 * Statements as they come in: checked, and turned into what is kept.
 * Source: AWS WAF API Reference, Statement and its members; Developer Guide, "Using rule statements".
 */
import type {
  Statement as GivenStatement,
  RateBasedStatement,
  RateBasedStatementCustomKey,
} from "@aws-sdk/client-wafv2";
import type { FieldToMatch, Statement } from "#engines/waf/model.ts";
import { Regex, RegexError } from "#engines/waf/regex/regex.ts";
import { invalidParameter, notServed, reasons } from "../errors.ts";
import { checkField, checkPreParse, checkTransformations } from "./fields.ts";
import { need, onlyOne } from "./parts.ts";

/** What statements refer to; each is asked once, and gives whether it exists for the caller. */
export interface References {
  /** Databases of addresses that there are. */
  databases: { countries: boolean; systems: boolean };
  ipSet(arn: string): Promise<boolean>;
  regexPatternSet(arn: string): Promise<boolean>;
}

const topOnly: ReadonlySet<string> = new Set([
  "RateBasedStatement",
  "RuleGroupReferenceStatement",
  "ManagedRuleGroupStatement",
]);

/** Nesting deeper than this is refused; AWS names no number, a request of its size limits reaches it. */
const deepest = 30;

/** `depth` 0: the statement of a rule. @throws WAFInvalidParameterException */
export async function checkStatement(
  given: GivenStatement | undefined,
  references: References,
  depth = 0,
): Promise<Statement> {
  const kind = onlyOne(given, "STATEMENT", "Statement");
  const statement = given!;
  need(depth === 0 || !topOnly.has(kind), "STATEMENT", kind, reasons.nesting);
  need(depth <= deepest, "STATEMENT", kind, reasons.maximum);
  const nested = (inner: GivenStatement | undefined): Promise<Statement> =>
    checkStatement(inner, references, depth + 1);
  switch (kind) {
    case "ByteMatchStatement":
      return { ByteMatchStatement: checkByteMatch(statement.ByteMatchStatement!) };
    case "SqliMatchStatement":
    case "XssMatchStatement":
    case "SizeConstraintStatement":
      checkInspecting(statement[kind]!);
      return { [kind]: statement[kind]! };
    case "RegexMatchStatement":
      checkInspecting(statement.RegexMatchStatement!);
      checkRegex(statement.RegexMatchStatement!.RegexString ?? "", "RegexString");
      return { RegexMatchStatement: statement.RegexMatchStatement! };
    case "RegexPatternSetReferenceStatement": {
      checkInspecting(statement.RegexPatternSetReferenceStatement!);
      await exists(references.regexPatternSet(statement.RegexPatternSetReferenceStatement!.ARN ?? ""));
      return { RegexPatternSetReferenceStatement: statement.RegexPatternSetReferenceStatement! };
    }
    case "IPSetReferenceStatement":
      await exists(references.ipSet(statement.IPSetReferenceStatement!.ARN ?? ""));
      return { IPSetReferenceStatement: statement.IPSetReferenceStatement! };
    case "LabelMatchStatement": {
      const { Scope, Key = "" } = statement.LabelMatchStatement!;
      need(Scope === "NAMESPACE" || !Key.endsWith(":"), "LABEL_MATCH_STATEMENT", Key);
      return { LabelMatchStatement: statement.LabelMatchStatement! };
    }
    case "AndStatement":
    case "OrStatement": {
      const statements = statement[kind]!.Statements ?? [];
      need(
        statements.length >= 2,
        kind === "AndStatement" ? "AND_STATEMENT" : "OR_STATEMENT",
        "Statements",
        reasons.minimum,
      );
      const checked: Statement[] = [];
      for (const each of statements) checked.push(await nested(each));
      return { [kind]: { Statements: checked } };
    }
    case "NotStatement":
      return { NotStatement: { Statement: await nested(statement.NotStatement!.Statement) } };
    case "RateBasedStatement": {
      const rate = statement.RateBasedStatement!;
      checkRate(rate, references);
      const { ScopeDownStatement, ...rest } = rate;
      return {
        RateBasedStatement: {
          ...rest,
          EvaluationWindowSec: rest.EvaluationWindowSec ?? 300,
          ...(ScopeDownStatement ? { ScopeDownStatement: await nested(ScopeDownStatement) } : {}),
        },
      };
    }
    case "RuleGroupReferenceStatement":
      return { RuleGroupReferenceStatement: statement.RuleGroupReferenceStatement! };
    case "GeoMatchStatement":
      if (!references.databases.countries)
        throw noDatabase("GEO_MATCH_STATEMENT", "geographic matches", "JIKIMI_GEO_DATABASE");
      need(
        (statement.GeoMatchStatement!.CountryCodes ?? []).length > 0,
        "GEO_MATCH_STATEMENT",
        "CountryCodes",
        reasons.minimum,
      );
      return { GeoMatchStatement: statement.GeoMatchStatement! };
    case "AsnMatchStatement":
      if (!references.databases.systems) throw noDatabase("STATEMENT", "ASN matches", "JIKIMI_ASN_DATABASE");
      return { AsnMatchStatement: statement.AsnMatchStatement! };
    case "ManagedRuleGroupStatement":
      throw notServed(
        "MANAGED_RULE_SET_STATEMENT",
        statement.ManagedRuleGroupStatement!.Name ?? "",
        "Managed rule groups are",
      );
  }
}

const noDatabase = (
  field: "GEO_MATCH_STATEMENT" | "STATEMENT" | "CUSTOM_KEYS",
  what: string,
  variable: string,
): Error => notServed(field, variable, `Without a database (${variable}), ${what} are`);

async function exists(found: Promise<boolean>): Promise<void> {
  if (!(await found)) throw invalidParameter("RULE", "Statement", reasons.reference);
}

interface Inspecting {
  FieldToMatch: FieldToMatch | undefined;
  TextTransformations: Parameters<typeof checkTransformations>[0];
  PreParseTextTransformations?: Parameters<typeof checkPreParse>[0];
}

function checkInspecting(statement: Inspecting): void {
  checkField(statement.FieldToMatch);
  checkTransformations(statement.TextTransformations);
  checkPreParse(statement.PreParseTextTransformations, statement.FieldToMatch!);
}

/** Source: AWS WAF quotas: 200 bytes in a string match. */
const mostSearchBytes = 200;

function checkByteMatch(
  statement: NonNullable<GivenStatement["ByteMatchStatement"]>,
): NonNullable<Statement["ByteMatchStatement"]> {
  checkInspecting(statement);
  const bytes = Buffer.from(statement.SearchString ?? new Uint8Array());
  need(bytes.length > 0, "BYTE_MATCH_STATEMENT", "SearchString");
  need(bytes.length <= mostSearchBytes, "BYTE_MATCH_STATEMENT", "SearchString", reasons.maximum);
  if (statement.PositionalConstraint === "CONTAINS_WORD") {
    need(/^[A-Za-z0-9_]+$/.test(bytes.toString("latin1")), "BYTE_MATCH_STATEMENT", "SearchString");
  }
  return { ...statement, SearchString: bytes.toString("base64") };
}

/** Source: AWS WAF quotas: 200 characters in a pattern of a set, 512 in a regex match statement (the model has that one). */
export function checkRegex(pattern: string, parameter: string): void {
  try {
    void new Regex(pattern);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw invalidParameter("REGEX_PATTERN_SET", parameter, `${reasons.formatting} (${error.message})`);
  }
}

const windows = new Set([60, 120, 300, 600]);
const mostKeys = 5;

function checkRate(rate: RateBasedStatement, { databases }: References): void {
  const field = "RATE_BASED_STATEMENT";
  need(rate.EvaluationWindowSec === undefined || windows.has(rate.EvaluationWindowSec), field, "EvaluationWindowSec");
  const keys = rate.CustomKeys ?? [];
  if (rate.AggregateKeyType === "CUSTOM_KEYS") {
    need(keys.length > 0, "CUSTOM_KEYS", "CustomKeys", reasons.minimum);
    need(keys.length <= mostKeys, "CUSTOM_KEYS", "CustomKeys", reasons.maximum);
  } else need(keys.length === 0, "CUSTOM_KEYS", "CustomKeys", reasons.exactlyOne);
  for (const key of keys) checkCustomKey(key, databases.systems);
  const only = keys.length === 1 ? keys[0]! : undefined;
  // "To aggregate on only the IP address or only the forwarded IP address, don't use custom keys."
  need(only?.IP === undefined && only?.ForwardedIP === undefined, "CUSTOM_KEYS", "CustomKeys", reasons.minimum);
  if (rate.AggregateKeyType === "CONSTANT")
    need(rate.ScopeDownStatement !== undefined, "SCOPE_DOWN", "ScopeDownStatement", reasons.minimum);
  const forwarded =
    rate.AggregateKeyType === "FORWARDED_IP" || keys.some(({ ForwardedIP }) => ForwardedIP !== undefined);
  need(!forwarded || rate.ForwardedIPConfig !== undefined, "FORWARDED_IP_CONFIG", "ForwardedIPConfig", reasons.minimum);
}

function checkCustomKey(key: RateBasedStatementCustomKey, systems: boolean): void {
  const kind = onlyOne(key, "CUSTOM_KEYS", "RateBasedStatementCustomKey");
  if (kind === "ASN" && !systems) throw noDatabase("CUSTOM_KEYS", "keys by ASN", "JIKIMI_ASN_DATABASE");
  const transformed = key.Header ?? key.Cookie ?? key.QueryArgument ?? key.QueryString ?? key.UriPath;
  if (transformed) checkTransformations(transformed.TextTransformations);
}
