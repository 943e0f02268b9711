/**
 * The authorization questions of WAF.
 * Source: Service Authorization Reference, AWS WAF V2; AWS WAF Developer Guide, "Actions that require additional
 * permissions settings" (elasticloadbalancing:SetWebACL, logs and S3 in the caller's name).
 */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { groupPolicies } from "./operations/ruleGroups.ts";
import { tagsOf } from "./resources.ts";
import type { WafAccess } from "./sdk.ts";
import { arnOf, kindOfArn, type Kind } from "./state.ts";

type Tags = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;

interface Named {
  Name?: string | undefined;
  Scope?: string | undefined;
  Id?: string | undefined;
}

function tagContext(tags: Tags): Record<string, string | readonly string[]> {
  if (!tags || tags.length === 0) return {};
  return {
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
  };
}

async function onArn(
  ctx: CallContext,
  action: string,
  arn: string,
  tags?: Tags,
  more: Partial<Access> = {},
): Promise<Access> {
  const own = parseArn(arn)?.account === ctx.account && kindOfArn(arn) !== undefined;
  const resourceTags = own ? (await tagsOf(ctx, arn)).map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value]) : [];
  return {
    action: `wafv2:${action}`,
    resource: arn,
    context: { ...Object.fromEntries(resourceTags), ...tagContext(tags) },
    ...more,
  };
}

const named = (ctx: CallContext, kind: Kind, { Name = "", Scope, Id = "*" }: Named): string =>
  arnOf(ctx, kind, Scope, Name, Id);

const create =
  (action: string, kind: Kind) =>
  async (input: Named & { Tags?: Tags }, ctx: CallContext): Promise<Access[]> => {
    const arn = named(ctx, kind, input);
    const question = await onArn(ctx, action, arn, input.Tags);
    return (input.Tags ?? []).length > 0 ? [question, await onArn(ctx, "TagResource", arn, input.Tags)] : [question];
  };

const on =
  (action: string, kind: Kind) =>
  (input: Named, ctx: CallContext): Promise<Access> =>
    onArn(ctx, action, named(ctx, kind, input));

const list = (action: string) => (): Access => ({ action: `wafv2:${action}`, resource: "*" });

const byArn =
  (action: string) =>
  (input: { ResourceArn?: string | undefined }, ctx: CallContext): Promise<Access> =>
    onArn(ctx, action, input.ResourceArn ?? "*");

/** Protecting a load balancer is a change of the load balancer, too. */
async function onLoadBalancer(ctx: CallContext, action: string, arn: string): Promise<Access[]> {
  return [await onArn(ctx, action, arn), { action: "elasticloadbalancing:SetWebACL", resource: arn }];
}

export const access: WafAccess = {
  CreateWebACL: create("CreateWebACL", "webacl"),
  GetWebACL: (input, ctx) => onArn(ctx, "GetWebACL", input.ARN ?? named(ctx, "webacl", input)),
  UpdateWebACL: on("UpdateWebACL", "webacl"),
  DeleteWebACL: on("DeleteWebACL", "webacl"),
  ListWebACLs: list("ListWebACLs"),
  CreateRuleGroup: create("CreateRuleGroup", "rulegroup"),
  async GetRuleGroup(input, ctx) {
    if (input.ARN === undefined) return onArn(ctx, "GetRuleGroup", named(ctx, "rulegroup", input));
    const account = parseArn(input.ARN)?.account;
    if (account === undefined || account === ctx.account) return onArn(ctx, "GetRuleGroup", input.ARN);
    return onArn(ctx, "GetRuleGroup", input.ARN, undefined, {
      resourceAccount: account,
      resourcePolicies: await groupPolicies(ctx, input.ARN),
    });
  },
  UpdateRuleGroup: on("UpdateRuleGroup", "rulegroup"),
  DeleteRuleGroup: on("DeleteRuleGroup", "rulegroup"),
  ListRuleGroups: list("ListRuleGroups"),
  CheckCapacity: list("CheckCapacity"),
  CreateIPSet: create("CreateIPSet", "ipset"),
  GetIPSet: on("GetIPSet", "ipset"),
  UpdateIPSet: on("UpdateIPSet", "ipset"),
  DeleteIPSet: on("DeleteIPSet", "ipset"),
  ListIPSets: list("ListIPSets"),
  CreateRegexPatternSet: create("CreateRegexPatternSet", "regexpatternset"),
  GetRegexPatternSet: on("GetRegexPatternSet", "regexpatternset"),
  UpdateRegexPatternSet: on("UpdateRegexPatternSet", "regexpatternset"),
  DeleteRegexPatternSet: on("DeleteRegexPatternSet", "regexpatternset"),
  ListRegexPatternSets: list("ListRegexPatternSets"),
  AssociateWebACL: async (input, ctx) => [
    await onArn(ctx, "AssociateWebACL", input.WebACLArn ?? "*"),
    ...(await onLoadBalancer(ctx, "AssociateWebACL", input.ResourceArn ?? "*")),
  ],
  DisassociateWebACL: (input, ctx) => onLoadBalancer(ctx, "DisassociateWebACL", input.ResourceArn ?? "*"),
  GetWebACLForResource: byArn("GetWebACLForResource"),
  ListResourcesForWebACL: (input, ctx) => onArn(ctx, "ListResourcesForWebACL", input.WebACLArn ?? "*"),
  PutLoggingConfiguration: (input, ctx) =>
    onArn(ctx, "PutLoggingConfiguration", input.LoggingConfiguration?.ResourceArn ?? "*", undefined, {
      context: {
        "wafv2:LogDestinationResource": input.LoggingConfiguration?.LogDestinationConfigs?.[0] ?? "",
        "wafv2:LogScope": input.LoggingConfiguration?.LogScope ?? "CUSTOMER",
      },
    }),
  GetLoggingConfiguration: byArn("GetLoggingConfiguration"),
  DeleteLoggingConfiguration: byArn("DeleteLoggingConfiguration"),
  ListLoggingConfigurations: list("ListLoggingConfigurations"),
  GetSampledRequests: (input, ctx) => onArn(ctx, "GetSampledRequests", input.WebAclArn ?? "*"),
  GetRateBasedStatementManagedKeys: (input, ctx) =>
    onArn(
      ctx,
      "GetRateBasedStatementManagedKeys",
      named(ctx, "webacl", { Name: input.WebACLName, Scope: input.Scope, Id: input.WebACLId }),
    ),
  ListTagsForResource: (input, ctx) => onArn(ctx, "ListTagsForResource", input.ResourceARN ?? "*"),
  TagResource: (input, ctx) => onArn(ctx, "TagResource", input.ResourceARN ?? "*", input.Tags),
  UntagResource: async (input, ctx) => {
    const question = await onArn(ctx, "UntagResource", input.ResourceARN ?? "*");
    return { ...question, context: { ...question.context, "aws:TagKeys": input.TagKeys ?? [] } };
  },
  PutPermissionPolicy: byArn("PutPermissionPolicy"),
  GetPermissionPolicy: byArn("GetPermissionPolicy"),
  DeletePermissionPolicy: byArn("DeletePermissionPolicy"),
  ListAvailableManagedRuleGroups: list("ListAvailableManagedRuleGroups"),
  ListAvailableManagedRuleGroupVersions: list("ListAvailableManagedRuleGroupVersions"),
  DescribeManagedRuleGroup: list("DescribeManagedRuleGroup"),
};
