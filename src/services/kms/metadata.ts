import { isHsmStore, type KeyStoreDocument } from "./keyStores/state.ts";
import type { Out } from "./sdk.ts";
import { algorithmsOf } from "./specs.ts";
import { arnIn, type KeyDocument, type MultiRegion, newestVersion } from "./state.ts";

/**
 * KeyMetadata of DescribeKey and CreateKey.
 * @param store of a key in a custom key store. While it is not connected the key is Unavailable, unless it is pending
 * deletion (KMS Developer Guide, "Key states", note 13)
 */
export function metadataOf(key: KeyDocument, store?: KeyStoreDocument): NonNullable<Out<"DescribeKey">["KeyMetadata"]> {
  const available = store === undefined || store.connection.state === "CONNECTED";
  const current = newestVersion(key);
  const state = key.state === "Deleting" ? "PendingDeletion" : key.state;
  const shown = available || state === "PendingDeletion" ? state : "Unavailable";
  return {
    AWSAccountId: key.account,
    KeyId: key.keyId,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: shown === "Enabled",
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: shown,
    ...(key.deletionDate === undefined ? {} : { DeletionDate: new Date(key.deletionDate) }),
    ...(key.pendingWindowDays === undefined ? {} : { PendingDeletionWindowInDays: key.pendingWindowDays }),
    Origin: key.origin ?? "AWS_KMS",
    ...(key.origin === "EXTERNAL" && current?.wrapped !== undefined ? expirationOf(current) : {}),
    KeyManager: key.manager,
    CustomerMasterKeySpec: legacySpec(key.spec),
    KeySpec: key.spec,
    ...algorithmsOf(key),
    MultiRegion: key.multiRegion !== undefined,
    ...(key.multiRegion ? { MultiRegionConfiguration: configurationOf(key, key.multiRegion) } : {}),
    ...(key.external
      ? { CustomKeyStoreId: key.external.storeId, XksKeyConfiguration: { Id: key.external.keyId } }
      : {}),
    ...(store && isHsmStore(store) ? { CustomKeyStoreId: store.id, CloudHsmClusterId: store.clusterId } : {}),
    ...(key.spec === "SYMMETRIC_DEFAULT" && current && !key.external && !key.hsm
      ? { CurrentKeyMaterialId: current.materialId }
      : {}),
  };
}

/** CustomerMasterKeySpec is deprecated and was not given the newer values; as text it carries them. */
export function legacySpec(spec: KeyDocument["spec"]): NonNullable<Out<"GetPublicKey">["CustomerMasterKeySpec"]> {
  return spec as NonNullable<Out<"GetPublicKey">["CustomerMasterKeySpec"]>;
}

export function expirationOf({ expiresAt }: { expiresAt?: number }) {
  return expiresAt === undefined
    ? { ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" as const }
    : { ExpirationModel: "KEY_MATERIAL_EXPIRES" as const, ValidTo: new Date(expiresAt) };
}

function configurationOf(key: KeyDocument, { type, primaryRegion, replicaRegions }: MultiRegion) {
  const relative = (Region: string) => ({ Arn: arnIn(key, Region), Region });
  return {
    MultiRegionKeyType: type,
    PrimaryKey: relative(primaryRegion),
    ReplicaKeys: replicaRegions.map(relative),
  };
}
