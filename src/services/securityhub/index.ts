/** AWS Security Hub: the manifest. */
import { defineService } from "#gateway/service.ts";
import { enrolling, followOrganizations } from "#gateway/enrolment.ts";
import { access } from "./access.ts";
import { actionTargetHandlers } from "./operations/actionTargets.ts";
import { aggregatorHandlers } from "./operations/aggregators.ts";
import { automationRuleHandlers } from "./operations/automationRules.ts";
import { findingHandlers } from "./operations/findings.ts";
import { hubHandlers } from "./operations/hub.ts";
import { insightHandlers } from "./operations/insights.ts";
import { invitationHandlers } from "./operations/invitations.ts";
import { memberHandlers } from "./operations/members.ts";
import { organizationHandlers } from "./operations/organization.ts";
import { taggingHandlers } from "./operations/tagging.ts";
import { enrolment } from "./organization.ts";
import { importEvents } from "./reactor.ts";
import type { Sdk } from "./sdk.ts";
import { eventsStream, serviceId } from "./state.ts";

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: {
    ...hubHandlers,
    ...findingHandlers,
    ...insightHandlers,
    ...actionTargetHandlers,
    ...automationRuleHandlers,
    ...taggingHandlers,
    ...aggregatorHandlers,
    ...memberHandlers,
    ...invitationHandlers,
    ...organizationHandlers,
  },
  access,
  reactors: [
    { name: "securityhub-imports", stream: eventsStream, handle: importEvents },
    { name: "securityhub-organizations", stream: "audit", handle: followOrganizations(enrolment) },
  ],
  jobs: [{ name: "securityhub-enrolment", everyMs: 1_000, run: enrolling(enrolment) }],
});
