/**
 * Who may do what to which resource, one row per operation. Nearly everything is a matter of the detector; filters, lists
 * and destinations are resources of their own.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon GuardDuty".
 */
import { partitionOf } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access, AccessOf } from "#gateway/service.ts";
import type { GuardDuty } from "./sdk.ts";
import { types } from "./state.ts";

interface Named {
  DetectorId?: string | undefined;
  Tags?: Record<string, string> | undefined;
}

type Row<I> = (input: I, ctx: CallContext) => Promise<Access>;

function arnOf(ctx: CallContext, path: string): string {
  return `arn:${partitionOf(ctx.region)}:guardduty:${ctx.region}:${ctx.account}:${path}`;
}

function tagKeys(tags: Record<string, string> | undefined): Record<string, string | string[]> {
  const entries = Object.entries(tags ?? {});
  if (entries.length === 0) return {};
  return {
    "aws:TagKeys": entries.map(([key]) => key),
    ...Object.fromEntries(entries.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
  };
}

/** Tags of the resource that is asked about, where there is one. */
async function resourceTags(ctx: CallContext, type: string, id: string): Promise<Record<string, string>> {
  const document = await ctx.state.get<{ tags?: Record<string, string> }>(type, id);
  const tags = Object.entries(document?.value.tags ?? {});
  return Object.fromEntries(tags.map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
}

/** On the detector that the request names. */
function onDetector<I extends Named>(action: string): Row<I> {
  return async (input, ctx) => ({
    action: `guardduty:${action}`,
    resource: arnOf(ctx, `detector/${input.DetectorId ?? ""}`),
    context: { ...(await resourceTags(ctx, types.detector, types.detector)), ...tagKeys(input.Tags) },
  });
}

/** On something of the detector: the last part of its ARN, and the document that has its tags. */
function onPart<I extends Named>(
  action: string,
  segment: string,
  nameOf: (input: I) => string | undefined,
  type: string,
  idOf: (name: string) => string,
): Row<I> {
  return async (input, ctx) => {
    const name = nameOf(input) ?? "";
    return {
      action: `guardduty:${action}`,
      resource: arnOf(ctx, `detector/${input.DetectorId ?? ""}/${segment}/${name}`),
      context: {
        ...(await resourceTags(ctx, type, `${input.DetectorId ?? ""}/${idOf(name)}`)),
        ...tagKeys(input.Tags),
      },
    };
  };
}

function onFilter<I extends Named>(action: string, nameOf: (input: I) => string | undefined): Row<I> {
  return onPart(action, "filter", nameOf, types.filter, (name) => name);
}

function onList<I extends Named>(action: string, kind: string, nameOf: (input: I) => string | undefined): Row<I> {
  return onPart(action, kind, nameOf, types.list, (name) => `${kind}/${name}`);
}

function onDestination<I extends Named & { DestinationId: string | undefined }>(action: string): Row<I> {
  return onPart(
    action,
    "publishingDestination",
    (input) => input.DestinationId,
    types.destination,
    (name) => name,
  );
}

const onAll = (action: string) => (): Access => ({ action: `guardduty:${action}`, resource: "*" });

interface OfArn {
  ResourceArn?: string | undefined;
  Tags?: Record<string, string> | undefined;
  TagKeys?: string[] | undefined;
}

function onArn(action: string) {
  return (input: OfArn): Access => ({
    action: `guardduty:${action}`,
    resource: input.ResourceArn ?? "*",
    context: { ...tagKeys(input.Tags), ...(input.TagKeys ? { "aws:TagKeys": input.TagKeys } : {}) },
  });
}

export const access: AccessOf<GuardDuty> = {
  AcceptAdministratorInvitation: onDetector("AcceptAdministratorInvitation"),
  AcceptInvitation: onDetector("AcceptInvitation"),
  ArchiveFindings: onDetector("ArchiveFindings"),
  CreateDetector: (input) => ({
    action: "guardduty:CreateDetector",
    resource: "*",
    context: tagKeys(input.Tags),
  }),
  CreateFilter: onDetector("CreateFilter"),
  CreateIPSet: onDetector("CreateIPSet"),
  CreateMembers: onDetector("CreateMembers"),
  CreatePublishingDestination: onDetector("CreatePublishingDestination"),
  CreateSampleFindings: onDetector("CreateSampleFindings"),
  CreateThreatEntitySet: onDetector("CreateThreatEntitySet"),
  CreateThreatIntelSet: onDetector("CreateThreatIntelSet"),
  CreateTrustedEntitySet: onDetector("CreateTrustedEntitySet"),
  DeclineInvitations: onAll("DeclineInvitations"),
  DeleteDetector: onDetector("DeleteDetector"),
  DeleteFilter: onFilter("DeleteFilter", (input) => input.FilterName),
  DeleteIPSet: onList("DeleteIPSet", "ipset", (input) => input.IpSetId),
  DeleteInvitations: onAll("DeleteInvitations"),
  DeleteMembers: onDetector("DeleteMembers"),
  DeletePublishingDestination: onDestination("DeletePublishingDestination"),
  DeleteThreatEntitySet: onList("DeleteThreatEntitySet", "threatentityset", (input) => input.ThreatEntitySetId),
  DeleteThreatIntelSet: onList("DeleteThreatIntelSet", "threatintelset", (input) => input.ThreatIntelSetId),
  DeleteTrustedEntitySet: onList("DeleteTrustedEntitySet", "trustedentityset", (input) => input.TrustedEntitySetId),
  DescribeOrganizationConfiguration: onDetector("DescribeOrganizationConfiguration"),
  DescribePublishingDestination: onDestination("DescribePublishingDestination"),
  DisableOrganizationAdminAccount: onAll("DisableOrganizationAdminAccount"),
  DisassociateFromAdministratorAccount: onDetector("DisassociateFromAdministratorAccount"),
  DisassociateFromMasterAccount: onDetector("DisassociateFromMasterAccount"),
  DisassociateMembers: onDetector("DisassociateMembers"),
  EnableOrganizationAdminAccount: onAll("EnableOrganizationAdminAccount"),
  GetAdministratorAccount: onDetector("GetAdministratorAccount"),
  GetCoverageStatistics: onDetector("GetCoverageStatistics"),
  GetDetector: onDetector("GetDetector"),
  GetFilter: onFilter("GetFilter", (input) => input.FilterName),
  GetFindings: onDetector("GetFindings"),
  GetFindingsStatistics: onDetector("GetFindingsStatistics"),
  GetIPSet: onList("GetIPSet", "ipset", (input) => input.IpSetId),
  GetInvitationsCount: onAll("GetInvitationsCount"),
  GetMasterAccount: onDetector("GetMasterAccount"),
  GetMemberDetectors: onDetector("GetMemberDetectors"),
  GetMembers: onDetector("GetMembers"),
  GetOrganizationStatistics: onAll("GetOrganizationStatistics"),
  GetThreatEntitySet: onList("GetThreatEntitySet", "threatentityset", (input) => input.ThreatEntitySetId),
  GetThreatIntelSet: onList("GetThreatIntelSet", "threatintelset", (input) => input.ThreatIntelSetId),
  GetTrustedEntitySet: onList("GetTrustedEntitySet", "trustedentityset", (input) => input.TrustedEntitySetId),
  InviteMembers: onDetector("InviteMembers"),
  ListCoverage: onDetector("ListCoverage"),
  ListDetectors: onAll("ListDetectors"),
  ListFilters: onDetector("ListFilters"),
  ListFindings: onDetector("ListFindings"),
  ListIPSets: onDetector("ListIPSets"),
  ListInvitations: onAll("ListInvitations"),
  ListMembers: onDetector("ListMembers"),
  ListOrganizationAdminAccounts: onAll("ListOrganizationAdminAccounts"),
  ListPublishingDestinations: onDetector("ListPublishingDestinations"),
  ListTagsForResource: onArn("ListTagsForResource"),
  ListThreatEntitySets: onDetector("ListThreatEntitySets"),
  ListThreatIntelSets: onDetector("ListThreatIntelSets"),
  ListTrustedEntitySets: onDetector("ListTrustedEntitySets"),
  StartMonitoringMembers: onDetector("StartMonitoringMembers"),
  StopMonitoringMembers: onDetector("StopMonitoringMembers"),
  TagResource: onArn("TagResource"),
  UnarchiveFindings: onDetector("UnarchiveFindings"),
  UntagResource: onArn("UntagResource"),
  UpdateDetector: onDetector("UpdateDetector"),
  UpdateFilter: onFilter("UpdateFilter", (input) => input.FilterName),
  UpdateFindingsFeedback: onDetector("UpdateFindingsFeedback"),
  UpdateIPSet: onList("UpdateIPSet", "ipset", (input) => input.IpSetId),
  UpdateMemberDetectors: onDetector("UpdateMemberDetectors"),
  UpdateOrganizationConfiguration: onDetector("UpdateOrganizationConfiguration"),
  UpdatePublishingDestination: onDestination("UpdatePublishingDestination"),
  UpdateThreatEntitySet: onList("UpdateThreatEntitySet", "threatentityset", (input) => input.ThreatEntitySetId),
  UpdateThreatIntelSet: onList("UpdateThreatIntelSet", "threatintelset", (input) => input.ThreatIntelSetId),
  UpdateTrustedEntitySet: onList("UpdateTrustedEntitySet", "trustedentityset", (input) => input.TrustedEntitySetId),
};
