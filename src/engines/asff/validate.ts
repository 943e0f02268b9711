/**
 * What a finding that is imported has to look like, beyond its model.
 * Source: Security Hub User Guide, "Required top-level ASFF attributes" and "Optional top-level ASFF attributes";
 * "Types taxonomy for ASFF".
 */
import { faultOfLimits } from "./limits.ts";
import { severityLabels } from "./severity.ts";

type Given = Readonly<Record<string, unknown>>;

/** "The maximum allowed size for a finding is 240 Kb." Source: API Reference, BatchImportFindings. */
const mostBytes = 240 * 1024;

/** Members without which there is no finding, beyond what the model requires: they must say something. */
const required = ["Id", "GeneratorId", "Title", "Description", "ProductArn"];

const namespaces = new Set([
  "Software and Configuration Checks",
  "TTPs",
  "Effects",
  "Unusual Behaviors",
  "Sensitive Data Identifications",
]);

const timestamps = ["CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt"];
const timestamp = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d(:?\d\d)?)$/;
const scores = ["Confidence", "Criticality"];

/** Why a finding cannot be imported; `undefined` when nothing is against it. */
export function faultOf(finding: Given): string | undefined {
  if (Buffer.byteLength(JSON.stringify(finding)) > mostBytes) return "The finding is larger than 240 KB.";
  if (finding["SchemaVersion"] !== "2018-10-08") return "Invalid parameter 'SchemaVersion': must be 2018-10-08";
  if (!/^\d{12}$/.test(String(finding["AwsAccountId"]))) return "Invalid parameter 'AwsAccountId'";
  const silent = required.find((name) => !/\S/.test(String(finding[name])));
  if (silent !== undefined) return `Invalid parameter '${silent}': must not be empty`;
  for (const name of timestamps) {
    const value = finding[name];
    if (value === undefined) continue;
    if (!timestamp.test(String(value)) || Number.isNaN(Date.parse(String(value)))) {
      return `Invalid parameter '${name}': ${JSON.stringify(value)} is no timestamp of RFC 3339`;
    }
  }
  const resources = finding["Resources"] as unknown[];
  if (resources.length < 1 || resources.length > 32) return "Invalid parameter 'Resources': 1 to 32 resources";
  if (!hasSeverity(finding) && !hasSeverity((finding["FindingProviderFields"] ?? {}) as Given)) {
    return "Invalid parameter 'Severity': Label or Normalized is needed";
  }
  return (
    faultOfShared(finding, "") ??
    faultOfShared((finding["FindingProviderFields"] ?? {}) as Given, "FindingProviderFields.")
  );
}

function hasSeverity(given: Given): boolean {
  const severity = given["Severity"] as Given | undefined;
  return severity?.["Label"] !== undefined || severity?.["Normalized"] !== undefined;
}

/** Of what providers and customers both set; also of updates and the actions of rules. */
export function faultOfShared(given: Given, prefix: string): string | undefined {
  for (const name of scores) {
    const value = given[name];
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 100)) {
      return `Invalid parameter '${prefix}${name}': 0 to 100`;
    }
  }
  const limits = faultOfLimits(given, prefix);
  if (limits !== undefined) return limits;
  const types = given["Types"] as string[] | undefined;
  if (types !== undefined) {
    const wrong = types.find((type) => !isType(type));
    if (wrong !== undefined)
      return `Invalid parameter '${prefix}Types': ${JSON.stringify(wrong)} is not namespace/category/classifier`;
  }
  return faultOfSeverity(given["Severity"] as Given | undefined, prefix);
}

function faultOfSeverity(severity: Given | undefined, prefix: string): string | undefined {
  if (severity === undefined) return undefined;
  const { Label, Normalized } = severity;
  if (Label !== undefined && !severityLabels.includes(Label as never))
    return `Invalid parameter '${prefix}Severity.Label'`;
  if (Normalized === undefined) return undefined;
  const fits = Number.isInteger(Normalized) && (Normalized as number) >= 0 && (Normalized as number) <= 100;
  return fits ? undefined : `Invalid parameter '${prefix}Severity.Normalized': 0 to 100`;
}

function isType(type: string): boolean {
  const parts = type.split("/");
  return (
    parts.length >= 1 && parts.length <= 3 && namespaces.has(parts[0]!) && parts.every((part) => part.trim() !== "")
  );
}
