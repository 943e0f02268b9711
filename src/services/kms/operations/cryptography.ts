import type { CallContext } from "#gateway/context.ts";
import { perCall } from "#gateway/perCall.ts";
import type { EncryptionAlgorithm, OaepAlgorithm } from "#keys/contract.ts";
import { accessTo, keyAccess } from "../access.ts";
import { type BlobHeader, type BlobKind, blobAad, decodeHeader, encodeHeader, headerBytes } from "../ciphertext.ts";
import { dryRun, holding, incorrectKey, invalidCiphertext, invalidKeyUsage, validation } from "../errors.ts";
import { checkTokens } from "../grants.ts";
import { ciphertextDenied, identify, isVisible } from "../identify.ts";
import type { Material } from "../keyStores/material.ts";
import { type KeyAction, requireState } from "../rules.ts";
import type { EncryptionContext, In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { keySpecs } from "../specs.ts";
import { currentVersion, type KeyDocument, type MaterialVersion, readKey, tokenOf } from "../state.ts";

const symmetric = "SYMMETRIC_DEFAULT";
const maxPlaintext = 4096;
const maxCiphertext = 6144;

/**
 * The key of a request, ready to encrypt under the algorithm. @throws DisabledException, KMSInvalidStateException,
 * InvalidKeyUsageException, InvalidGrantTokenException
 */
export async function encryptionKey(
  ctx: CallContext,
  material: Material,
  action: KeyAction,
  name: string | undefined,
  request: {
    algorithm?: string | undefined;
    tokens?: readonly string[] | undefined;
    context?: EncryptionContext | undefined;
  },
): Promise<KeyDocument> {
  const { key } = await identify(ctx, action, name ?? "");
  requireEncryption(key, action, request.algorithm, request.context);
  await material.requireConnected(ctx, key);
  await checkTokens(ctx, request.tokens);
  return key;
}

function requireEncryption(
  key: KeyDocument,
  action: KeyAction,
  algorithm: string = symmetric,
  context?: EncryptionContext,
): void {
  requireState(key, action);
  if (key.usage !== "ENCRYPT_DECRYPT") {
    throw invalidKeyUsage(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`);
  }
  if (!(keySpecs.get(key.spec)!.encryptionAlgorithms as readonly string[] | undefined)?.includes(algorithm)) {
    throw invalidKeyUsage(`Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`);
  }
  if (algorithm !== symmetric && context && Object.keys(context).length > 0) {
    throw validation("EncryptionContext is not supported with asymmetric KMS keys.");
  }
}

/** @throws ValidationException with the text that AWS has for it */
function requireFit(key: KeyDocument, algorithm: OaepAlgorithm, bytes: number): void {
  const most = keySpecs.get(key.spec)!.maxPlaintext![algorithm];
  if (bytes > most) {
    throw validation(`Algorithm ${algorithm} and key spec ${key.spec} cannot encrypt data larger than ${most} bytes.`);
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

async function encrypt(material: Material, input: In<"Encrypt">, ctx: CallContext) {
  const plaintext = input.Plaintext;
  if (!plaintext || plaintext.length === 0 || plaintext.length > maxPlaintext) {
    throw validation(`Plaintext must have 1 to ${maxPlaintext} bytes.`);
  }
  const key = await encryptionKey(ctx, material, "Encrypt", input.KeyId, {
    algorithm: input.EncryptionAlgorithm,
    tokens: input.GrantTokens,
    context: input.EncryptionContext,
  });
  const algorithm = input.EncryptionAlgorithm as EncryptionAlgorithm | undefined;
  if (algorithm !== undefined && algorithm !== symmetric) {
    requireFit(key, algorithm, plaintext.length);
    if (input.DryRun) throw dryRun();
    ctx.audit({ responseElements: null });
    const token = tokenOf(key, currentVersion(key));
    const CiphertextBlob = await holding(ctx.keys.encryptOaep(token, algorithm, plaintext), key.arn);
    return { CiphertextBlob, KeyId: key.arn, EncryptionAlgorithm: algorithm };
  }
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "data", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  return {
    CiphertextBlob: Buffer.concat([header, await material.encrypt(ctx, key, version, plaintext, aad)]),
    KeyId: key.arn,
    EncryptionAlgorithm: symmetric as typeof symmetric,
  };
}

interface DecryptRequest {
  action: "Decrypt" | "ReEncryptFrom";
  blob: Uint8Array | undefined;
  keyId: string | undefined;
  algorithm: string | undefined;
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
  // A ciphertext of an asymmetric key names no key.
  if (named && (named.spec !== "SYMMETRIC_DEFAULT" || (request.algorithm ?? symmetric) !== symmetric)) {
    return { key: named };
  }
  if (request.algorithm !== undefined && request.algorithm !== symmetric) {
    throw validation("KeyId is required with an asymmetric encryption algorithm.");
  }
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
const sources = perCall((): { found?: Promise<Source> } => ({}));

function source(ctx: CallContext, request: DecryptRequest): Promise<Source> {
  return (sources(ctx).found ??= sourceOf(ctx, request));
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
    algorithm: input.EncryptionAlgorithm,
    dryRun: input.DryRun,
    modifiers: input.DryRunModifiers,
  };
}

async function decrypt(material: Material, input: In<"Decrypt">, ctx: CallContext) {
  refuseRecipient(input);
  const found = await source(ctx, decryptRequest(input));
  requireEncryption(found.key, "Decrypt", input.EncryptionAlgorithm, input.EncryptionContext);
  await material.requireConnected(ctx, found.key);
  await checkTokens(ctx, input.GrantTokens);
  if (input.DryRun) throw dryRun();
  const algorithm = input.EncryptionAlgorithm as EncryptionAlgorithm | undefined;
  if (algorithm !== undefined && algorithm !== symmetric) {
    ctx.audit({ responseElements: null });
    const token = tokenOf(found.key, currentVersion(found.key));
    const Plaintext = await holding(ctx.keys.decryptOaep(token, algorithm, input.CiphertextBlob!), found.key.arn);
    return { KeyId: found.key.arn, Plaintext, EncryptionAlgorithm: algorithm };
  }
  const { key, version, sealed, aad } = opening(found, input.CiphertextBlob!, input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  return {
    KeyId: key.arn,
    Plaintext: await material.decrypt(ctx, key, version, sealed, aad),
    EncryptionAlgorithm: symmetric as typeof symmetric,
    KeyMaterialId: version.materialId,
  };
}

function reencryptRequest(input: In<"ReEncrypt">): DecryptRequest {
  return {
    action: "ReEncryptFrom",
    blob: input.CiphertextBlob,
    keyId: input.SourceKeyId,
    algorithm: input.SourceEncryptionAlgorithm,
    dryRun: input.DryRun,
    modifiers: input.DryRunModifiers,
  };
}

/** One end of a re-encryption. An asymmetric key has no header, no context and no id of its material. */
interface End {
  version: MaterialVersion;
  header: Buffer;
  aad: Buffer;
  algorithm: EncryptionAlgorithm;
  materialId?: string;
}

const none = Buffer.alloc(0);

function asymmetricEnd(key: KeyDocument, algorithm: EncryptionAlgorithm): End {
  return { version: currentVersion(key), header: none, aad: none, algorithm };
}

function sourceEnd(found: Source, input: In<"ReEncrypt">): End & { sealed: Uint8Array } {
  const algorithm = (input.SourceEncryptionAlgorithm ?? symmetric) as EncryptionAlgorithm;
  const blob = input.CiphertextBlob!;
  if (algorithm !== symmetric) return { ...asymmetricEnd(found.key, algorithm), sealed: blob };
  const { version, sealed, aad } = opening(found, blob, input.SourceEncryptionContext);
  return { version, header: none, aad, algorithm, sealed, materialId: version.materialId };
}

function destinationEnd(key: KeyDocument, input: In<"ReEncrypt">): End {
  const algorithm = (input.DestinationEncryptionAlgorithm ?? symmetric) as EncryptionAlgorithm;
  if (algorithm !== symmetric) return asymmetricEnd(key, algorithm);
  const { version, header, aad } = sealing(key, "data", input.DestinationEncryptionContext);
  return { version, header, aad, algorithm, materialId: version.materialId };
}

async function reEncrypt(material: Material, input: In<"ReEncrypt">, ctx: CallContext) {
  const found = await source(ctx, reencryptRequest(input));
  requireEncryption(found.key, "ReEncryptFrom", input.SourceEncryptionAlgorithm, input.SourceEncryptionContext);
  await material.requireConnected(ctx, found.key);
  const key = await encryptionKey(ctx, material, "ReEncryptTo", input.DestinationKeyId, {
    algorithm: input.DestinationEncryptionAlgorithm,
    tokens: input.GrantTokens,
    context: input.DestinationEncryptionContext,
  });
  if (input.DryRun) throw dryRun();
  const from = sourceEnd(found, input);
  const to = destinationEnd(key, input);
  ctx.audit({
    additionalEventData: { sourceKeyMaterialId: from.materialId, destinationKeyMaterialId: to.materialId },
    responseElements: null,
  });
  const ciphertext = await material.reencrypt(ctx, { ...from, key: found.key }, { ...to, key });
  return {
    CiphertextBlob: Buffer.concat([to.header, ciphertext]),
    SourceKeyId: found.key.arn,
    KeyId: key.arn,
    SourceEncryptionAlgorithm: from.algorithm,
    DestinationEncryptionAlgorithm: to.algorithm,
    ...(from.materialId === undefined ? {} : { SourceKeyMaterialId: from.materialId }),
    ...(to.materialId === undefined ? {} : { DestinationKeyMaterialId: to.materialId }),
  };
}

/** Answers for Nitro enclaves need an attestation document that this host cannot verify. */
export function refuseRecipient(input: { Recipient?: unknown }): void {
  if (input.Recipient !== undefined)
    throw validation("Recipient is not supported: attestation documents cannot be verified here.");
}

export function cryptographyHandlers(material: Material) {
  return {
    Encrypt: (input, ctx) => encrypt(material, input, ctx),
    Decrypt: (input, ctx) => decrypt(material, input, ctx),
    ReEncrypt: (input, ctx) => reEncrypt(material, input, ctx),
  } satisfies KmsHandlers;
}

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
