/** GetFindingsStatistics, in both of its forms. Source: GuardDuty API Reference, GetFindingsStatistics. */
import type { CallContext } from "#gateway/context.ts";
import { matches, valuesAt } from "#engines/guard/criteria.ts";
import { requireCriteria } from "../criteria.ts";
import { invalidParameter } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { requireDetector } from "../state.ts";
import { visibleFindings } from "../visibleFindings.ts";

type Json = Record<string, unknown>;

interface Group {
  findings: Json[];
  /** Time of the newest finding. */
  last: Date;
}

/** Where the id of a finding's resource is, by its type. */
const resourceIds: Readonly<Record<string, readonly string[]>> = {
  AccessKey: ["resource.accessKeyDetails.accessKeyId", "resource.accessKeyDetails.principalId"],
  S3Bucket: ["resource.s3BucketDetails.name"],
  Instance: ["resource.instanceDetails.instanceId"],
  EKSCluster: ["resource.eksClusterDetails.name"],
  ECSCluster: ["resource.ecsClusterDetails.name"],
  Container: ["resource.containerDetails.id"],
  Lambda: ["resource.lambdaDetails.functionName"],
  RDSDBInstance: ["resource.rdsDbInstanceDetails.dbInstanceIdentifier"],
};

const text = (finding: Json, path: string): string => String(valuesAt(finding, path)[0] ?? "");

function resourceIdOf(finding: Json): string {
  const paths = resourceIds[text(finding, "resource.resourceType")] ?? [];
  return paths.map((path) => text(finding, path)).find((id) => id !== "") ?? text(finding, "id");
}

export async function getFindingsStatistics(
  input: Input<"GetFindingsStatistics">,
  ctx: CallContext,
): Promise<Output<"GetFindingsStatistics">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  // "You must provide either findingStatisticTypes or groupBy parameter, and not both."
  if ((input.FindingStatisticTypes === undefined) === (input.GroupBy === undefined)) {
    throw invalidParameter("groupBy");
  }
  const criterion = requireCriteria(input.FindingCriteria?.Criterion);
  const findings = (await visibleFindings(ctx, detector)).map(({ json }) => json);
  const chosen = findings.filter((json) => matches(criterion, json));
  if (input.GroupBy === undefined) return { FindingStatistics: { CountBySeverity: countBySeverity(chosen) } };
  const limit = input.MaxResults ?? 25;
  const direction = input.OrderBy === "ASC" ? 1 : -1;
  const top = (key: (finding: Json) => string): [string, Group][] =>
    [...grouped(chosen, key)]
      .toSorted(([a, x], [b, y]) => direction * (x.findings.length - y.findings.length) || (a < b ? -1 : 1))
      .slice(0, limit);
  const totals = ({ findings: counted, last }: Group) => ({ LastGeneratedAt: last, TotalFindings: counted.length });
  switch (input.GroupBy) {
    case "ACCOUNT": {
      const rows = top((finding) => text(finding, "accountId"));
      return { FindingStatistics: { GroupedByAccount: rows.map(([id, g]) => ({ AccountId: id, ...totals(g) })) } };
    }
    case "FINDING_TYPE": {
      const rows = top((finding) => text(finding, "type"));
      return {
        FindingStatistics: { GroupedByFindingType: rows.map(([id, g]) => ({ FindingType: id, ...totals(g) })) },
      };
    }
    case "SEVERITY": {
      const rows = top((finding) => text(finding, "severity"));
      return {
        FindingStatistics: { GroupedBySeverity: rows.map(([id, g]) => ({ Severity: Number(id), ...totals(g) })) },
      };
    }
    case "RESOURCE": {
      const rows = top((finding) =>
        JSON.stringify([text(finding, "accountId"), text(finding, "resource.resourceType"), resourceIdOf(finding)]),
      );
      return {
        FindingStatistics: {
          GroupedByResource: rows.map(([key, g]) => {
            const [AccountId, ResourceType, ResourceId] = JSON.parse(key) as [string, string, string];
            return { AccountId, ResourceType, ResourceId, ...totals(g) };
          }),
        },
      };
    }
    case "DATE": {
      const rows = top((finding) => `${text(finding, "updatedAt").slice(0, 10)} ${text(finding, "severity")}`);
      return {
        FindingStatistics: {
          GroupedByDate: rows.map(([key, g]) => {
            const [date = "", severity = ""] = key.split(" ");
            return { Date: new Date(`${date}T00:00:00Z`), Severity: Number(severity), ...totals(g) };
          }),
        },
      };
    }
    default:
      throw invalidParameter("groupBy");
  }
}

function countBySeverity(findings: readonly Json[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const finding of findings) {
    const severity = Number(finding["severity"]).toFixed(1);
    counts[severity] = (counts[severity] ?? 0) + 1;
  }
  return counts;
}

function grouped(findings: readonly Json[], key: (finding: Json) => string): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const finding of findings) {
    const last = new Date(text(finding, "updatedAt"));
    const group = groups.get(key(finding));
    if (!group) groups.set(key(finding), { findings: [finding], last });
    else {
      group.findings.push(finding);
      if (last > group.last) group.last = last;
    }
  }
  return groups;
}
