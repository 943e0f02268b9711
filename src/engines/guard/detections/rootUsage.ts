/**
 * The root user made a call, or signed in; who tried and failed has not used the root user's credentials. "This finding may be generated in response to attempts to run S3 data plane operations"
 * where S3 Protection is on; refused calls count. Sessions of AssumeRoot have a type of their own.
 * Source: GuardDuty User Guide, "GuardDuty IAM finding types", Policy:IAMUser/RootCredentialUsage,
 * Policy:IAMUser/ShortTermRootCredentialUsage; texts as AWS generates them.
 */
import { isByService, nested } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

export const rootUsage: Detector = (record, { s3DataEvents }) => {
  if (record.userIdentity["type"] !== "Root" || isByService(record)) return undefined;
  if (record.eventCategory === "Data" && !s3DataEvents) return undefined;
  if (nested(record.responseElements, "ConsoleLogin") === "Failure") return undefined;
  const restricted = nested(record.userIdentity, "sessionContext.assumedRoot") === "true";
  const credentials = restricted ? "restricted root credentials" : "root credentials";
  return {
    type: restricted ? "Policy:IAMUser/ShortTermRootCredentialUsage" : "Policy:IAMUser/RootCredentialUsage",
    severity: severityOf.Low,
    title: `The API ${record.eventName} was invoked using ${credentials}.`,
    description: `The API ${record.eventName} was invoked using ${credentials} from IP address ${record.sourceIPAddress}.`,
  };
};
