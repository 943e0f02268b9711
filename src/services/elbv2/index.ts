import { defineService } from "#gateway/service.ts";
import { accessLogStream } from "../../edge/config.ts";
import { access } from "./access.ts";
import { audit } from "./audit.ts";
import { bringInterfacesInLine } from "./interfaces.ts";
import { deliverAccessLogs, setAside } from "./logDelivery.ts";
import { limitHandlers } from "./operations/limits.ts";
import { listenerHandlers } from "./operations/listeners.ts";
import { listenerSettingHandlers } from "./operations/listenerSettings.ts";
import { loadBalancerHandlers } from "./operations/loadBalancers.ts";
import { loadBalancerSettingHandlers } from "./operations/loadBalancerSettings.ts";
import { ruleHandlers } from "./operations/rules.ts";
import { tagHandlers } from "./operations/tags.ts";
import { targetGroupHandlers } from "./operations/targetGroups.ts";
import { targetHandlers } from "./operations/targets.ts";
import type { Sdk } from "./sdk.ts";
import { followSecurityGroups, securityGroupsStream } from "./securityGroups.ts";
import { serviceId } from "./state.ts";

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: {
    ...limitHandlers,
    ...listenerHandlers,
    ...listenerSettingHandlers,
    ...loadBalancerHandlers,
    ...loadBalancerSettingHandlers,
    ...ruleHandlers,
    ...tagHandlers,
    ...targetGroupHandlers,
    ...targetHandlers,
  },
  access,
  audit,
  jobs: [
    { name: "interfaces", everyMs: 1_000, run: bringInterfacesInLine },
    { name: "accessLogs", everyMs: 2_000, run: deliverAccessLogs },
  ],
  reactors: [
    { name: "securityGroups", stream: securityGroupsStream, handle: followSecurityGroups },
    { name: "accessLogs", stream: accessLogStream, handle: setAside },
  ],
});
