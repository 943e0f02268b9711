/**
 * Quotas by the names of DescribeAccountLimits. Source: Elastic Load Balancing User Guide, "Quotas for your Application
 * Load Balancers". Of what cannot be made here, none.
 */
export const quotas = {
  "application-load-balancers": 50,
  "listeners-per-application-load-balancer": 50,
  "rules-per-application-load-balancer": 100,
  "certificates-per-application-load-balancer": 25,
  "target-groups": 3_000,
  "targets-per-application-load-balancer": 1_000,
  "targets-per-availability-zone-per-application-load-balancer": 1_000,
  "target-groups-per-application-load-balancer": 100,
  "target-groups-per-action-on-application-load-balancer": 5,
  "condition-values-per-alb-rule": 5,
  "condition-wildcards-per-alb-rule": 6,
  "network-load-balancers": 0,
  "gateway-load-balancers": 0,
  "trust-stores": 0,
} as const;
