import type { CallContext } from "#gateway/context.ts";
import { accessTo, keyAccess } from "../access.ts";
import { type BlobHeader, type BlobKind, blobAad, decodeHeader, encodeHeader, headerBytes } from "../ciphertext.ts";
import { dryRun, holding, incorrectKey, invalidCiphertext, invalidKeyUsage, validation } from "../errors.ts";
import { checkTokens } from "../grants.ts";
import { ciphertextDenied, identify, isVisible } from "../identify.ts";
import { type KeyAction, requireState } from "../rules.ts";
import type { EncryptionContext, In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { currentVersion, type KeyDocument, type MaterialVersion, readKey, tokenOf } from "../state.ts";

const symmetric = "SYMMETRIC_DEFAULT";
const maxPlaintext = 4096;
const maxCiphertext = 6144;

/**
 * The key of a request, ready to encrypt. @throws DisabledException, KMSInvalidStateException,
 * InvalidKeyUsageException, InvalidGrantTokenException
 */
export async function encryptionKey(
  ctx: CallContext,
  action: KeyAction,
  name: string | undefined,
  request: { algorithm?: string | undefined; tokens?: readonly string[] | undefined },
): Promise<KeyDocument> {
  const { key } = await identify(ctx, action, name ?? "");
  requireEncryption(key, action, request.algorithm);
  await checkTokens(ctx, request.tokens);
  return key;
}

function requireEncryption(key: KeyDocument, action: KeyAction, algorithm: string | undefined): void {
  requireState(key, action);
  if (key.usage !== "ENCRYPT_DECRYPT") {
    throw invalidKeyUsage(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`);
  }
  if (algorithm !== undefined && algorithm !== symmetric) {
    throw invalidKeyUsage(`Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`);
  }
}

/** Header and additional data for what the current version of a key is about to encrypt. */
export function sealing(key: KeyDocument, kind: BlobKind, context: EncryptionContext | undefined) {
  const version = currentVersion(key);
  const header = encodeHeader(kind, { account: key.account, keyId: key.keyId, version: version.version });
  return { version, header, aad: blobAad(header, context) };
}

/** The audit record names the material, never plaintext or ciphertext. */
export function recordMaterial(ctx: CallContext, materialId: string): void {
  ctx.audit({ additionalEventData: { keyMaterialId: materialId }, responseElements: null });
}

async function encrypt(input: In<"Encrypt">, ctx: CallContext) {
  const plaintext = input.Plaintext;
  if (!plaintext || plaintext.length === 0 || plaintext.length > maxPlaintext) {
    throw validation(`Plaintext must have 1 to ${maxPlaintext} bytes.`);
  }
  const key = await encryptionKey(ctx, "Encrypt", input.KeyId, {
    algorithm: input.EncryptionAlgorithm,
    tokens: input.GrantTokens,
  });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "data", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const sealed = await holding(ctx.keys.encrypt(tokenOf(key, version), plaintext, aad), key.arn);
  return {
    CiphertextBlob: Buffer.concat([header, sealed]),
    KeyId: key.arn,
    EncryptionAlgorithm: symmetric as typeof symmetric,
  };
}

interface DecryptRequest {
  action: "Decrypt" | "ReEncryptFrom";
  blob: Uint8Array | undefined;
  keyId: string | undefined;
  dryRun: boolean | undefined;
  modifiers: readonly string[] | undefined;
}

type Source = { key: KeyDocument; header?: BlobHeader };

/**
 * The key behind a ciphertext. What the ciphertext says decides; a KeyId in the request must say the same.
 * @throws InvalidCiphertextException, IncorrectKeyException, AccessDeniedException
 */
async function sourceOf(ctx: CallContext, request: DecryptRequest): Promise<Source> {
  const { action, blob, keyId } = request;
  const named = keyId === undefined ? undefined : (await identify(ctx, action, keyId)).key;
  if (request.dryRun && request.modifiers?.includes("IGNORE_CIPHERTEXT")) {
    if (!named) throw validation("KeyId is required with the IGNORE_CIPHERTEXT modifier.");
    return { key: named };
  }
  if (request.modifiers?.length) throw validation("DryRunModifiers need the DryRun parameter.");
  if (!blob || blob.length === 0) throw validation("CiphertextBlob is required.");
  const header = blob.length <= maxCiphertext ? decodeHeader(blob) : undefined;
  if (!header) throw invalidCiphertext();
  if (named) {
    if (named.keyId !== header.keyId || named.account !== header.account) throw incorrectKey();
    return { key: named, header };
  }
  const at = header.account === ctx.account ? undefined : { account: header.account };
  const document = await readKey(ctx, header.keyId, at);
  if (!document || !isVisible(document.value, ctx.now)) throw ciphertextDenied(ctx, action);
  return { key: document.value, header };
}

/** Sources found in a call, so that authorization and handler look each ciphertext up once. */
const sources = new WeakMap<CallContext, Promise<Source>>();

function source(ctx: CallContext, request: DecryptRequest): Promise<Source> {
  let found = sources.get(ctx);
  if (!found) sources.set(ctx, (found = sourceOf(ctx, request)));
  return found;
}

interface Opening {
  key: KeyDocument;
  version: MaterialVersion;
  sealed: Uint8Array;
  aad: Buffer;
}

/** Everything to open a ciphertext with. @throws InvalidCiphertextException for a version that never was */
function opening({ key, header }: Source, blob: Uint8Array, context: EncryptionContext | undefined): Opening {
  const version = header && key.versions[header.version - 1];
  if (!version) throw invalidCiphertext();
  return { key, version, sealed: blob.subarray(headerBytes), aad: blobAad(blob.subarray(0, headerBytes), context) };
}

function decryptRequest(input: In<"Decrypt">): DecryptRequest {
  return {
    action: "Decrypt",
    blob: input.CiphertextBlob,
    keyId: input.KeyId,
    dryRun: input.DryRun,
    modifiers: input.DryRunModifiers,
  };
}

async function decrypt(input: In<"Decrypt">, ctx: CallContext) {
  refuseRecipient(input);
  const found = await source(ctx, decryptRequest(input));
  requireEncryption(found.key, "Decrypt", input.EncryptionAlgorithm);
  await checkTokens(ctx, input.GrantTokens);
  if (input.DryRun) throw dryRun();
  const { key, version, sealed, aad } = opening(found, input.CiphertextBlob!, input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const plaintext = await holding(ctx.keys.decrypt(tokenOf(key, version), sealed, aad), key.arn);
  return {
    KeyId: key.arn,
    Plaintext: plaintext,
    EncryptionAlgorithm: symmetric as typeof symmetric,
    KeyMaterialId: version.materialId,
  };
}

function reencryptRequest(input: In<"ReEncrypt">): DecryptRequest {
  return {
    action: "ReEncryptFrom",
    blob: input.CiphertextBlob,
    keyId: input.SourceKeyId,
    dryRun: input.DryRun,
    modifiers: input.DryRunModifiers,
  };
}

async function reEncrypt(input: In<"ReEncrypt">, ctx: CallContext) {
  const found = await source(ctx, reencryptRequest(input));
  requireEncryption(found.key, "ReEncryptFrom", input.SourceEncryptionAlgorithm);
  const to = await encryptionKey(ctx, "ReEncryptTo", input.DestinationKeyId, {
    algorithm: input.DestinationEncryptionAlgorithm,
    tokens: input.GrantTokens,
  });
  if (input.DryRun) throw dryRun();
  const from = opening(found, input.CiphertextBlob!, input.SourceEncryptionContext);
  const { version, header, aad } = sealing(to, "data", input.DestinationEncryptionContext);
  ctx.audit({
    additionalEventData: { sourceKeyMaterialId: from.version.materialId, destinationKeyMaterialId: version.materialId },
    responseElements: null,
  });
  // INVARIANT: the plaintext stays in the key holder.
  const sealed = await holding(
    ctx.keys.reencrypt(
      { token: tokenOf(from.key, from.version), ciphertext: from.sealed, aad: from.aad },
      { token: tokenOf(to, version), aad },
    ),
    from.key.arn,
  );
  return {
    CiphertextBlob: Buffer.concat([header, sealed]),
    SourceKeyId: from.key.arn,
    KeyId: to.arn,
    SourceEncryptionAlgorithm: symmetric as typeof symmetric,
    DestinationEncryptionAlgorithm: symmetric as typeof symmetric,
    SourceKeyMaterialId: from.version.materialId,
    DestinationKeyMaterialId: version.materialId,
  };
}

/** Answers for Nitro enclaves need an attestation document that this host cannot verify. */
export function refuseRecipient(input: { Recipient?: unknown }): void {
  if (input.Recipient !== undefined)
    throw validation("Recipient is not supported: attestation documents cannot be verified here.");
}

export const cryptographyHandlers = {
  Encrypt: encrypt,
  Decrypt: decrypt,
  ReEncrypt: reEncrypt,
} satisfies KmsHandlers;

const algorithmKey = (algorithm: string | undefined) => ({ "kms:EncryptionAlgorithm": algorithm ?? symmetric });

export const cryptographyAccess = {
  Encrypt: (input, ctx) =>
    keyAccess(ctx, "Encrypt", input.KeyId, {
      encryptionContext: input.EncryptionContext,
      context: algorithmKey(input.EncryptionAlgorithm),
    }),
  async Decrypt(input, ctx) {
    const { key } = await source(ctx, decryptRequest(input));
    return accessTo(ctx, "Decrypt", await named(ctx, "Decrypt", input.KeyId, key), {
      encryptionContext: input.EncryptionContext,
      context: algorithmKey(input.EncryptionAlgorithm),
      ...(input.KeyId === undefined ? { onDenied: () => ciphertextDenied(ctx, "Decrypt") } : {}),
    });
  },
  async ReEncrypt(input, ctx) {
    const { key } = await source(ctx, reencryptRequest(input));
    const to = await identify(ctx, "ReEncryptTo", input.DestinationKeyId ?? "");
    const sameKey = { "kms:ReEncryptOnSameKey": String(key.arn === to.key.arn) };
    return [
      await accessTo(ctx, "ReEncryptFrom", await named(ctx, "ReEncryptFrom", input.SourceKeyId, key), {
        encryptionContext: input.SourceEncryptionContext,
        context: { ...algorithmKey(input.SourceEncryptionAlgorithm), ...sameKey },
        ...(input.SourceKeyId === undefined ? { onDenied: () => ciphertextDenied(ctx, "ReEncryptFrom") } : {}),
      }),
      await accessTo(ctx, "ReEncryptTo", to, {
        encryptionContext: input.DestinationEncryptionContext,
        context: { ...algorithmKey(input.DestinationEncryptionAlgorithm), ...sameKey },
      }),
    ];
  },
} satisfies KmsAccess;

/** The key as the request named it, for `kms:RequestAlias`; by its ciphertext alone it has no alias. */
async function named(ctx: CallContext, action: KeyAction, keyId: string | undefined, key: KeyDocument) {
  return keyId === undefined ? { key } : identify(ctx, action, keyId);
}
