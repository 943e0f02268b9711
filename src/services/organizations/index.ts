/** AWS Organizations. Operations that are not here answer NotImplemented. */
import type { Accounts } from "#gateway/accounts.ts";
import { defineService, type Service } from "#gateway/service.ts";
import { access } from "./access.ts";
import { closedForGood } from "./jobs.ts";
import { accountOperations } from "./operations/accounts.ts";
import { allFeatureOperations } from "./operations/allFeatures.ts";
import { handshakeOperations } from "./operations/handshakes.ts";
import { organizationOperations } from "./operations/organization.ts";
import { policyOperations } from "./operations/policies.ts";
import { taggingOperations } from "./operations/tagging.ts";
import { trustOperations } from "./operations/trust.ts";
import { unitOperations } from "./operations/units.ts";
import type { Sdk } from "./sdk.ts";

/** Accounts are IAM's; `roles` hands over what is needed of them. */
export function organizationsService(accounts: Accounts): Service {
  return defineService<Sdk>()({
    id: "organizations",
    operations: {
      ...organizationOperations(accounts),
      ...accountOperations(accounts),
      ...unitOperations,
      ...policyOperations(accounts),
      ...handshakeOperations(accounts),
      ...allFeatureOperations(accounts),
      ...trustOperations(accounts),
      ...taggingOperations,
    },
    access,
    jobs: [closedForGood],
  });
}
