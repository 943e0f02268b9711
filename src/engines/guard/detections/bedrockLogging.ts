/**
 * The record of what models are asked was switched off.
 * Source: GuardDuty User Guide, DefenseEvasion:IAMUser/BedrockLoggingDisabled; Bedrock API Reference,
 * DeleteModelInvocationLoggingConfiguration.
 */
import { callerOf, isByService } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

export const bedrockLoggingDisabled: Detector = (record) => {
  if (record.eventSource !== "bedrock.amazonaws.com" || record.errorCode !== undefined || isByService(record)) {
    return undefined;
  }
  if (record.eventName !== "DeleteModelInvocationLoggingConfiguration") return undefined;
  return {
    type: "DefenseEvasion:IAMUser/BedrockLoggingDisabled",
    severity: severityOf.Medium,
    title: "Logging of Amazon Bedrock model invocations was disabled.",
    description:
      `Logging of Amazon Bedrock model invocations was disabled by ${callerOf(record).userName} calling ${record.eventName}. ` +
      "This can be an attempt to hide what models are used for.",
  };
};
