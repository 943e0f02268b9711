/** AWS WAF: the manifest. */
import { defineService } from "#gateway/service.ts";
import { reportStream } from "#engines/waf/contract.ts";
import { access } from "./access.ts";
import { deliverLogs } from "./deliver.ts";
import { associationHandlers } from "./operations/associations.ts";
import { ipSetHandlers } from "./operations/ipSets.ts";
import { loggingHandlers } from "./operations/logging.ts";
import { managedRuleGroupHandlers } from "./operations/managedRuleGroups.ts";
import { permissionPolicyHandlers } from "./operations/permissionPolicies.ts";
import { regexPatternSetHandlers } from "./operations/regexPatternSets.ts";
import { ruleGroupHandlers } from "./operations/ruleGroups.ts";
import { sampleHandlers } from "./operations/samples.ts";
import { tagHandlers } from "./operations/tags.ts";
import { webAclHandlers } from "./operations/webAcls.ts";
import { takeReports } from "./reports.ts";
import type { Sdk } from "./sdk.ts";

export const service = defineService<Sdk>()({
  id: "wafv2",
  operations: {
    ...webAclHandlers,
    ...ruleGroupHandlers,
    ...ipSetHandlers,
    ...regexPatternSetHandlers,
    ...associationHandlers,
    ...loggingHandlers,
    ...sampleHandlers,
    ...tagHandlers,
    ...permissionPolicyHandlers,
    ...managedRuleGroupHandlers,
  },
  access,
  jobs: [{ name: "logs", everyMs: 2_000, run: deliverLogs }],
  reactors: [{ name: "reports", stream: reportStream, handle: takeReports }],
});
