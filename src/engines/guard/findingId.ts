/**
 * "A unique Finding ID for this finding type and set of parameters. New occurrences of activity matching this pattern
 * will be aggregated to the same ID." Source: GuardDuty User Guide, "Finding details".
 */
import { createHash } from "node:crypto";

/** 32 hexadecimal digits of what a finding is gathered by. */
export function findingId(detectorId: string, type: string, ...parts: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([detectorId, type, ...parts]))
    .digest("hex")
    .slice(0, 32);
}
