/**
 * What WAF keeps, by document type. `webAcl`, `ruleGroup`, `ipSet`, `regexPatternSet`, `association` and `logging` are
 * read by the edge, too: `src/engines/waf/contract.ts` has their places, `model.ts` their shapes.
 *
 * | type | id | what |
 * |---|---|---|
 * | webAcl, ruleGroup, ipSet, regexPatternSet | `regional/<id>` | index `uses`: ARNs of what its rules refer to |
 * | name | `regional/<kind>/<name>` | keeps names unique within their kind |
 * | tags | ARN | |
 * | association | ARN of the protected resource | index `webAcl`: ARN of its web ACL |
 * | logging | `regional/<id>` of the web ACL | where its log goes |
 * | policy | ARN of a rule group | permission policy |
 * | sharedUse | `<ARN of a rule group>/<ARN of a web ACL>` | in the group's account: a web ACL of another account uses it |
 * | report | `<web ACL id>/<time>/<event>` | what the edge told of requests, sealed: samples for three hours, log records until they are delivered; indexes `metric`, `waiting` |
 * | rateKeys | web ACL id | addresses above the limits, as the edge last told |
 * | delivery | web ACL id | log records that are being delivered: which reports, under which name |
 *
 * INVARIANT: whoever refers to a set, a group or a web ACL checks its document in the same batch, and whoever deletes one
 * looks for references in it; so nothing that is in use is deleted.
 */
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { wafDocuments } from "#engines/waf/contract.ts";
import type { IpSetDocument, RegexPatternSetDocument, RuleGroupDocument, WebAclDocument } from "#engines/waf/model.ts";
import { documentKey } from "#engines/waf/index.ts";
import { nonexistent } from "./errors.ts";

export const serviceId = wafDocuments.service;

export const types = {
  ...wafDocuments.types,
  name: "name",
  tags: "tags",
  policy: "policy",
  sharedUse: "sharedUse",
  report: "report",
  rateKeys: "rateKeys",
  delivery: "delivery",
} as const;

export interface Kinds {
  webacl: WebAclDocument;
  rulegroup: RuleGroupDocument;
  ipset: IpSetDocument;
  regexpatternset: RegexPatternSetDocument;
}
export type Kind = keyof Kinds;

export const typeOf: Readonly<Record<Kind, string>> = {
  webacl: types.webAcl,
  rulegroup: types.ruleGroup,
  ipset: types.ipSet,
  regexpatternset: types.regexPatternSet,
};

export const kindOfArn = (arn: string): Kind | undefined =>
  /^arn:[a-z-]+:wafv2:[a-z0-9-]+:\d{12}:(?:regional|global)\/(webacl|rulegroup|ipset|regexpatternset)\/[^/]+\/[^/]+$/.exec(
    arn,
  )?.[1] as Kind | undefined;

export const pathOfScope = (scope: string | undefined): "regional" | "global" =>
  scope === "CLOUDFRONT" ? "global" : "regional";

export function arnOf(ctx: CallContext, kind: Kind, scope: string | undefined, name: string, id: string): string {
  return `arn:${ctx.partition}:wafv2:${ctx.region}:${ctx.account}:${pathOfScope(scope)}/${kind}/${name}/${id}`;
}

export const documentId = (scope: string | undefined, id: string): string => `${pathOfScope(scope)}/${id}`;

/** By scope, id and name, all of which must fit. @throws WAFNonexistentItemException */
export async function requireNamed<K extends Kind>(
  ctx: CallContext,
  kind: K,
  { Scope, Id, Name }: { Scope?: string | undefined; Id?: string | undefined; Name?: string | undefined },
): Promise<Kinds[K]> {
  const found = Id === undefined ? undefined : await ctx.state.get<Kinds[K]>(typeOf[kind], documentId(Scope, Id));
  if (!found || found.value.name !== Name) throw nonexistent();
  return found.value;
}

/** By its ARN, in the caller's own account and Region. */
export async function findByArn<K extends Kind>(
  ctx: CallContext,
  kind: K,
  arn: string | undefined,
): Promise<Kinds[K] | undefined> {
  if (arn === undefined || kindOfArn(arn) !== kind) return undefined;
  const key = documentKey(arn)!;
  if (key.account !== ctx.account || key.region !== ctx.region) return undefined;
  const found = await ctx.state.get<Kinds[K]>(key.type, key.id);
  return found?.value.arn === arn ? found.value : undefined;
}

export interface NameDocument {
  id: string;
}

export interface TagsDocument {
  tags: Record<string, string>;
}

export interface PolicyDocument {
  /** With the group as its resource: what is evaluated. */
  policy: string;
  /** As it was put. */
  given: string;
  boundPolicy?: BoundPolicy;
}

/** What a report of the edge shows of requests. */
export interface ReportDocument {
  webAclArn: string;
  /** Base64; `openReport` reads it. */
  sealed: string;
  /** Epoch milliseconds of the first and last request. */
  from: number;
  to: number;
  /** Metric names of the rules there are samples of. */
  sampled: string[];
  /** Log records that wait for their delivery. */
  logCount: number;
}

export interface RateKeysDocument {
  /** Per counter, as `RateRule.counter`. */
  keys: Record<string, string[]>;
  /** Epoch milliseconds. */
  at: number;
}

export interface DeliveryDocument {
  /** Key of the object. */
  key: string;
  /** Ids of the reports whose records are in it. */
  reports: string[];
}

/** So that texts have the order of times. */
export const timeText = (milliseconds: number): string =>
  String(Math.max(0, Math.floor(milliseconds))).padStart(15, "0");
