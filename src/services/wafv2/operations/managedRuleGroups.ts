/** Managed rule groups: this installation has none, and says so. Source: AWS WAF API Reference. */
import { checkedScope, nonexistent } from "../errors.ts";
import type { WafHandlers } from "../sdk.ts";

export const managedRuleGroupHandlers = {
  async ListAvailableManagedRuleGroups(input, ctx) {
    checkedScope(input.Scope, ctx.region, "read");
    return { ManagedRuleGroups: [] };
  },
  async ListAvailableManagedRuleGroupVersions() {
    throw nonexistent();
  },
  async DescribeManagedRuleGroup() {
    throw nonexistent();
  },
} satisfies WafHandlers;
