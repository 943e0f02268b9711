import { auditStream } from "#gateway/auditRecord.ts";
import { followOrganizations } from "#gateway/enrolment.ts";
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { enrolment } from "./enrolment.ts";
import { jobs } from "./jobs.ts";
import * as coverage from "./operations/coverage.ts";
import * as destinations from "./operations/destinations.ts";
import * as detectors from "./operations/detectors.ts";
import * as filters from "./operations/filters.ts";
import * as findings from "./operations/findings.ts";
import * as invitations from "./operations/invitations.ts";
import * as lists from "./operations/listHandlers.ts";
import * as members from "./operations/members.ts";
import * as organization from "./operations/organization.ts";
import { createSampleFindings } from "./operations/samples.ts";
import { getFindingsStatistics } from "./operations/statistics.ts";
import { listTagsForResource, tagResource, untagResource } from "./operations/tags.ts";
import { detecting } from "./reactor.ts";
import type { GuardDuty } from "./sdk.ts";

export const service = defineService<GuardDuty>()({
  id: "guardduty",
  operations: {
    AcceptAdministratorInvitation: invitations.acceptAdministratorInvitation,
    AcceptInvitation: invitations.acceptInvitation,
    ArchiveFindings: findings.archiveFindings,
    CreateDetector: detectors.createDetector,
    CreateFilter: filters.createFilter,
    CreateIPSet: lists.createIPSet,
    CreateMembers: members.createMembers,
    CreatePublishingDestination: destinations.createPublishingDestination,
    CreateSampleFindings: createSampleFindings,
    CreateThreatEntitySet: lists.createThreatEntitySet,
    CreateThreatIntelSet: lists.createThreatIntelSet,
    CreateTrustedEntitySet: lists.createTrustedEntitySet,
    DeclineInvitations: invitations.declineInvitations,
    DeleteDetector: detectors.deleteDetector,
    DeleteFilter: filters.deleteFilter,
    DeleteIPSet: lists.deleteIPSet,
    DeleteInvitations: invitations.deleteInvitations,
    DeleteMembers: members.deleteMembers,
    DeletePublishingDestination: destinations.deletePublishingDestination,
    DeleteThreatEntitySet: lists.deleteThreatEntitySet,
    DeleteThreatIntelSet: lists.deleteThreatIntelSet,
    DeleteTrustedEntitySet: lists.deleteTrustedEntitySet,
    DescribeOrganizationConfiguration: organization.describeOrganizationConfiguration,
    DescribePublishingDestination: destinations.describePublishingDestination,
    DisableOrganizationAdminAccount: organization.disableOrganizationAdminAccount,
    DisassociateFromAdministratorAccount: invitations.disassociateFromAdministratorAccount,
    DisassociateFromMasterAccount: invitations.disassociateFromMasterAccount,
    DisassociateMembers: members.disassociateMembers,
    EnableOrganizationAdminAccount: organization.enableOrganizationAdminAccount,
    GetAdministratorAccount: invitations.getAdministratorAccount,
    GetCoverageStatistics: coverage.getCoverageStatistics,
    GetDetector: detectors.getDetector,
    GetFilter: filters.getFilter,
    GetFindings: findings.getFindings,
    GetFindingsStatistics: getFindingsStatistics,
    GetIPSet: lists.getIPSet,
    GetInvitationsCount: invitations.getInvitationsCount,
    GetMasterAccount: invitations.getMasterAccount,
    GetMemberDetectors: members.getMemberDetectors,
    GetMembers: members.getMembers,
    GetOrganizationStatistics: organization.getOrganizationStatistics,
    GetThreatEntitySet: lists.getThreatEntitySet,
    GetThreatIntelSet: lists.getThreatIntelSet,
    GetTrustedEntitySet: lists.getTrustedEntitySet,
    InviteMembers: members.inviteMembers,
    ListCoverage: coverage.listCoverage,
    ListDetectors: detectors.listDetectors,
    ListFilters: filters.listFilters,
    ListFindings: findings.listFindings,
    ListIPSets: lists.listIPSets,
    ListInvitations: invitations.listInvitations,
    ListMembers: members.listMembers,
    ListOrganizationAdminAccounts: organization.listOrganizationAdminAccounts,
    ListPublishingDestinations: destinations.listPublishingDestinations,
    ListTagsForResource: listTagsForResource,
    ListThreatEntitySets: lists.listThreatEntitySets,
    ListThreatIntelSets: lists.listThreatIntelSets,
    ListTrustedEntitySets: lists.listTrustedEntitySets,
    StartMonitoringMembers: members.startMonitoringMembers,
    StopMonitoringMembers: members.stopMonitoringMembers,
    TagResource: tagResource,
    UnarchiveFindings: findings.unarchiveFindings,
    UntagResource: untagResource,
    UpdateDetector: detectors.updateDetector,
    UpdateFilter: filters.updateFilter,
    UpdateFindingsFeedback: findings.updateFindingsFeedback,
    UpdateIPSet: lists.updateIPSet,
    UpdateMemberDetectors: members.updateMemberDetectors,
    UpdateOrganizationConfiguration: organization.updateOrganizationConfiguration,
    UpdatePublishingDestination: destinations.updatePublishingDestination,
    UpdateThreatEntitySet: lists.updateThreatEntitySet,
    UpdateThreatIntelSet: lists.updateThreatIntelSet,
    UpdateTrustedEntitySet: lists.updateTrustedEntitySet,
  },
  access,
  reactors: [
    { name: "detect", stream: auditStream, handle: detecting() },
    { name: "organizations", stream: auditStream, handle: followOrganizations(enrolment) },
  ],
  jobs,
});
