/**
 * Cryptographic operations change nothing: CloudTrail records them as reads, without response elements, with the
 * id of the key material that was used. Source: KMS Developer Guide, "Examples of AWS KMS log entries".
 */
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import type { Sdk } from "./sdk.ts";
import { tracked } from "./usage.ts";

const cryptographic = [...tracked, "GenerateRandom"] as const;

interface Used {
  KeyMaterialId?: string | undefined;
}

function readOnly(_input: unknown, output: Used | undefined): AuditDetail {
  const keyMaterialId = output?.KeyMaterialId;
  return { readOnly: true, ...(keyMaterialId === undefined ? {} : { additionalEventData: { keyMaterialId } }) };
}

export const audit = Object.fromEntries(cryptographic.map((operation) => [operation, readOnly])) as NonNullable<
  ServiceDefinition<Sdk>["audit"]
>;
