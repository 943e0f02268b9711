/**
 * Coverage: resources that the security agent of Runtime Monitoring could watch. There is no agent here and so there are
 * none: empty is the true answer. Source: GuardDuty API Reference, ListCoverage, GetCoverageStatistics.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";
import { requireDetector } from "../state.ts";

export async function listCoverage(input: Input<"ListCoverage">, ctx: CallContext): Promise<Output<"ListCoverage">> {
  await requireDetector(ctx, input.DetectorId);
  return { Resources: [] };
}

export async function getCoverageStatistics(
  input: Input<"GetCoverageStatistics">,
  ctx: CallContext,
): Promise<Output<"GetCoverageStatistics">> {
  await requireDetector(ctx, input.DetectorId);
  const wanted = input.StatisticsType ?? [];
  return {
    CoverageStatistics: {
      ...(wanted.includes("COUNT_BY_RESOURCE_TYPE") ? { CountByResourceType: {} } : {}),
      ...(wanted.includes("COUNT_BY_COVERAGE_STATUS") ? { CountByCoverageStatus: { HEALTHY: 0, UNHEALTHY: 0 } } : {}),
    },
  };
}
