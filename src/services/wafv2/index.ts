/** AWS WAF: the manifest. */
import { defineService, type Service } from "#gateway/service.ts";
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
import type { WafSettings } from "./references.ts";
import { takeReports } from "./reports.ts";
import type { Sdk } from "./sdk.ts";

export function wafv2Service(settings: WafSettings): Service {
  return defineService<Sdk>()({
    id: "wafv2",
    operations: {
      ...webAclHandlers(settings),
      ...ruleGroupHandlers(settings),
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
}
