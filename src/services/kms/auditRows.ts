/**
 * Cryptographic operations change nothing: CloudTrail records them as reads, without response elements, with the
 * id of the key material that was used. Source: KMS Developer Guide, "Examples of AWS KMS log entries".
 */
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import type { CallContext } from "#gateway/context.ts";
import { affectedKey } from "./access.ts";
import type { In, Out, Sdk } from "./sdk.ts";
import { tracked } from "./usage.ts";

const cryptographic = [...tracked, "GenerateRandom"] as const;

interface Used {
  KeyMaterialId?: string | undefined;
}

function readOnly(_input: unknown, output: Used | undefined): AuditDetail {
  const keyMaterialId = output?.KeyMaterialId;
  return { readOnly: true, ...(keyMaterialId === undefined ? {} : { additionalEventData: { keyMaterialId } }) };
}

/**
 * These answer nothing about the key, and their records still name it. Source: KMS Developer Guide, their log entries:
 * "… include the key ARN of the affected KMS key in the responseElements.keyId value, even though this operation does
 * not return the key ARN".
 */
const changes = [
  "CreateAlias",
  "UpdateAlias",
  "DeleteAlias",
  "EnableKey",
  "DisableKey",
  "EnableKeyRotation",
  "DisableKeyRotation",
  "PutKeyPolicy",
  "RevokeGrant",
  "TagResource",
  "UntagResource",
  "UpdateKeyDescription",
  "UpdatePrimaryRegion",
] as const;

function keyChanged(_input: unknown, _output: unknown, ctx: CallContext): AuditDetail {
  const keyId = affectedKey(ctx);
  return keyId === undefined ? {} : { responseElements: { keyId } };
}

/** Without the token: it is the grant to whoever has it. Source: KMS Developer Guide, the log entry of CreateGrant. */
function granted(_input: unknown, output: Out<"CreateGrant"> | undefined, ctx: CallContext): AuditDetail {
  if (!output) return {};
  return { responseElements: { grantId: output.GrantId, keyId: affectedKey(ctx) } };
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
  ...Object.fromEntries(changes.map((operation) => [operation, keyChanged])),
  CreateGrant: granted,
  /** The grant is named by the handler. Source: KMS Developer Guide, the log entry of RetireGrant. */
  RetireGrant: () => ({ requestParameters: null }),
  CreateCustomKeyStore: inCluster,
  UpdateCustomKeyStore: inCluster,
};
