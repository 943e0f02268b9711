/** Web ACLs and requests for tests, in few words. */
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { compile } from "./compile.ts";
import type { Facilities, Verdict, WafRequest } from "./contract.ts";
import type { Action, FieldToMatch, Rule, Statement, WebAclDocument, WebAclSource } from "./model.ts";
import { MemoryRateCounters } from "./rateCounters.ts";
import type { TextTransformationType } from "@aws-sdk/client-wafv2";

export const account = "111122223333";

export function facilities(clock = new ManualClock()): Facilities & { clock: ManualClock } {
  return { clock, random: systemRandom, counters: new MemoryRateCounters(), tokenKey: new Uint8Array(32).fill(7) };
}

export interface RequestParts {
  method?: string;
  target?: string;
  headers?: readonly (readonly [string, string])[];
  body?: string | Uint8Array;
  from?: string;
  truncated?: boolean;
}

export function request(parts: RequestParts = {}): WafRequest {
  const body = parts.body === undefined ? undefined : Buffer.from(parts.body);
  return {
    method: parts.method ?? (body ? "POST" : "GET"),
    target: parts.target ?? "/",
    httpVersion: "HTTP/1.1",
    scheme: "http",
    rawHeaders: (parts.headers ?? [["Host", "app.example.com"]]).flat(),
    clientAddress: parts.from ?? "203.0.113.7",
    requestId: "1-67891233-abcdef012345678912345678",
    ...(body ? { body } : {}),
    ...(parts.truncated ? { bodyTruncated: true } : {}),
  };
}

export const transformed = (...types: TextTransformationType[]): { Priority: number; Type: TextTransformationType }[] =>
  types.map((Type, Priority) => ({ Priority, Type }));

export function rule(
  name: string,
  priority: number,
  statement: Statement,
  action: Action = { Block: {} },
  labels: string[] = [],
): Rule {
  return {
    Name: name,
    Priority: priority,
    Statement: statement,
    Action: action,
    ...(labels.length > 0 ? { RuleLabels: labels.map((Name) => ({ Name })) } : {}),
    VisibilityConfig: { MetricName: name, SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true },
  };
}

export function byteStatement(
  text: string,
  field: FieldToMatch = { UriPath: {} },
  constraint: "EXACTLY" | "STARTS_WITH" | "ENDS_WITH" | "CONTAINS" | "CONTAINS_WORD" = "CONTAINS",
  ...transforms: TextTransformationType[]
): Statement {
  return {
    ByteMatchStatement: {
      SearchString: Buffer.from(text).toString("base64"),
      FieldToMatch: field,
      TextTransformations: transformed(...(transforms.length > 0 ? transforms : (["NONE"] as const))),
      PositionalConstraint: constraint,
    },
  };
}

export function webAcl(rules: readonly Rule[], more: Partial<WebAclDocument> = {}): WebAclDocument {
  return {
    id: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
    arn: `arn:aws:wafv2:us-east-1:${account}:regional/webacl/acl/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`,
    name: "acl",
    scope: "REGIONAL",
    account,
    region: "us-east-1",
    lockToken: "1",
    defaultAction: { Allow: {} },
    rules: [...rules],
    visibility: { MetricName: "acl", SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true },
    capacity: 1,
    ...more,
  };
}

export function source(
  rules: readonly Rule[],
  more: Partial<WebAclDocument> = {},
  beside: Partial<WebAclSource> = {},
): WebAclSource {
  return {
    webAcl: webAcl(rules, more),
    ipSets: new Map(),
    regexPatternSets: new Map(),
    ruleGroups: new Map(),
    ...beside,
  };
}

/** The verdict of a web ACL with one blocking rule. */
export function verdictOf(statement: Statement, parts: RequestParts, beside: Partial<WebAclSource> = {}): Verdict {
  return compile(source([rule("rule", 0, statement)], {}, beside)).inspect(request(parts), facilities());
}

export const blocks = (statement: Statement, parts: RequestParts, beside: Partial<WebAclSource> = {}): boolean => {
  const verdict = verdictOf(statement, parts, beside);
  if (verdict.failed !== undefined) throw verdict.failed;
  return verdict.action === "BLOCK";
};
