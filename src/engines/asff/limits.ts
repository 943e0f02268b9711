/**
 * How long the members of a finding may be, and how many. One row each; members on the way through a list stand for each of
 * its elements. Source: Security Hub API Reference, AwsSecurityFinding and the types of its members ("Length Constraints",
 * "Array Members").
 */
import { valuesAt } from "./filterFields.ts";

type Given = Readonly<Record<string, unknown>>;

/** Characters: at least one that is no space, at most so many. */
const texts: Readonly<Record<string, number>> = {
  AwsAccountName: 50,
  CompanyName: 128,
  Description: 1024,
  GeneratorId: 512,
  Id: 512,
  "Malware.Name": 64,
  "Malware.Path": 512,
  "Network.DestinationDomain": 128,
  "Network.Protocol": 16,
  "Network.SourceDomain": 128,
  "Note.Text": 512,
  "Process.Name": 64,
  "Process.Path": 512,
  ProductArn: 2048,
  ProductName: 128,
  "Remediation.Recommendation.Text": 512,
  "Resources.Region": 16,
  "Resources.Type": 256,
  "Severity.Original": 64,
  "ThreatIntelIndicators.Source": 64,
  "ThreatIntelIndicators.Value": 512,
  Title: 256,
};

const lists: Readonly<Record<string, number>> = {
  "Compliance.RelatedRequirements": 32,
  "GeneratorDetails.Labels": 10,
  Malware: 5,
  RelatedFindings: 10,
  ThreatIntelIndicators: 5,
  Threats: 32,
  Types: 50,
};

/** Pairs, characters of a key, characters of a value. */
const maps: Readonly<Record<string, readonly [pairs: number, key: number, value: number]>> = {
  ProductFields: [50, 128, 2048],
  UserDefinedFields: [50, 128, 1024],
};

/** Of a finding, of its provider's fields, of an update; what is absent is within every limit. */
export function faultOfLimits(given: Given, prefix: string): string | undefined {
  for (const [path, most] of Object.entries(texts)) {
    for (const value of valuesAt(given, path.split("."))) {
      if (typeof value === "string" && (!/\S/.test(value) || value.length > most)) {
        return `Invalid parameter '${prefix}${path}': 1 to ${most} characters`;
      }
    }
  }
  for (const [path, most] of Object.entries(lists)) {
    if (valuesAt(given, path.split(".")).length > most) return `Invalid parameter '${prefix}${path}': at most ${most}`;
  }
  for (const [path, [pairs, key, value]] of Object.entries(maps)) {
    const entries = Object.entries((given[path] ?? {}) as Record<string, unknown>);
    if (entries.length > pairs) return `Invalid parameter '${prefix}${path}': at most ${pairs} pairs`;
    const long = entries.find(([name, text]) => name.length > key || String(text).length > value);
    if (long) return `Invalid parameter '${prefix}${path}': keys of ${key} and values of ${value} characters at most`;
  }
  return undefined;
}
