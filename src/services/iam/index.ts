/** AWS Identity and Access Management. Operations that are not here answer NotImplemented. */
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { accessAdvisor } from "./operations/accessAdvisor.ts";
import { accessKeys } from "./operations/accessKeys.ts";
import { accountAliases } from "./operations/accountAliases.ts";
import { accountSummary } from "./operations/accountSummary.ts";
import { attachments } from "./operations/attachments.ts";
import { authorizationDetails } from "./operations/authorizationDetails.ts";
import { credentialReport } from "./operations/credentialReport.ts";
import { groups } from "./operations/groups.ts";
import { inlinePolicies } from "./operations/inlinePolicies.ts";
import { instanceProfiles } from "./operations/instanceProfiles.ts";
import { loginProfiles } from "./operations/loginProfiles.ts";
import { managedPolicies } from "./operations/managedPolicies.ts";
import { mfaDevices } from "./operations/mfaDevices.ts";
import { outboundFederation } from "./operations/outboundFederation.ts";
import { oidcProviders } from "./operations/oidcProviders.ts";
import { otherCredentials } from "./operations/otherCredentials.ts";
import { passwordPolicy } from "./operations/passwordPolicy.ts";
import { permissionsBoundaries } from "./operations/permissionsBoundaries.ts";
import { roles } from "./operations/roles.ts";
import { samlProviders } from "./operations/samlProviders.ts";
import { serverCertificates } from "./operations/serverCertificates.ts";
import { serviceLinkedRoles } from "./operations/serviceLinkedRoles.ts";
import { simulation } from "./operations/simulation.ts";
import { tagging } from "./operations/tagging.ts";
import { users } from "./operations/users.ts";
import type { Sdk } from "./sdk.ts";

export const service = defineService<Sdk>()({
  id: "iam",
  operations: {
    ...users,
    ...groups,
    ...roles,
    ...serviceLinkedRoles,
    ...instanceProfiles,
    ...accessKeys,
    ...loginProfiles,
    ...passwordPolicy,
    ...mfaDevices,
    ...otherCredentials,
    ...managedPolicies,
    ...attachments,
    ...inlinePolicies,
    ...permissionsBoundaries,
    ...tagging,
    ...oidcProviders,
    ...outboundFederation,
    ...samlProviders,
    ...serverCertificates,
    ...accountAliases,
    ...accountSummary,
    ...authorizationDetails,
    ...credentialReport,
    ...accessAdvisor,
    ...simulation,
  },
  access,
});
