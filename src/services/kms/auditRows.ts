/**
 * Cryptographic operations change nothing: CloudTrail records them as reads, without response elements, with the
 * id of the key material that was used. Source: KMS Developer Guide, "Examples of AWS KMS log entries".
 */
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import type { In, Sdk } from "./sdk.ts";
import { tracked } from "./usage.ts";

const cryptographic = [...tracked, "GenerateRandom"] as const;

interface Used {
  KeyMaterialId?: string | undefined;
}

function readOnly(_input: unknown, output: Used | undefined): AuditDetail {
  const keyMaterialId = output?.KeyMaterialId;
  return { readOnly: true, ...(keyMaterialId === undefined ? {} : { additionalEventData: { keyMaterialId } }) };
}

/** Sources: KMS Developer Guide, the log entries of CreateCustomKeyStore and UpdateCustomKeyStore on a CloudHSM key store. */
function inCluster(input: In<"CreateCustomKeyStore"> | In<"UpdateCustomKeyStore">): AuditDetail {
  if (input.CloudHsmClusterId === undefined) return {};
  const { CloudHsmClusterId: clusterId } = input;
  const named = {
    ...("CustomKeyStoreId" in input ? { customKeyStoreId: input.CustomKeyStoreId } : {}),
    ...("CustomKeyStoreName" in input ? { customKeyStoreName: input.CustomKeyStoreName } : {}),
    ...("NewCustomKeyStoreName" in input ? { newCustomKeyStoreName: input.NewCustomKeyStoreName } : {}),
  };
  return { requestParameters: { ...named, clusterId } };
}

export const audit: NonNullable<ServiceDefinition<Sdk>["audit"]> = {
  ...Object.fromEntries(cryptographic.map((operation) => [operation, readOnly])),
  CreateCustomKeyStore: inCluster,
  UpdateCustomKeyStore: inCluster,
};
