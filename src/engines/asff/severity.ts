/**
 * Severity as a label and as a number. Source: Security Hub API Reference, Severity ("If you provide Label … Normalized
 * is set automatically", and the ranges of numbers).
 */
export const severityLabels = ["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"] as const;
export type SeverityLabel = (typeof severityLabels)[number];

const normalized: Readonly<Record<SeverityLabel, number>> = {
  INFORMATIONAL: 0,
  LOW: 1,
  MEDIUM: 40,
  HIGH: 70,
  CRITICAL: 90,
};

/** `score` from 0 to 100. */
function labelOf(score: number): SeverityLabel {
  if (score <= 0) return "INFORMATIONAL";
  if (score < 40) return "LOW";
  if (score < 70) return "MEDIUM";
  return score < 90 ? "HIGH" : "CRITICAL";
}

export interface Severity {
  Label?: SeverityLabel;
  Normalized?: number;
  Product?: number;
  Original?: string;
}

/** "If only one is populated, the other is populated automatically." Both, where both are given, stay as they are. */
export function completeSeverity<T extends Severity>(given: T): T & { Label: SeverityLabel; Normalized: number } {
  const Label = given.Label ?? labelOf(given.Normalized ?? 0);
  return { ...given, Label, Normalized: given.Normalized ?? normalized[Label] };
}
