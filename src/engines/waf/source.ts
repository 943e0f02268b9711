/**
 * From the store's documents to what a web ACL is compiled from. Reads are not of one instant: a set that was deleted
 * meanwhile makes `UnresolvedReference`, and whoever follows the changes tries again at the next.
 */
import { UnresolvedReference } from "./build.ts";
import { wafDocuments } from "./contract.ts";
import type {
  IpSetDocument,
  LoggingDocument,
  RegexPatternSetDocument,
  RuleGroupDocument,
  Rule,
  Statement,
  WebAclDocument,
  WebAclSource,
} from "./model.ts";

/** Where a document is, by its ARN. */
export interface WafDocumentKey {
  account: string;
  region: string;
  service: string;
  type: string;
  id: string;
}

const arnPattern =
  /^arn:[a-z-]+:wafv2:([a-z0-9-]+):(\d{12}):(regional|global)\/(webacl|ipset|regexpatternset|rulegroup)\/([^/]+)\/([^/]+)$/;

const typeOf: Readonly<Record<string, string>> = {
  webacl: wafDocuments.types.webAcl,
  ipset: wafDocuments.types.ipSet,
  regexpatternset: wafDocuments.types.regexPatternSet,
  rulegroup: wafDocuments.types.ruleGroup,
};

/** `undefined` for what is no ARN of WAF. */
export function documentKey(arn: string): WafDocumentKey | undefined {
  const found = arnPattern.exec(arn);
  if (!found) return undefined;
  const [, region, account, scope, kind, , id] = found;
  return {
    account: account!,
    region: region!,
    service: wafDocuments.service,
    type: typeOf[kind!]!,
    id: `${scope}/${id}`,
  };
}

/** ARNs of the sets and groups that rules refer to, those of their own statements only. */
export function referencesOf(rules: readonly Rule[]): string[] {
  const found = new Set<string>();
  const visit = (statement: Statement): void => {
    const arn =
      statement.IPSetReferenceStatement?.ARN ??
      statement.RegexPatternSetReferenceStatement?.ARN ??
      statement.RuleGroupReferenceStatement?.ARN;
    if (arn !== undefined) found.add(arn);
    for (const inner of statement.AndStatement?.Statements ?? statement.OrStatement?.Statements ?? []) visit(inner);
    if (statement.NotStatement) visit(statement.NotStatement.Statement);
    if (statement.RateBasedStatement?.ScopeDownStatement) visit(statement.RateBasedStatement.ScopeDownStatement);
  };
  for (const rule of rules) visit(rule.Statement);
  return [...found];
}

/** `get` reads one document's value. @throws UnresolvedReference when the web ACL or something it needs is not there */
export async function loadSource(
  webAclArn: string,
  get: (key: WafDocumentKey) => Promise<unknown>,
): Promise<WebAclSource> {
  const read = async (arn: string): Promise<unknown> => {
    const key = documentKey(arn);
    const value = key && (await get(key));
    if (value === undefined) throw new UnresolvedReference(arn);
    return value;
  };
  const webAcl = (await read(webAclArn)) as WebAclDocument;
  const sets = new Map<string, unknown>();
  const ruleGroups = new Map<string, RuleGroupDocument>();
  const groups = referencesOf(webAcl.rules).filter((arn) => arn.includes("/rulegroup/"));
  for (const arn of groups) ruleGroups.set(arn, (await read(arn)) as RuleGroupDocument);
  const all = [webAcl.rules, ...[...ruleGroups.values()].map(({ rules }) => rules)].flatMap(referencesOf);
  for (const arn of new Set(all)) if (!ruleGroups.has(arn)) sets.set(arn, await read(arn));
  const logging = (await get({ ...documentKey(webAclArn)!, type: wafDocuments.types.logging })) as
    | LoggingDocument
    | undefined;
  const ofKind = <T>(kind: string): Map<string, T> =>
    new Map([...sets].filter(([arn]) => arn.includes(`/${kind}/`)) as [string, T][]);
  return {
    webAcl,
    ipSets: ofKind<IpSetDocument>("ipset"),
    regexPatternSets: ofKind<RegexPatternSetDocument>("regexpatternset"),
    ruleGroups,
    ...(logging ? { logging } : {}),
  };
}
