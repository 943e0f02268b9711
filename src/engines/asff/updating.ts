/**
 * What customers change of a finding: BatchUpdateFindings and the actions of automation rules. Pure.
 * Source: Security Hub User Guide, "BatchUpdateFindings for customers".
 */
import { sharedFields, type HubFinding, type SharedField } from "./finding.ts";
import type { Kept } from "./importing.ts";
import { completeSeverity, type Severity } from "./severity.ts";

export interface CustomerUpdate {
  Note?: { Text: string; UpdatedBy: string };
  Severity?: Severity;
  VerificationState?: string;
  Confidence?: number;
  Criticality?: number;
  Types?: string[];
  UserDefinedFields?: Record<string, string>;
  Workflow?: { Status?: HubFinding["Workflow"]["Status"] };
  RelatedFindings?: HubFinding["RelatedFindings"];
}

const members = [
  "Note",
  "Severity",
  "VerificationState",
  "Confidence",
  "Criticality",
  "Types",
  "UserDefinedFields",
  "Workflow",
  "RelatedFindings",
] as const;

/** `at`: RFC 3339. A list replaces the list that was there; user-defined fields do too. */
export function applyUpdate(kept: Kept, update: CustomerUpdate, at: string): Kept {
  const set = members.filter((name) => update[name] !== undefined);
  if (set.length === 0) return kept;
  const finding: HubFinding = { ...kept.finding };
  const plain: Record<string, unknown> = finding;
  for (const name of set) {
    if (name === "Note") finding.Note = { ...update.Note!, UpdatedAt: at };
    else if (name === "Severity") finding.Severity = severityAfter(finding.Severity, update.Severity!);
    else if (name === "Workflow") finding.Workflow = { Status: update.Workflow!.Status ?? finding.Workflow.Status };
    else plain[name] = update[name];
  }
  finding.ProcessedAt = at;
  const shared = set.filter((name): name is (typeof set)[number] & SharedField => sharedFields.includes(name as never));
  return { finding, byCustomer: [...new Set([...kept.byCustomer, ...shared])] };
}

function severityAfter(
  before: HubFinding["Severity"],
  { Label, Normalized, Product }: Severity,
): HubFinding["Severity"] {
  const after = completeSeverity({ ...(Label ? { Label } : {}), ...(Normalized === undefined ? {} : { Normalized }) });
  const given = Label !== undefined || Normalized !== undefined;
  return { ...before, ...(given ? after : {}), ...(Product === undefined ? {} : { Product }) };
}
