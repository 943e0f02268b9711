/**
 * One finding and its occurrences. Pure: what is stored and what happened go in, what is to be stored comes out.
 * Source: GuardDuty User Guide, "GuardDuty finding aggregation": the count rises, the newest occurrence's details
 * replace the older ones.
 */
import { isIPv4, isIPv6 } from "node:net";
import { partitionOf } from "#kernel/arn.ts";
import { callerOf, type CallRecord } from "#engines/guard/callRecord.ts";
import type { Detection } from "#engines/guard/detection.ts";
import { findingId } from "#engines/guard/findingId.ts";
import type { Finding, S3BucketDetail } from "./sdk.ts";
import { detectorArn, type Detector, type StoredFinding } from "./state.ts";

export interface Occurrence {
  record: CallRecord;
  detection: Detection;
  /** Read when the event was looked at. */
  bucket?: S3BucketDetail;
}

export function idOf(detector: Detector, { record, detection }: Occurrence): string {
  return findingId(detector.id, detection.type, callerOf(record).identity, detection.subject ?? "");
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
const eventTime = (record: CallRecord): string => iso(Date.parse(record.eventTime));

/** The finding with one more occurrence. @param now epoch milliseconds */
export function withOccurrence(
  detector: Detector,
  before: StoredFinding | undefined,
  occurrence: Occurrence,
  now: number,
): StoredFinding {
  const time = eventTime(occurrence.record);
  if (before === undefined) return { finding: newFinding(detector, occurrence, now) };
  const { finding } = before;
  const service = finding.Service!;
  const newest = time >= service.EventLastSeen!;
  // Events may come out of order: an older one counts, and changes no detail.
  const details = newest ? newFinding(detector, occurrence, now) : finding;
  return {
    ...before,
    finding: {
      ...details,
      CreatedAt: finding.CreatedAt,
      UpdatedAt: iso(now),
      Severity: Math.max(details.Severity!, finding.Severity!),
      Resource: { ...finding.Resource, ...details.Resource },
      Service: {
        ...details.Service,
        Archived: service.Archived,
        Count: service.Count! + 1,
        EventFirstSeen: time < service.EventFirstSeen! ? time : service.EventFirstSeen,
        EventLastSeen: newest ? time : service.EventLastSeen,
        ...(service.UserFeedback === undefined ? {} : { UserFeedback: service.UserFeedback }),
      },
    },
  };
}

function newFinding(detector: Detector, occurrence: Occurrence, now: number): Finding {
  const { record, detection } = occurrence;
  const id = idOf(detector, occurrence);
  const time = eventTime(record);
  const { accessKeyId, principalId, userName, userType } = callerOf(record);
  const data = record.eventCategory === "Data";
  const info = detection.threatList === undefined ? {} : { threatListName: detection.threatList };
  return {
    SchemaVersion: "2.0",
    AccountId: detector.account,
    Region: detector.region,
    Partition: partitionOf(detector.region),
    Id: id,
    Arn: `${detectorArn(detector)}/finding/${id}`,
    Type: detection.type,
    Severity: detection.severity,
    Title: detection.title,
    Description: detection.description,
    CreatedAt: iso(now),
    UpdatedAt: iso(now),
    Resource: {
      // "S3Bucket if the data source is CloudTrail data events for S3, or AccessKey if it is CloudTrail management events."
      ResourceType: data && detection.bucket !== undefined ? "S3Bucket" : "AccessKey",
      AccessKeyDetails: {
        ...(accessKeyId === undefined ? {} : { AccessKeyId: accessKeyId }),
        ...(principalId === undefined ? {} : { PrincipalId: principalId }),
        UserType: userType,
        UserName: userName,
      },
      ...(occurrence.bucket === undefined ? {} : { S3BucketDetails: [occurrence.bucket] }),
    },
    Service: {
      ServiceName: "guardduty",
      DetectorId: detector.id,
      Action: { ActionType: "AWS_API_CALL", AwsApiCallAction: apiCall(record, detection) },
      ResourceRole: "TARGET",
      AdditionalInfo: { Value: JSON.stringify(info), Type: "default" },
      ...(detection.threatList === undefined
        ? {}
        : { Evidence: { ThreatIntelligenceDetails: [{ ThreatListName: detection.threatList, ThreatNames: [] }] } }),
      EventFirstSeen: time,
      EventLastSeen: time,
      Archived: false,
      Count: 1,
      FeatureName: data ? "S3DataEvents" : "CloudTrail",
    },
  };
}

function apiCall(record: CallRecord, detection: Detection) {
  const source = record.sourceIPAddress;
  const remote = isIPv4(source)
    ? { CallerType: "Remote IP", RemoteIpDetails: { IpAddressV4: source } }
    : isIPv6(source)
      ? { CallerType: "Remote IP", RemoteIpDetails: { IpAddressV6: source } }
      : { CallerType: "Domain", DomainDetails: { Domain: source } };
  return {
    Api: record.eventName,
    ServiceName: record.eventSource,
    ...remote,
    ...(record.errorCode === undefined ? {} : { ErrorCode: record.errorCode }),
    UserAgent: record.userAgent,
    AffectedResources: { ...detection.affectedResources },
  };
}
