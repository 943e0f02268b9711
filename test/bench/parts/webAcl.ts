/** A web ACL as a shop would have: an IP set, a header, the body, SQL injection, a rate. */
import { wafDocuments } from "#engines/waf/contract.ts";
import { documentKey } from "#engines/waf/index.ts";
import { byteStatement, rule, webAcl } from "#engines/waf/testing.ts";
import { nameOf, type KnownDocument } from "../../../src/edge/feed.ts";

export function protectedDocuments(resourceArn: string, account: string, region: string): Map<string, KnownDocument> {
  const arn = (kind: string, name: string): string =>
    `arn:aws:wafv2:${region}:${account}:regional/${kind}/${name}/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`;
  const [webAclArn, ipSetArn] = [arn("webacl", "acl"), arn("ipset", "bad")];
  const sqli = {
    SqliMatchStatement: {
      FieldToMatch: { AllQueryArguments: {} },
      TextTransformations: [{ Priority: 0, Type: "URL_DECODE" as const }],
      SensitivityLevel: "LOW" as const,
    },
  };
  const rules = [
    rule("ips", 0, { IPSetReferenceStatement: { ARN: ipSetArn } }),
    rule("agent", 1, byteStatement("badbot", { SingleHeader: { Name: "user-agent" } }, "CONTAINS", "LOWERCASE")),
    rule("body", 2, byteStatement("<script", { Body: { OversizeHandling: "CONTINUE" } }, "CONTAINS", "LOWERCASE")),
    rule("sqli", 3, sqli),
    rule("rate", 4, { RateBasedStatement: { Limit: 1_000_000_000, AggregateKeyType: "IP" } }),
  ];
  const acl = { ...webAcl(rules), account, region, arn: webAclArn };
  const set = {
    id: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
    arn: ipSetArn,
    name: "bad",
    scope: "REGIONAL",
    account,
    region,
    lockToken: "1",
    version: "IPV4",
    addresses: Array.from({ length: 1_000 }, (_, index) => `203.${index >> 8}.${index & 255}.0/24`),
  };
  const aclKey = documentKey(webAclArn)!;
  const documents: KnownDocument[] = [
    { key: aclKey, version: 1, value: acl },
    { key: documentKey(ipSetArn)!, version: 1, value: set },
    {
      key: { ...aclKey, type: wafDocuments.types.association, id: resourceArn },
      version: 1,
      value: { resourceArn, webAclArn },
    },
  ];
  return new Map(documents.map((document) => [nameOf(document.key), document]));
}
