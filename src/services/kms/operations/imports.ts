/**
 * Imported key material. Sources: KMS API Reference, GetParametersForImport, ImportKeyMaterial,
 * DeleteImportedKeyMaterial; KMS Developer Guide, "Importing key material".
 */
import type { CallContext } from "#gateway/context.ts";
import { DecryptError, InvalidInput, InvalidWrappingKey, type WrappingAlgorithm } from "#keys/contract.ts";
import { keyAccess } from "../access.ts";
import {
  fromKeyHolder,
  holding,
  incorrectKeyMaterial,
  invalidCiphertext,
  invalidImportToken,
  invalidState,
  notFound,
  unsupported,
  validation,
} from "../errors.ts";
import { decodeToken, encodeToken, validityMs, wrappingBound } from "../importToken.ts";
import { relatives } from "../multiRegion.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import {
  fingerprintBound,
  hasMaterial,
  type KeyDocument,
  type MaterialVersion,
  newestVersion,
  withoutMaterial,
  writeKey,
} from "../state.ts";
import { customerKey } from "./keys.ts";

const maxValidMs = 365 * 86_400_000;
const symmetric = "SYMMETRIC_DEFAULT";

type ImportAction = "GetParametersForImport" | "ImportKeyMaterial" | "DeleteImportedKeyMaterial";

async function externalKey(ctx: CallContext, action: ImportAction, name: string | undefined): Promise<KeyDocument> {
  const key = await customerKey(ctx, action, name);
  if (key.origin !== "EXTERNAL") {
    throw unsupported(`${key.arn} origin is ${key.origin ?? "AWS_KMS"} which is not valid for this operation.`);
  }
  return key;
}

type RsaSpec = "RSA_2048" | "RSA_3072" | "RSA_4096";
const wrappingSpecs: readonly RsaSpec[] = ["RSA_2048", "RSA_3072", "RSA_4096"];
const wrappingAlgorithms: readonly WrappingAlgorithm[] = [
  "RSAES_OAEP_SHA_1",
  "RSAES_OAEP_SHA_256",
  "RSA_AES_KEY_WRAP_SHA_1",
  "RSA_AES_KEY_WRAP_SHA_256",
];

/** Which wrapping fits which material: KMS Developer Guide, "Select a wrapping algorithm". */
function checkWrapping(key: KeyDocument, spec: RsaSpec, algorithm: WrappingAlgorithm): void {
  if (!algorithm.startsWith("RSAES_OAEP")) return;
  const tooLong = key.spec.startsWith("RSA_") || (key.spec === "ECC_NIST_P521" && spec === "RSA_2048");
  if (tooLong) {
    throw validation(`${algorithm} with ${spec} cannot wrap key material of key spec ${key.spec}.`);
  }
}

async function getParametersForImport(input: In<"GetParametersForImport">, ctx: CallContext) {
  const key = await externalKey(ctx, "GetParametersForImport", input.KeyId);
  const spec = wrappingSpecs.find((each) => each === input.WrappingKeySpec);
  const algorithm = wrappingAlgorithms.find((each) => each === input.WrappingAlgorithm);
  // RSAES_PKCS1_V1_5 was withdrawn on October 10, 2023; SM2 is in China Regions only.
  if (!spec || !algorithm) {
    throw unsupported(`${input.WrappingAlgorithm} with ${input.WrappingKeySpec} is not supported.`);
  }
  checkWrapping(key, spec, algorithm);
  const validTo = ctx.now + validityMs;
  const made = await ctx.once("wrapping key", () =>
    holding(ctx.keys.newWrappingKey(spec, wrappingBound(key.arn, algorithm, validTo)), key.arn),
  );
  ctx.audit({ responseElements: null });
  return {
    KeyId: key.arn,
    ImportToken: encodeToken(key.arn, algorithm, validTo, made.key),
    PublicKey: made.publicKey,
    ParametersValidTo: new Date(validTo),
  };
}

/** When the material of a request expires; `undefined` for never. @throws ValidationException */
function expiryOf(input: In<"ImportKeyMaterial">, now: number): number | undefined {
  const expires = (input.ExpirationModel ?? "KEY_MATERIAL_EXPIRES") === "KEY_MATERIAL_EXPIRES";
  const validTo = input.ValidTo?.getTime();
  if (!expires) {
    if (validTo === undefined) return undefined;
    throw validation("ValidTo must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.");
  }
  if (validTo === undefined) {
    throw validation("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES.");
  }
  if (!(validTo > now) || validTo > now + maxValidMs) {
    throw validation("ValidTo must be in the future, and at most 365 days from now.");
  }
  return validTo;
}

interface Arrival {
  materialId: string;
  wrapped: string;
  bound: string;
  publicKey?: string;
}

/** Takes the material into the key holder, in a group of its own, which dies when the material is deleted. */
async function arrive(input: In<"ImportKeyMaterial">, ctx: CallContext, key: KeyDocument): Promise<Arrival> {
  const { key: wrappingKey, algorithm } = decodeToken(input.ImportToken ?? new Uint8Array(0), key.arn, ctx.now);
  const bound = `${key.arn}#${ctx.random.uuid()}|${key.spec}|EXTERNAL`;
  const fingerprintKey = { wrapped: Buffer.from(key.fingerprintKey!, "base64"), bound: fingerprintBound(key.arn) };
  const encrypted = input.EncryptedKeyMaterial ?? new Uint8Array(0);
  try {
    const arrived = await ctx.keys.importMaterial(
      key.spec,
      bound,
      { key: wrappingKey, algorithm },
      encrypted,
      fingerprintKey,
    );
    return {
      materialId: Buffer.from(arrived.fingerprint).toString("hex"),
      wrapped: Buffer.from(arrived.token.wrapped).toString("base64"),
      bound,
      ...(arrived.publicKey ? { publicKey: Buffer.from(arrived.publicKey).toString("base64") } : {}),
    };
  } catch (error) {
    if (error instanceof InvalidWrappingKey) throw invalidImportToken();
    if (error instanceof DecryptError) throw invalidCiphertext();
    if (error instanceof InvalidInput) throw incorrectKeyMaterial();
    throw fromKeyHolder(error, key.arn);
  }
}

/** What is meant: material that the key has known, or new. @throws ValidationException, UnsupportedOperationException */
function isNew(input: In<"ImportKeyMaterial">, key: KeyDocument): boolean {
  const first = key.versions.length === 0;
  if (key.spec !== symmetric) {
    const { ImportType: type, KeyMaterialDescription: description, KeyMaterialId: id } = input;
    if (type !== undefined || description !== undefined || id !== undefined) {
      throw validation(
        "ImportType, KeyMaterialDescription and KeyMaterialId are valid for symmetric encryption KMS keys only.",
      );
    }
    return first;
  }
  const fresh = (input.ImportType ?? (first ? "NEW_KEY_MATERIAL" : "EXISTING_KEY_MATERIAL")) === "NEW_KEY_MATERIAL";
  if (!fresh) return false;
  if (input.KeyMaterialId !== undefined) throw validation("KeyMaterialId is not valid with NEW_KEY_MATERIAL.");
  if (key.multiRegion?.type === "REPLICA") {
    throw unsupported(`${key.arn} is a multi-Region replica key: import new key material into its primary key.`);
  }
  if (key.versions.at(-1)?.pending) {
    throw invalidState(`${key.arn} already has key material that is pending rotation.`);
  }
  return true;
}

async function importKeyMaterial(input: In<"ImportKeyMaterial">, ctx: CallContext) {
  const key = await externalKey(ctx, "ImportKeyMaterial", input.KeyId);
  const expiresAt = expiryOf(input, ctx.now);
  const fresh = isNew(input, key);
  const arrival = await ctx.once("material", () => arrive(input, ctx, key));
  if (input.KeyMaterialId !== undefined && input.KeyMaterialId !== arrival.materialId) throw incorrectKeyMaterial();
  const known = key.versions.find(({ materialId }) => materialId === arrival.materialId);
  // "You must reimport the same key material"; and the same material is not new a second time.
  if (fresh === (known !== undefined)) throw incorrectKeyMaterial();
  const { expiresAt: _, ...before } = known ?? newVersionOf(key, arrival, ctx.now);
  const description = input.KeyMaterialDescription ?? before.description;
  const version: MaterialVersion = {
    ...before,
    wrapped: arrival.wrapped,
    bound: arrival.bound,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(description === undefined ? {} : { description }),
  };
  const versions = known ? key.versions.map((each) => (each === known ? version : each)) : [...key.versions, version];
  const condemned = [...(key.condemned ?? []), ...(known?.bound === undefined ? [] : [known.bound])];
  const next: KeyDocument = {
    ...key,
    versions,
    ...(arrival.publicKey === undefined ? {} : { publicKey: arrival.publicKey }),
    ...(condemned.length > 0 ? { condemned } : {}),
  };
  writeKey(ctx, next.state === "PendingImport" && hasMaterial(next) ? { ...next, state: "Enabled" } : next);
  if (fresh) await announce(ctx, key, version);
  return { KeyId: key.arn, KeyMaterialId: arrival.materialId };
}

function newVersionOf(key: KeyDocument, { materialId }: Arrival, now: number): MaterialVersion {
  const version = { version: key.versions.length + 1, materialId, createdAt: now };
  return key.versions.length === 0 ? version : { ...version, pending: true };
}

/** The replicas of a primary learn which material they are to import. */
async function announce(ctx: CallContext, key: KeyDocument, { version, materialId, pending }: MaterialVersion) {
  const expected = { version, materialId, createdAt: ctx.now, ...(pending ? { pending } : {}) };
  for (const replica of await relatives(ctx, key)) {
    writeKey(ctx, { ...forgetPending(replica), versions: [...forgetPending(replica).versions, expected] });
  }
}

function forgetPending(replica: KeyDocument): KeyDocument {
  const stripped = withoutMaterial(replica, ({ pending }) => pending === true);
  return { ...stripped, versions: stripped.versions.filter(({ pending }) => !pending) };
}

async function deleteImportedKeyMaterial(input: In<"DeleteImportedKeyMaterial">, ctx: CallContext) {
  const key = await externalKey(ctx, "DeleteImportedKeyMaterial", input.KeyId);
  if (input.KeyMaterialId !== undefined && key.spec !== symmetric) {
    throw validation("KeyMaterialId is valid for symmetric encryption KMS keys only.");
  }
  const version =
    input.KeyMaterialId === undefined
      ? newestVersion(key)
      : key.versions.find(({ materialId }) => materialId === input.KeyMaterialId);
  if (!version) {
    if (input.KeyMaterialId === undefined) return { KeyId: key.arn };
    throw notFound(`Key material ${input.KeyMaterialId} is not associated with ${key.arn}.`);
  }
  const next = withoutMaterial(key, (each) => each === version);
  if (next !== key) writeKey(ctx, next);
  // What was only waiting is forgotten everywhere.
  if (version.pending && key.multiRegion?.type === "PRIMARY") {
    for (const replica of await relatives(ctx, key)) writeKey(ctx, forgetPending(replica));
  }
  ctx.audit({ additionalEventData: { keyMaterialId: version.materialId } });
  return { KeyId: key.arn, KeyMaterialId: version.materialId };
}

export const importHandlers = {
  GetParametersForImport: getParametersForImport,
  ImportKeyMaterial: importKeyMaterial,
  DeleteImportedKeyMaterial: deleteImportedKeyMaterial,
} satisfies KmsHandlers;

export const importAccess = {
  GetParametersForImport: (input, ctx) =>
    keyAccess(ctx, "GetParametersForImport", input.KeyId, {
      context: {
        "kms:WrappingAlgorithm": input.WrappingAlgorithm ?? "",
        "kms:WrappingKeySpec": input.WrappingKeySpec ?? "",
      },
    }),
  ImportKeyMaterial: (input, ctx) =>
    keyAccess(ctx, "ImportKeyMaterial", input.KeyId, {
      context: {
        "kms:ExpirationModel": input.ExpirationModel ?? "KEY_MATERIAL_EXPIRES",
        ...(input.ValidTo === undefined ? {} : { "kms:ValidTo": input.ValidTo.toISOString() }),
      },
    }),
  DeleteImportedKeyMaterial: (input, ctx) => keyAccess(ctx, "DeleteImportedKeyMaterial", input.KeyId),
} satisfies KmsAccess;
