/**
 * A call came from an address of a threat list of the customer's own.
 * Source: GuardDuty User Guide: Recon:IAMUser/MaliciousIPCaller.Custom ("an API operation that can list or describe"),
 * UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom, Discovery:S3/MaliciousIPCaller.Custom ("such as GetObjectAcl or
 * ListObjects"), UnauthorizedAccess:S3/MaliciousIPCaller.Custom.
 */
import { bucketOf, isByService, type CallRecord } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { findingType, severityOf } from "../findingTypes.ts";

/** S3 data events that tell of a bucket without taking its content out. */
const discovery = /^(List|Head|Get(Object)?(Acl|Attributes|LegalHold|Retention|Tagging))/;

function typeOf(record: CallRecord): string {
  if (record.eventCategory === "Data") {
    return discovery.test(record.eventName)
      ? "Discovery:S3/MaliciousIPCaller.Custom"
      : "UnauthorizedAccess:S3/MaliciousIPCaller.Custom";
  }
  return record.readOnly
    ? "Recon:IAMUser/MaliciousIPCaller.Custom"
    : "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom";
}

export const threatListed: Detector = (record, { s3DataEvents, threatListOf }) => {
  if (isByService(record)) return undefined;
  const data = record.eventCategory === "Data";
  if (data && (!s3DataEvents || record.eventSource !== "s3.amazonaws.com")) return undefined;
  const threatList = threatListOf(record.sourceIPAddress);
  if (threatList === undefined) return undefined;
  const type = typeOf(record);
  const bucket = data ? bucketOf(record) : undefined;
  return {
    type,
    severity: severityOf[findingType(type)!.band],
    title: `The API ${record.eventName} was invoked from an IP address on a custom threat list.`,
    description: `The API ${record.eventName} was invoked from an IP address ${record.sourceIPAddress} on the custom threat list ${threatList}.`,
    threatList,
    ...(bucket === undefined ? {} : { subject: bucket, bucket, affectedResources: { "AWS::S3::Bucket": bucket } }),
  };
};
