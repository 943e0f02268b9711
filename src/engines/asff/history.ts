/** What changed between two states of a finding. Source: Security Hub API Reference, FindingHistoryUpdate. */
import type { HubFinding } from "./finding.ts";

export interface FieldChange {
  UpdatedField: string;
  /** Absent: it was not there, or is no more. */
  OldValue?: string;
  NewValue?: string;
}

/** Members that say when, not what. */
const clocks = new Set(["UpdatedAt", "ProcessedAt", "LastObservedAt"]);

export function changesBetween(before: HubFinding, after: HubFinding): FieldChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.flatMap((name) => {
    if (clocks.has(name)) return [];
    const [old, now] = [shown(before[name]), shown(after[name])];
    if (old === now) return [];
    return [
      {
        UpdatedField: name,
        ...(old === undefined ? {} : { OldValue: old }),
        ...(now === undefined ? {} : { NewValue: now }),
      },
    ];
  });
}

function shown(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}
