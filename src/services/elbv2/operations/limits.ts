/** Quotas and TLS policies. Source: Elastic Load Balancing API Reference, DescribeAccountLimits, DescribeSSLPolicies. */
import { securityPolicies } from "../../../edge/securityPolicies.ts";
import { noPolicy } from "../errors.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import type { ElbHandlers } from "../sdk.ts";

export const limitHandlers: ElbHandlers = {
  DescribeAccountLimits(input) {
    const rows = Object.entries(quotas).map(([name, max]) => ({ arn: name, max }));
    const { items, NextMarker } = paged(rows, input);
    return {
      Limits: items.map(({ arn, max }) => ({ Name: arn, Max: String(max) })),
      ...(NextMarker === undefined ? {} : { NextMarker }),
    };
  },

  DescribeSSLPolicies(input) {
    const unknown = input.Names?.find((name) => !securityPolicies.some((each) => each.name === name));
    if (unknown !== undefined) throw noPolicy(unknown);
    const served = (input.LoadBalancerType ?? "application") === "application" ? securityPolicies : [];
    const rows = served
      .filter(({ name }) => !input.Names?.length || input.Names.includes(name))
      .map((policy) => ({ arn: policy.name, policy }));
    const { items, NextMarker } = paged(rows, input);
    return {
      SslPolicies: items.map(({ policy }) => ({
        Name: policy.name,
        SslProtocols: [...policy.protocols],
        Ciphers: policy.ciphers.map((Name, index) => ({ Name, Priority: index + 1 })),
        SupportedLoadBalancerTypes: ["application"],
      })),
      ...(NextMarker === undefined ? {} : { NextMarker }),
    };
  },
};
