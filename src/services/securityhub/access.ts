/**
 * The authorization questions of Security Hub. Source: Service Authorization Reference, AWS Security Hub: nearly all are
 * about the hub; what is imported is about the product.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { tagged } from "./operations/tagging.ts";
import type { HubAccess } from "./sdk.ts";
import { arnOf, hubOf } from "./state.ts";

type ContextValues = Record<string, string | readonly string[]>;

function tagContext(tags: Partial<Record<string, string>> | undefined): ContextValues {
  const entries = Object.entries(tags ?? {});
  if (entries.length === 0) return {};
  return {
    "aws:TagKeys": entries.map(([key]) => key),
    ...Object.fromEntries(entries.map(([key, value]) => [`aws:RequestTag/${key}`, value ?? ""])),
  };
}

async function onHub(ctx: CallContext, action: string, context: ContextValues = {}): Promise<Access> {
  const hub = await hubOf(ctx.state, ctx);
  const tags = Object.entries(hub?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  return {
    action: `securityhub:${action}`,
    resource: arnOf(ctx, "hub/default"),
    context: { ...Object.fromEntries(tags), ...context },
  };
}

const hub = (action: string) => (_input: unknown, ctx: CallContext) => onHub(ctx, action);

async function onTagged(ctx: CallContext, action: string, arn: string, context: ContextValues = {}): Promise<Access> {
  const access = { action: `securityhub:${action}`, resource: arn };
  // What is not there is refused by the handler, after authorization.
  if (!(await hubOf(ctx.state, ctx))) return { ...access, context };
  const found = await tagged(ctx, arn).catch(() => undefined);
  const tags = Object.entries(found?.document.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  return { ...access, context: { ...Object.fromEntries(tags), ...context } };
}

/** A key for every member that is changed, so that a policy can leave some of them to others. */
function syntaxPaths(input: Readonly<Record<string, unknown>>): ContextValues {
  const paths: ContextValues = {};
  const walk = (value: unknown, path: string): void => {
    if (value === undefined || value === null) return;
    if (typeof value === "object" && !Array.isArray(value)) {
      for (const [name, member] of Object.entries(value)) walk(member, path === "" ? name : `${path}.${name}`);
    } else {
      paths[`securityhub:ASFFSyntaxPath/${path}`] = Array.isArray(value)
        ? value.map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each)))
        : String(value);
    }
  };
  const { FindingIdentifiers: _, ...changes } = input;
  walk(changes, "");
  return paths;
}

/** What asks about the hub and nothing else. */
const onTheHub = [
  "AcceptAdministratorInvitation",
  "AcceptInvitation",
  "CreateActionTarget",
  "CreateFindingAggregator",
  "CreateMembers",
  "DeclineInvitations",
  "DeleteActionTarget",
  "DeleteFindingAggregator",
  "DeleteInvitations",
  "DeleteMembers",
  "DescribeActionTargets",
  "DescribeOrganizationConfiguration",
  "DisableOrganizationAdminAccount",
  "DisassociateFromAdministratorAccount",
  "DisassociateFromMasterAccount",
  "DisassociateMembers",
  "EnableOrganizationAdminAccount",
  "GetAdministratorAccount",
  "GetFindingAggregator",
  "GetInvitationsCount",
  "GetMasterAccount",
  "GetMembers",
  "InviteMembers",
  "ListFindingAggregators",
  "ListInvitations",
  "ListMembers",
  "ListOrganizationAdminAccounts",
  "UpdateActionTarget",
  "UpdateFindingAggregator",
  "UpdateOrganizationConfiguration",
] as const;

export const access: HubAccess = {
  ...(Object.fromEntries(onTheHub.map((action) => [action, hub(action)])) as HubAccess),
  BatchDeleteAutomationRules: (input, ctx) =>
    Promise.all((input.AutomationRulesArns ?? []).map((arn) => onTagged(ctx, "BatchDeleteAutomationRules", arn))),
  BatchEnableStandards: hub("BatchEnableStandards"),
  BatchGetAutomationRules: (input, ctx) =>
    Promise.all((input.AutomationRulesArns ?? []).map((arn) => onTagged(ctx, "BatchGetAutomationRules", arn))),
  BatchImportFindings: (input) => {
    const products = new Set((input.Findings ?? []).map(({ ProductArn }) => ProductArn ?? "*"));
    const accounts = [...new Set((input.Findings ?? []).map(({ AwsAccountId }) => AwsAccountId ?? ""))];
    const context = { "securityhub:TargetAccount": accounts };
    return [...products].map((resource) => ({ action: "securityhub:BatchImportFindings", resource, context }));
  },
  BatchUpdateAutomationRules: (input, ctx) =>
    Promise.all(
      (input.UpdateAutomationRulesRequestItems ?? []).map(({ RuleArn }) =>
        onTagged(ctx, "BatchUpdateAutomationRules", RuleArn ?? "*"),
      ),
    ),
  BatchUpdateFindings: (input, ctx) =>
    onHub(ctx, "BatchUpdateFindings", syntaxPaths(input as unknown as Record<string, unknown>)),
  CreateAutomationRule: (input, ctx) => onHub(ctx, "CreateAutomationRule", tagContext(input.Tags)),
  CreateInsight: hub("CreateInsight"),
  DeleteInsight: hub("DeleteInsight"),
  DescribeHub: hub("DescribeHub"),
  DescribeProducts: hub("DescribeProducts"),
  DescribeStandards: hub("DescribeStandards"),
  DisableImportFindingsForProduct: hub("DisableImportFindingsForProduct"),
  DisableSecurityHub: hub("DisableSecurityHub"),
  EnableImportFindingsForProduct: hub("EnableImportFindingsForProduct"),
  EnableSecurityHub: (input, ctx) => onHub(ctx, "EnableSecurityHub", tagContext(input.Tags)),
  GetEnabledStandards: hub("GetEnabledStandards"),
  GetFindingHistory: hub("GetFindingHistory"),
  GetFindings: hub("GetFindings"),
  GetInsightResults: hub("GetInsightResults"),
  GetInsights: hub("GetInsights"),
  ListAutomationRules: hub("ListAutomationRules"),
  ListEnabledProductsForImport: hub("ListEnabledProductsForImport"),
  ListTagsForResource: (input, ctx) => onTagged(ctx, "ListTagsForResource", input.ResourceArn!),
  TagResource: (input, ctx) => onTagged(ctx, "TagResource", input.ResourceArn!, tagContext(input.Tags)),
  UntagResource: (input, ctx) =>
    onTagged(ctx, "UntagResource", input.ResourceArn!, { "aws:TagKeys": input.TagKeys ?? [] }),
  UpdateFindings: hub("UpdateFindings"),
  UpdateInsight: hub("UpdateInsight"),
  UpdateSecurityHubConfiguration: hub("UpdateSecurityHubConfiguration"),
};
