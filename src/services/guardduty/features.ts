/**
 * What a detector analyses. The foundational sources are always there as far as they exist; the others are switched on
 * one by one. A feature whose data source this installation does not have cannot be enabled, and is shown DISABLED.
 * Source: GuardDuty API Reference, DetectorFeatureConfiguration; User Guide, "Foundational data sources".
 */
import { invalidParameter, unavailable } from "./errors.ts";
import type { Input } from "./sdk.ts";

export interface Feature {
  name: FeatureName;
  enabled: boolean;
  updatedAt: number;
  additional?: { name: AdditionalName; enabled: boolean; updatedAt: number }[];
}

/** Data source of each feature: absent when it exists here, otherwise what it would need. */
const sources = {
  CLOUD_TRAIL: { foundational: true },
  DNS_LOGS: { foundational: true, needs: "DNS query logs" },
  FLOW_LOGS: { foundational: true, needs: "VPC flow logs" },
  S3_DATA_EVENTS: {},
  EKS_AUDIT_LOGS: { needs: "EKS audit logs" },
  EBS_MALWARE_PROTECTION: { needs: "EBS volumes and a malware scanner" },
  RDS_LOGIN_EVENTS: { needs: "RDS login activity" },
  EKS_RUNTIME_MONITORING: { needs: "the GuardDuty security agent" },
  LAMBDA_NETWORK_LOGS: { needs: "network logs of Lambda functions" },
  RUNTIME_MONITORING: { needs: "the GuardDuty security agent" },
  AI_PROTECTION: { needs: "Bedrock invocation logs" },
  AI_ANALYST: { needs: "a language model" },
} as const;

export type FeatureName = keyof typeof sources;

const known: Readonly<Record<FeatureName, { foundational?: true; needs?: string }>> = sources;

/** Parts of a feature that are switched on their own. */
export const additionalNames = {
  EKS_RUNTIME_MONITORING: ["EKS_ADDON_MANAGEMENT"],
  RUNTIME_MONITORING: ["EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"],
} as const;

export type AdditionalName = (typeof additionalNames)[keyof typeof additionalNames][number];

export type SentFeatures = Input<"CreateDetector">["Features"];
export type SentDataSources = Input<"CreateDetector">["DataSources"];

const featureNames = Object.keys(sources) as FeatureName[];

/**
 * "For an AWS account that enables GuardDuty for the first time, S3 Protection is already enabled." Source: User Guide,
 * "GuardDuty S3 Protection".
 */
export function defaultFeatures(now: number): Feature[] {
  return featureNames
    .filter((name) => !name.startsWith("AI_"))
    .map((name) => ({ name, enabled: known[name].needs === undefined, updatedAt: now, ...additionalOf(name, now) }));
}

function additionalOf(name: FeatureName, now: number): Pick<Feature, "additional"> {
  if (!Object.hasOwn(additionalNames, name)) return {};
  const names = additionalNames[name as keyof typeof additionalNames];
  return { additional: names.map((each) => ({ name: each, enabled: false, updatedAt: now })) };
}

/**
 * The features after a request. Those that it names come in its order behind the foundational ones, so that clients
 * which compare lists find theirs again.
 * @throws BadRequestException
 */
export function changedFeatures(
  before: readonly Feature[],
  sent: SentFeatures,
  dataSources: SentDataSources,
  now: number,
): Feature[] {
  if (sent !== undefined && dataSources !== undefined) throw invalidParameter("dataSources");
  const wanted = sent === undefined ? legacy(dataSources) : sent;
  if (wanted.length === 0) return [...before];
  const named = new Set<string>();
  const changed: Feature[] = [];
  for (const { Name, Status, AdditionalConfiguration } of wanted) {
    const name = Name as FeatureName;
    // CLOUD_TRAIL, DNS_LOGS and FLOW_LOGS cannot be named in a request.
    if (!Object.hasOwn(sources, name) || known[name].foundational === true || named.has(name))
      throw invalidParameter("features");
    named.add(name);
    const old = before.find((feature) => feature.name === name);
    changed.push(changedFeature(name, old, Status, AdditionalConfiguration, now));
  }
  if (named.has("RUNTIME_MONITORING") && named.has("EKS_RUNTIME_MONITORING")) throw invalidParameter("features");
  const rest = before.filter(({ name }) => !named.has(name));
  return [
    ...rest.filter(({ name }) => known[name].foundational === true),
    ...changed,
    ...rest.filter(({ name }) => known[name].foundational !== true),
  ];
}

type SentAdditional = NonNullable<SentFeatures>[number]["AdditionalConfiguration"];

function changedFeature(
  name: FeatureName,
  old: Feature | undefined,
  status: string | undefined,
  sent: SentAdditional,
  now: number,
): Feature {
  const enabled = status === undefined ? (old?.enabled ?? false) : status === "ENABLED";
  requireAvailable(name, enabled);
  const before = old?.additional ?? additionalOf(name, now).additional ?? [];
  for (const { Name, Status } of sent ?? []) {
    if (!before.some((each) => each.name === Name)) throw invalidParameter("features");
    requireAvailable(name, Status === "ENABLED");
  }
  const updatedAt = old?.enabled === enabled ? old.updatedAt : now;
  return { name, enabled, updatedAt, ...(before.length === 0 ? {} : { additional: before }) };
}

/** @throws BadRequestException: what is not analysed is not said to be */
export function requireAvailable(name: FeatureName, enabled: boolean): void {
  const needs = known[name].needs;
  if (enabled && needs !== undefined) throw unavailable(`the feature ${name}`, needs);
}

/** `DataSources` is how features were switched before there were `Features`. */
function legacy(dataSources: SentDataSources): NonNullable<SentFeatures> {
  const switches: [FeatureName, boolean | undefined][] = [
    ["S3_DATA_EVENTS", dataSources?.S3Logs?.Enable],
    ["EKS_AUDIT_LOGS", dataSources?.Kubernetes?.AuditLogs?.Enable],
    ["EBS_MALWARE_PROTECTION", dataSources?.MalwareProtection?.ScanEc2InstanceWithFindings?.EbsVolumes],
  ];
  return switches.flatMap(([name, on]) =>
    on === undefined
      ? []
      : [{ Name: name as "S3_DATA_EVENTS", Status: on ? ("ENABLED" as const) : ("DISABLED" as const) }],
  );
}

export const statusOf = (enabled: boolean | undefined) => (enabled ? ("ENABLED" as const) : ("DISABLED" as const));

export function isEnabled(features: readonly Feature[], name: FeatureName): boolean {
  return features.find((feature) => feature.name === name)?.enabled === true;
}

export function shownFeatures(features: readonly Feature[]) {
  return features.map(({ name, enabled, updatedAt, additional }) => ({
    Name: name,
    Status: statusOf(enabled),
    UpdatedAt: new Date(updatedAt),
    ...(additional === undefined
      ? {}
      : {
          AdditionalConfiguration: additional.map((each) => ({
            Name: each.name,
            Status: statusOf(each.enabled),
            UpdatedAt: new Date(each.updatedAt),
          })),
        }),
  }));
}

export function shownDataSources(features: readonly Feature[]) {
  const status = (name: FeatureName) => ({ Status: statusOf(isEnabled(features, name)) });
  return {
    CloudTrail: status("CLOUD_TRAIL"),
    DNSLogs: status("DNS_LOGS"),
    FlowLogs: status("FLOW_LOGS"),
    S3Logs: status("S3_DATA_EVENTS"),
    Kubernetes: { AuditLogs: status("EKS_AUDIT_LOGS") },
    MalwareProtection: { ScanEc2InstanceWithFindings: { EbsVolumes: status("EBS_MALWARE_PROTECTION") } },
  };
}
