import type { CallContext } from "#gateway/context.ts";
import { defineService, type ServiceDefinition } from "#gateway/service.ts";
import { access } from "./access.ts";
import { dryRun } from "./errors.ts";
import { internetGatewayHandlers } from "./operations/internetGateways.ts";
import { networkAclHandlers } from "./operations/networkAcls.ts";
import { networkInterfaceHandlers } from "./operations/networkInterfaces.ts";
import { prefixListHandlers } from "./operations/prefixLists.ts";
import { regionHandlers } from "./operations/regions.ts";
import { routeTableHandlers } from "./operations/routeTables.ts";
import { securityGroupRuleHandlers } from "./operations/securityGroupRules.ts";
import { securityGroupHandlers } from "./operations/securityGroups.ts";
import { subnetHandlers } from "./operations/subnets.ts";
import { tagHandlers } from "./operations/tags.ts";
import { vpcHandlers } from "./operations/vpcs.ts";
import type { Sdk } from "./sdk.ts";
import { ebsHandlers } from "./volumes/handlers.ts";
import { serviceId } from "./state.ts";

const handlers: ServiceDefinition<Sdk>["operations"] = {
  ...ebsHandlers,
  ...internetGatewayHandlers,
  ...networkAclHandlers,
  ...networkInterfaceHandlers,
  ...prefixListHandlers,
  ...regionHandlers,
  ...routeTableHandlers,
  ...securityGroupRuleHandlers,
  ...securityGroupHandlers,
  ...subnetHandlers,
  ...tagHandlers,
  ...vpcHandlers,
};

type Handler = (input: Record<string, unknown>, ctx: CallContext) => unknown;

/**
 * A dry run goes as far as the refusal that a real run would meet; what it has staged is not committed.
 * Source: EC2 API Reference, DryRun.
 */
function withDryRun(handler: Handler): Handler {
  return async (input, ctx) => {
    const output = await handler(input, ctx);
    if (input["DryRun"] === true) throw dryRun();
    return output;
  };
}

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, withDryRun(handler as Handler)]),
  ) as typeof handlers,
  access,
});
