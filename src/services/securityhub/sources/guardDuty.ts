/**
 * GuardDuty's findings in the AWS Security Finding Format. Source: GuardDuty User Guide, "Integrating AWS Security Hub
 * with Amazon GuardDuty" (ASFF types of finding types; a typical finding), and findings of AWS accounts that are public.
 */
import { partitionOf } from "#kernel/arn.ts";
import { isObject } from "#engines/asff/filterFields.ts";
import type { Imported } from "#engines/asff/importing.ts";
import type { SeverityLabel } from "#engines/asff/severity.ts";
import { productArn } from "../products.ts";
import { asffTypes } from "./asffTypes.ts";

/** As it is in the event: members begin with a small letter. */
export interface GuardDutyJson {
  arn: string;
  id: string;
  accountId: string;
  region: string;
  type: string;
  severity: number;
  title: string;
  description: string;
  createdAt: string;
  updatedAt: string;
  resource: Json;
  service: Json;
}
type Json = Record<string, unknown>;

export const guardDutyPath = "aws/guardduty";

export function asffOfGuardDuty(finding: GuardDutyJson): Imported {
  const { region, service } = finding;
  const action = (service["action"] ?? {}) as Json;
  const product = productArn(region, guardDutyPath);
  return {
    SchemaVersion: "2018-10-08",
    Id: finding.arn,
    ProductArn: product,
    GeneratorId: finding.arn.split("/finding/")[0],
    AwsAccountId: finding.accountId,
    Types: asffTypes(finding.type),
    FirstObservedAt: service["eventFirstSeen"],
    LastObservedAt: service["eventLastSeen"],
    CreatedAt: finding.createdAt,
    UpdatedAt: finding.updatedAt,
    Severity: severityOf(finding.severity),
    Title: finding.title.slice(0, 256),
    Description: finding.description.slice(0, 1024),
    ProductFields: {
      ...flattened("aws/guardduty/service", service),
      "aws/securityhub/FindingId": `${product}/${finding.arn}`,
      "aws/securityhub/ProductName": "GuardDuty",
      "aws/securityhub/CompanyName": "Amazon",
    },
    Resources: resourcesOf(finding),
    RecordState: service["archived"] === true ? "ARCHIVED" : "ACTIVE",
    ...actionOf(action),
    // Absent where it is none, as GuardDuty marks its samples only.
    Sample: (service["additionalInfo"] as Json | undefined)?.["sample"] === true,
  };
}

/** GuardDuty's bands, with the number that belongs to each. */
function severityOf(severity: number): { Product: number; Label: SeverityLabel; Normalized: number } {
  if (severity >= 9) return { Product: severity, Label: "CRITICAL", Normalized: 90 };
  if (severity >= 7) return { Product: severity, Label: "HIGH", Normalized: 80 };
  if (severity >= 4) return { Product: severity, Label: "MEDIUM", Normalized: 60 };
  return { Product: severity, Label: "LOW", Normalized: 40 };
}

/** `aws/guardduty/service/action/actionType` …; elements of lists as `name.0_`; what is empty as the empty text. */
function flattened(prefix: string, value: unknown): Record<string, string> {
  if (Array.isArray(value)) {
    if (value.length === 0) return { [prefix]: "[]" };
    return Object.assign({}, ...value.map((each, index) => flattened(`${prefix}.${index}_`, each))) as Record<
      string,
      string
    >;
  }
  if (!isObject(value)) return value === undefined || value === null ? {} : { [prefix]: String(value).slice(0, 2048) };
  const entries = Object.entries(value);
  if (entries.length === 0) return { [prefix]: "" };
  return Object.assign({}, ...entries.map(([name, each]) => flattened(`${prefix}/${name}`, each))) as Record<
    string,
    string
  >;
}

function resourcesOf({ resource, region, accountId }: GuardDutyJson): object[] {
  const place = { Partition: partitionOf(region), Region: region };
  const buckets = (resource["s3BucketDetails"] ?? []) as Json[];
  const key = resource["accessKeyDetails"] as Json | undefined;
  return [
    ...buckets.map((bucket) => ({
      Type: "AwsS3Bucket",
      Id: bucket["arn"],
      ...place,
      ...tagsOf(bucket["tags"]),
      Details: {
        AwsS3Bucket: {
          ...text("OwnerId", (bucket["owner"] as Json | undefined)?.["id"]),
          ...text("CreatedAt", timeOf(bucket["createdAt"])),
          ...text("Name", bucket["name"]),
        },
      },
    })),
    ...(key === undefined
      ? []
      : [
          {
            Type: "AwsIamAccessKey",
            Id: `AWS::IAM::AccessKey:${String(key["accessKeyId"] ?? "")}`,
            ...place,
            Details: {
              AwsIamAccessKey: {
                ...text("PrincipalId", key["principalId"]),
                ...text("PrincipalType", key["userType"]),
                ...text("PrincipalName", key["userName"]),
              },
            },
          },
        ]),
    ...(buckets.length === 0 && key === undefined
      ? [{ Type: "AwsAccount", Id: `AWS::::Account:${accountId}`, ...place }]
      : []),
  ];
}

const text = (name: string, value: unknown): Record<string, string> =>
  value === undefined || value === null || value === "" ? {} : { [name]: String(value) };

/** Seconds in events, text elsewhere. */
const timeOf = (value: unknown): string | undefined =>
  typeof value === "number" ? new Date(value * 1000).toISOString() : (value as string | undefined);

function tagsOf(tags: unknown): { Tags?: Record<string, string> } {
  if (!Array.isArray(tags) || tags.length === 0) return {};
  return { Tags: Object.fromEntries((tags as Json[]).map(({ key, value }) => [String(key), String(value ?? "")])) };
}

function actionOf(action: Json): { Action?: object } {
  const call = action["awsApiCallAction"] as Json | undefined;
  if (action["actionType"] !== "AWS_API_CALL" || !call) return {};
  const remote = call["remoteIpDetails"] as Json | undefined;
  const domain = (call["domainDetails"] as Json | undefined)?.["domain"];
  return {
    Action: {
      ActionType: "AWS_API_CALL",
      AwsApiCallAction: {
        ...text("Api", call["api"]),
        ...text("ServiceName", call["serviceName"]),
        ...(call["callerType"] === "Remote IP" ? { CallerType: "remoteIp" } : text("CallerType", call["callerType"])),
        ...(remote?.["ipAddressV4"] === undefined ? {} : { RemoteIpDetails: { IpAddressV4: remote["ipAddressV4"] } }),
        ...(domain === undefined ? {} : { DomainDetails: { Domain: domain } }),
      },
    },
  };
}
