/**
 * What each operation on a key accepts, one row each. Sources: KMS API Reference, the "Cross-account use" and KeyId
 * paragraphs of each operation; KMS Developer Guide, "Key states of AWS KMS keys", table.
 */
import { disabled, invalidState } from "./errors.ts";
import type { KeyDocument } from "./state.ts";

interface KeyRule {
  /** The key may be named by an alias too. */
  aliases?: true;
  /** The key may be in another account. */
  crossAccount?: true;
  /** Works on a disabled key. */
  disabled?: true;
  /** Works on a key that waits for its material to be imported. */
  importing?: true;
  /** Works on a key that waits for its deletion. */
  pending?: true;
  /** A grant may allow it; the name in the grant's list, which is also the action's. */
  grantable?: true;
  /** Takes an encryption context, so constraints of grants apply to it. */
  encryptionContext?: true;
}

const cryptographic: KeyRule = { aliases: true, crossAccount: true, grantable: true, encryptionContext: true };
const macs: KeyRule = { aliases: true, crossAccount: true, grantable: true };
/** On key pairs and without an encryption context. */
const onPairs = macs;
const metadata: KeyRule = { disabled: true, importing: true, pending: true };
const change: KeyRule = { disabled: true, importing: true };

/** By IAM action without "kms:"; ReEncrypt has two. */
export const keyRules = {
  CancelKeyDeletion: metadata,
  CreateAlias: change,
  CreateGrant: { crossAccount: true, grantable: true },
  Decapsulate: onPairs,
  Decrypt: cryptographic,
  DeleteAlias: metadata,
  DeleteImportedKeyMaterial: metadata,
  DeriveSharedSecret: onPairs,
  DescribeKey: { ...metadata, aliases: true, crossAccount: true, grantable: true },
  DisableKey: { disabled: true },
  DisableKeyRotation: {},
  EnableKey: { disabled: true },
  EnableKeyRotation: {},
  Encapsulate: onPairs,
  Encrypt: cryptographic,
  GenerateDataKey: cryptographic,
  GenerateDataKeyPair: cryptographic,
  GenerateDataKeyPairWithoutPlaintext: cryptographic,
  GenerateDataKeyWithoutPlaintext: cryptographic,
  GenerateMac: macs,
  GetKeyLastUsage: metadata,
  GetKeyPolicy: metadata,
  GetKeyRotationStatus: { ...metadata, crossAccount: true },
  GetParametersForImport: change,
  GetPublicKey: onPairs,
  ImportKeyMaterial: change,
  ListAliases: metadata,
  ListGrants: { ...metadata, crossAccount: true },
  ListKeyPolicies: metadata,
  ListKeyRotations: metadata,
  ListResourceTags: metadata,
  PutKeyPolicy: metadata,
  ReEncryptFrom: cryptographic,
  ReEncryptTo: cryptographic,
  ReplicateKey: {},
  RetireGrant: { ...metadata, crossAccount: true, grantable: true },
  RevokeGrant: { ...metadata, crossAccount: true },
  RotateKeyOnDemand: {},
  ScheduleKeyDeletion: change,
  Sign: onPairs,
  TagResource: change,
  UntagResource: change,
  UpdateAlias: change,
  UpdateKeyDescription: change,
  UpdatePrimaryRegion: {},
  Verify: onPairs,
  VerifyMac: macs,
} as const satisfies Record<string, KeyRule>;

export type KeyAction = keyof typeof keyRules;

export function ruleOf(action: KeyAction): KeyRule {
  return keyRules[action];
}

/** @throws DisabledException, KMSInvalidStateException */
export function requireState(key: KeyDocument, action: KeyAction): void {
  if (key.state === "Enabled") return;
  const rule = ruleOf(action);
  if (key.state === "Disabled") {
    if (!rule.disabled) throw disabled(key.arn);
  } else if (key.state === "PendingImport") {
    if (!rule.importing) throw invalidState(`${key.arn} is pending import.`);
  } else if (!rule.pending) {
    const what = key.state === "PendingReplicaDeletion" ? "replica deletion" : "deletion";
    throw invalidState(`${key.arn} is pending ${what}.`);
  }
}
