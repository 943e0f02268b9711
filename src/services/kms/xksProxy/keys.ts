/**
 * External keys of a proxy: each stands for a symmetric KMS key of this installation, whose material seals what the
 * other KMS sends, in the key holder.
 *
 *     ciphertextMetadata = 1, version of the material (2), nonce of the blob's key (16)
 *
 * INVARIANT: what a proxy seals no KMS operation opens, and the other way round: the additional data begins otherwise.
 * INVARIANT: the mark and the version are authenticated as additional data, the nonce by the key that it derives.
 */
import { frameAad } from "#keys/blob.ts";
import { DecryptError, KeyDestroyed, KeyHolderUnavailable, type KeyHolder, Sealed } from "#keys/contract.ts";
import type { ExternalCiphertext } from "#keys/stores/xksApi.ts";
import { isVisible } from "../identify.ts";
import { currentVersion, type KeyDocument, type MaterialVersion, tokenOf } from "../state.ts";
import { ProxyError } from "./failure.ts";
import type { ExternalKeyUse } from "./state.ts";

const mark = 1;
const fixedBytes = 3;
const nonceBytes = 16;
const ivBytes = 12;
const tagBytes = 16;

/** Whether an external key may stand for it. */
export function isSuitable(key: KeyDocument): boolean {
  return (
    key.spec === "SYMMETRIC_DEFAULT" &&
    key.external === undefined &&
    key.hsm === undefined &&
    key.manager === "CUSTOMER"
  );
}

/** @throws ProxyError KeyNotFoundException */
export function requirePresent(key: KeyDocument | undefined, now: number): KeyDocument {
  if (!key || !isVisible(key, now)) throw new ProxyError("KeyNotFoundException", "The external key is not there.");
  return key;
}

/** @throws ProxyError InvalidStateException, InvalidKeyUsageException */
export function requireUsable(
  key: KeyDocument,
  allowed: readonly ExternalKeyUse[],
  uses: readonly ExternalKeyUse[],
): void {
  if (uses.some((use) => !allowed.includes(use))) {
    throw new ProxyError("InvalidKeyUsageException", "The external key does not support the operation.");
  }
  if (key.state !== "Enabled") throw new ProxyError("InvalidStateException", "The external key is not enabled.");
}

export async function seal(
  keys: KeyHolder,
  key: KeyDocument,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Promise<ExternalCiphertext> {
  const version = currentVersion(key);
  const fixed = Buffer.of(mark, version.version >> 8, version.version & 0xff);
  const sealed = await holding(keys.encrypt(tokenOf(key, version), plaintext, additionalData(key, aad, fixed)));
  const ivAt = nonceBytes;
  const bodyAt = nonceBytes + ivBytes;
  return {
    metadata: Buffer.concat([fixed, sealed.subarray(0, ivAt)]),
    iv: sealed.subarray(ivAt, bodyAt),
    ciphertext: sealed.subarray(bodyAt, sealed.length - tagBytes),
    tag: sealed.subarray(sealed.length - tagBytes),
  };
}

/** @throws ProxyError InvalidCiphertextException */
export async function open(
  keys: KeyHolder,
  key: KeyDocument,
  { metadata, iv, ciphertext, tag }: ExternalCiphertext,
  aad: Uint8Array,
): Promise<Uint8Array> {
  const version = versionOf(key, metadata);
  if (!version || iv.length !== ivBytes) throw invalidCiphertext();
  const fixed = metadata.subarray(0, fixedBytes);
  const sealed = Buffer.concat([metadata.subarray(fixedBytes), iv, ciphertext, tag]);
  return holding(keys.decrypt(tokenOf(key, version), sealed, additionalData(key, aad, fixed)));
}

function versionOf(key: KeyDocument, metadata: Uint8Array): MaterialVersion | undefined {
  if (metadata.length !== fixedBytes + nonceBytes || metadata[0] !== mark) return undefined;
  const version = key.versions[metadata[1]! * 256 + metadata[2]! - 1];
  return version?.wrapped === undefined ? undefined : version;
}

/** With lengths, as the specification asks: nothing of the metadata can pass for additional data. */
function additionalData(key: KeyDocument, aad: Uint8Array, fixed: Uint8Array): Buffer {
  return frameAad("jikimi-xks-1", key.arn, aad, fixed);
}

const invalidCiphertext = (): ProxyError =>
  new ProxyError(
    "InvalidCiphertextException",
    "Ciphertext, metadata, initialization vector, tag and additional authenticated data do not belong together.",
  );

/** Awaits the key holder; its errors in the proxy's words. */
export async function holding<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DecryptError) throw invalidCiphertext();
    if (error instanceof KeyDestroyed) throw new ProxyError("KeyNotFoundException", "The external key is destroyed.");
    if (error instanceof Sealed) throw new ProxyError("InternalException", "The key holder is sealed.");
    if (error instanceof KeyHolderUnavailable) {
      throw new ProxyError("DependencyTimeoutException", "The key holder is restarting.");
    }
    throw error;
  }
}
