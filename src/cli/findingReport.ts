/** What `jikimi findings` makes of findings: whether they fail a build, and SARIF. */

/** Lowest severity of each band. Source: GuardDuty User Guide, "Severity levels of GuardDuty findings". */
export const bands = { LOW: 1, MEDIUM: 4, HIGH: 7, CRITICAL: 9 } as const;

export type Band = keyof typeof bands;

/** What is read of a finding's JSON. */
export interface Finding {
  id: string;
  arn: string;
  accountId: string;
  region: string;
  type: string;
  severity: number;
  title: string;
  description: string;
  updatedAt: string;
  service: { count: number; additionalInfo?: { sample?: boolean } };
}

/** Sample findings are nobody's fault. */
export function fails(found: readonly Finding[], failOn: Band | undefined): boolean {
  if (failOn === undefined) return false;
  return found.some(({ severity, service }) => service.additionalInfo?.sample !== true && severity >= bands[failOn]);
}

export function bandOf(severity: number): Band {
  return (Object.keys(bands) as Band[]).findLast((band) => severity >= bands[band]) ?? "LOW";
}

const levels: Readonly<Record<Band, string>> = { LOW: "note", MEDIUM: "warning", HIGH: "error", CRITICAL: "error" };

/** Source: OASIS, Static Analysis Results Interchange Format (SARIF) 2.1.0, sections 3.13, 3.27, 3.33. */
export function sarif(found: readonly Finding[]) {
  const types = [...new Set(found.map(({ type }) => type))].toSorted();
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Jikimi GuardDuty", rules: types.map((id) => ({ id, name: id })) } },
        results: found.map(({ arn, id, type, severity, description, accountId, region, updatedAt }) => ({
          ruleId: type,
          ruleIndex: types.indexOf(type),
          level: levels[bandOf(severity)],
          message: { text: description },
          locations: [{ logicalLocations: [{ fullyQualifiedName: arn, kind: "resource" }] }],
          partialFingerprints: { findingId: id },
          properties: { accountId, region, severity, updatedAt },
        })),
      },
    ],
  };
}
