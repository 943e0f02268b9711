/**
 * A finding that a provider sends, into what the hub keeps. Pure.
 * Source: Security Hub User Guide, "BatchImportFindings for finding providers" and "Setting the workflow status of
 * findings".
 */
import { customerFields, sharedFields, type HubFinding, type ProviderFields, type SharedField } from "./finding.ts";
import { completeSeverity } from "./severity.ts";

export type Imported = Readonly<Record<string, unknown>>;

export interface Kept {
  finding: HubFinding;
  /** Shared members that customers have set: providers change them no more. */
  byCustomer: readonly SharedField[];
}

/** Of what is known only to the hub. */
export interface HubFacts {
  region: string;
  productName: string;
  companyName: string;
  /** RFC 3339. */
  processedAt: string;
}

/** Why an update is not taken. */
export class StaleFinding extends Error {
  constructor(updatedAt: string) {
    super(`The finding that is there was updated at ${updatedAt}; UpdatedAt has to be later.`);
    this.name = "StaleFinding";
  }
}

/** @throws StaleFinding when the finding that is there is as new */
export function importInto(before: Kept | undefined, given: Imported, facts: HubFacts): Kept {
  const provider = providerFields(given);
  if (!before) return { finding: created(given, provider, facts), byCustomer: [] };
  const { finding, byCustomer } = before;
  if (Date.parse(String(given["UpdatedAt"])) <= Date.parse(finding.UpdatedAt))
    throw new StaleFinding(finding.UpdatedAt);
  const fresh = created(given, provider, facts);
  const kept: Partial<Record<string, unknown>> = {};
  for (const name of customerFields) kept[name] = finding[name];
  for (const name of byCustomer) kept[name] = finding[name];
  const next = { ...fresh, CreatedAt: finding.CreatedAt, ...defined(kept) } as HubFinding;
  for (const name of [...customerFields, ...byCustomer]) if (finding[name] === undefined) delete next[name];
  next.Workflow = isBack(finding, next) ? { Status: "NEW" } : finding.Workflow;
  return { finding: next, byCustomer };
}

function created(given: Imported, provider: ProviderFields, facts: HubFacts): HubFinding {
  const shared = Object.fromEntries(
    sharedFields.flatMap((name) => {
      const value = given[name] ?? provider[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const workflow = given["Workflow"] as { Status?: string } | undefined;
  return {
    ...given,
    ...shared,
    Severity: completeSeverity((shared["Severity"] ?? {}) as HubFinding["Severity"]),
    FindingProviderFields: provider,
    Region: facts.region,
    ProductName: given["ProductName"] ?? facts.productName,
    CompanyName: given["CompanyName"] ?? facts.companyName,
    Workflow: { Status: workflow?.Status ?? "NEW" },
    WorkflowState: given["WorkflowState"] ?? "NEW",
    RecordState: given["RecordState"] ?? "ACTIVE",
    ProcessedAt: facts.processedAt,
  } as unknown as HubFinding;
}

/** "If FindingProviderFields is not provided, the values of the top-level members are taken." */
function providerFields(given: Imported): ProviderFields {
  const said = (given["FindingProviderFields"] ?? {}) as ProviderFields;
  const fields: Record<string, unknown> = { ...said };
  for (const name of sharedFields) fields[name] ??= given[name];
  const severity = fields["Severity"] as HubFinding["Severity"] | undefined;
  if (severity !== undefined) {
    const { Label, Original } = completeSeverity(severity);
    fields["Severity"] = Original === undefined ? { Label } : { Label, Original };
  }
  return defined(fields) as ProviderFields;
}

/** The problem that was dealt with is there again. */
function isBack(before: HubFinding, after: HubFinding): boolean {
  const { Status } = before.Workflow;
  if (Status !== "RESOLVED" && Status !== "NOTIFIED") return false;
  if (before.RecordState === "ARCHIVED" && after.RecordState === "ACTIVE") return true;
  const { Status: now } = after.Compliance ?? {};
  return before.Compliance?.Status === "PASSED" && now !== undefined && now !== "PASSED";
}

export function defined<T extends Record<string, unknown>>(record: T): Partial<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>;
}
