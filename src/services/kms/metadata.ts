import type { Out } from "./sdk.ts";
import { keySpecs } from "./specs.ts";
import { currentVersion, type KeyDocument } from "./state.ts";

/** KeyMetadata of DescribeKey and CreateKey. */
export function metadataOf(key: KeyDocument): NonNullable<Out<"DescribeKey">["KeyMetadata"]> {
  const spec = keySpecs.get(key.spec)!;
  return {
    AWSAccountId: key.account,
    KeyId: key.keyId,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: key.state === "Enabled",
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: key.state === "Deleting" ? "PendingDeletion" : key.state,
    ...(key.deletionDate === undefined ? {} : { DeletionDate: new Date(key.deletionDate) }),
    Origin: "AWS_KMS",
    KeyManager: key.manager,
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    ...(spec.encryptionAlgorithms ? { EncryptionAlgorithms: [...spec.encryptionAlgorithms] } : {}),
    ...(spec.macAlgorithm ? { MacAlgorithms: [spec.macAlgorithm] } : {}),
    MultiRegion: false,
    ...(key.spec === "SYMMETRIC_DEFAULT" ? { CurrentKeyMaterialId: currentVersion(key).materialId } : {}),
  };
}
