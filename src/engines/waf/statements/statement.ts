/** From a statement to its check. A kind of statement is a row here and a file beside this one. */
import type { Build } from "../build.ts";
import type { Check } from "../evaluation.ts";
import type { Statement } from "../model.ts";
import { byteMatch } from "./byteMatch.ts";
import { sqliMatch, xssMatch } from "./injectionMatch.ts";
import { ipSetReference } from "./ipSetReference.ts";
import { labelMatch } from "./labelMatch.ts";
import { asnMatch, geoMatch } from "./locationMatch.ts";
import { and, not, or } from "./logical.ts";
import { regexMatch, regexPatternSetReference } from "./regexMatch.ts";
import { sizeConstraint } from "./sizeConstraint.ts";

/** Statements that a rule itself has, and that the compiler of rules takes apart. */
type OfRules = "RateBasedStatement" | "RuleGroupReferenceStatement" | "ManagedRuleGroupStatement";
type Kind = Exclude<keyof Statement, OfRules>;

const kinds: { [K in Kind]: (statement: NonNullable<Statement[K]>, build: Build) => Check } = {
  ByteMatchStatement: byteMatch,
  SqliMatchStatement: sqliMatch,
  XssMatchStatement: xssMatch,
  SizeConstraintStatement: sizeConstraint,
  IPSetReferenceStatement: ipSetReference,
  RegexMatchStatement: regexMatch,
  RegexPatternSetReferenceStatement: regexPatternSetReference,
  LabelMatchStatement: labelMatch,
  GeoMatchStatement: geoMatch,
  AsnMatchStatement: asnMatch,
  AndStatement: ({ Statements }, build) => and(Statements.map((each) => compileStatement(each, build))),
  OrStatement: ({ Statements }, build) => or(Statements.map((each) => compileStatement(each, build))),
  NotStatement: ({ Statement: inner }, build) => not(compileStatement(inner, build)),
};

/** @throws UnresolvedReference */
export function compileStatement(statement: Statement, build: Build): Check {
  const [kind, value] = Object.entries(statement).find(([, each]) => each !== undefined)!;
  const compile = kinds[kind as Kind] as ((value: unknown, build: Build) => Check) | undefined;
  if (!compile) throw new Error(`${kind} cannot stand here`);
  return compile(value, build);
}
