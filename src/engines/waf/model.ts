/**
 * Web ACLs and what they refer to, as they are kept in the store and handed to the compiler: AWS's own shapes, with
 * bytes in base64 so that they are JSON. Types of the SDK, no values.
 */
import type * as Sdk from "@aws-sdk/client-wafv2";

/** Members of the SDK's shapes without `| undefined`: required ones are there, checked when they came in. */
export type FieldToMatch = Sdk.FieldToMatch;
export type TextTransformation = Sdk.TextTransformation;
export type CustomResponseBody = Sdk.CustomResponseBody;
export type Action = Sdk.RuleAction;
export type VisibilityConfig = Sdk.VisibilityConfig;

export interface ByteMatch extends Omit<Sdk.ByteMatchStatement, "SearchString"> {
  /** Base64. */
  SearchString: string;
}

export interface RateBased extends Omit<Sdk.RateBasedStatement, "ScopeDownStatement"> {
  ScopeDownStatement?: Statement;
}

type Nested =
  | "ByteMatchStatement"
  | "AndStatement"
  | "OrStatement"
  | "NotStatement"
  | "RateBasedStatement"
  | "ManagedRuleGroupStatement";

export interface Statement extends Omit<Sdk.Statement, Nested> {
  ByteMatchStatement?: ByteMatch;
  AndStatement?: { Statements: Statement[] };
  OrStatement?: { Statements: Statement[] };
  NotStatement?: { Statement: Statement };
  RateBasedStatement?: RateBased;
  ManagedRuleGroupStatement?: Sdk.ManagedRuleGroupStatement;
}

export interface Rule extends Omit<Sdk.Rule, "Statement"> {
  Statement: Statement;
}

interface Kept {
  id: string;
  arn: string;
  name: string;
  scope: "REGIONAL" | "CLOUDFRONT";
  account: string;
  region: string;
  description?: string;
  /** Changes with each change. */
  lockToken: string;
}

export interface WebAclDocument extends Kept {
  defaultAction: Sdk.DefaultAction;
  rules: Rule[];
  visibility: VisibilityConfig;
  capacity: number;
  customResponseBodies?: Record<string, CustomResponseBody>;
  captcha?: Sdk.CaptchaConfig;
  challenge?: Sdk.ChallengeConfig;
  tokenDomains?: string[];
  association?: Sdk.AssociationConfig;
  dataProtection?: Sdk.DataProtectionConfig;
}

export interface RuleGroupDocument extends Kept {
  capacity: number;
  rules: Rule[];
  visibility: VisibilityConfig;
  customResponseBodies?: Record<string, CustomResponseBody>;
}

export interface IpSetDocument extends Kept {
  version: "IPV4" | "IPV6";
  addresses: string[];
}

export interface RegexPatternSetDocument extends Kept {
  patterns: string[];
}

/** How the traffic of a web ACL is logged. */
export interface LoggingDocument {
  webAclArn: string;
  destination: string;
  redactedFields?: FieldToMatch[];
  filter?: Sdk.LoggingFilter;
}

/** Everything that a web ACL is compiled from. Sets and groups by ARN. */
export interface WebAclSource {
  webAcl: WebAclDocument;
  ipSets: ReadonlyMap<string, IpSetDocument>;
  regexPatternSets: ReadonlyMap<string, RegexPatternSetDocument>;
  ruleGroups: ReadonlyMap<string, RuleGroupDocument>;
  logging?: LoggingDocument;
}

/** `awswaf:<account>:webacl:<name>:`, the prefix of the labels its rules add. */
export const labelPrefix = (owner: WebAclDocument | RuleGroupDocument, kind: "webacl" | "rulegroup"): string =>
  `awswaf:${owner.account}:${kind}:${owner.name}:`;
