/**
 * Every object is encrypted: which way, under which key, and what a reader must bring along.
 *
 * An object has one 256-bit object key; the key of each of its bodies is derived from it. The four kinds differ
 * only in where the object key comes from. Source: Amazon S3 User Guide, "Protecting data with encryption".
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { DecryptError } from "#keys/contract.ts";
import type { CallContext } from "#gateway/context.ts";
import { accessDenied, invalidArgument, invalidRequest } from "./errors.ts";
import { objectId } from "./ids.ts";
import { bucketArn, objectArn, type Bucket, type Encryption } from "./state.ts";

export interface ObjectKeys {
  inner: KeyObject;
  /** Second layer of DSSE-KMS. */
  outer?: KeyObject;
}

export type EncryptionChoice =
  | { kind: "SSE-S3" }
  | { kind: "SSE-KMS" | "DSSE-KMS"; keyId: string | undefined; context: Record<string, string>; bucketKey: boolean }
  | { kind: "SSE-C"; customer: CustomerKey };

interface CustomerKey {
  key: KeyObject;
  md5: string;
}

/** Members that PutObject, CopyObject and CreateMultipartUpload share. */
export interface EncryptionInput {
  ServerSideEncryption?: string | undefined;
  SSEKMSKeyId?: string | undefined;
  SSEKMSEncryptionContext?: string | undefined;
  BucketKeyEnabled?: boolean | undefined;
  SSECustomerAlgorithm?: string | undefined;
  SSECustomerKey?: string | undefined;
  SSECustomerKeyMD5?: string | undefined;
}

const protectPurpose = "s3-object-key";

/** The customer's key of a request, checked; `undefined` when none was sent. */
export function customerKey(
  ctx: CallContext,
  input: Pick<EncryptionInput, "SSECustomerAlgorithm" | "SSECustomerKey" | "SSECustomerKeyMD5">,
): CustomerKey | undefined {
  const { SSECustomerAlgorithm: algorithm, SSECustomerKey: text, SSECustomerKeyMD5: md5 } = input;
  if (algorithm === undefined && text === undefined && md5 === undefined) return undefined;
  const intro = "Requests specifying Server Side Encryption with Customer provided keys must provide";
  if (algorithm === undefined) {
    throw invalidArgument(
      `${intro} a valid encryption algorithm.`,
      "x-amz-server-side-encryption-customer-algorithm",
      "null",
    );
  }
  if (algorithm !== "AES256") {
    throw new AwsError(
      "InvalidEncryptionAlgorithmError",
      "The Encryption request you specified is not valid. Supported value: AES256.",
      400,
      { fields: { ArgumentName: "x-amz-server-side-encryption", ArgumentValue: algorithm } },
    );
  }
  if (text === undefined) {
    throw invalidArgument(`${intro} an appropriate secret key.`, "x-amz-server-side-encryption-customer-key", "null");
  }
  if (md5 === undefined) {
    throw invalidArgument(
      `${intro} the client calculated MD5 of the secret key.`,
      "x-amz-server-side-encryption-customer-key-MD5",
      "null",
    );
  }
  // A key must not cross a network in clear. From this machine itself it does not cross one.
  if (ctx.request.scheme !== "https" && !isLoopback(ctx.request.sourceIp)) {
    throw invalidRequest(
      "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
    );
  }
  const key = Buffer.from(text, "base64");
  if (key.length !== 32) {
    throw invalidArgument(
      "The secret key was invalid for the specified algorithm.",
      "x-amz-server-side-encryption-customer-key",
    );
  }
  if (createHash("md5").update(key).digest("base64") !== md5) {
    throw invalidArgument(
      "The calculated MD5 hash of the key did not match the hash that was provided.",
      "x-amz-server-side-encryption-customer-key-MD5",
    );
  }
  return { key: createSecretKey(key), md5 };
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** What the request says, else the bucket's default. */
export function chooseEncryption(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  input: EncryptionInput,
): EncryptionChoice {
  const customer = customerKey(ctx, input);
  const asked = input.ServerSideEncryption;
  if (customer) {
    if (asked !== undefined) {
      throw invalidArgument(
        "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        "x-amz-server-side-encryption",
        asked,
      );
    }
    if (bucket.encryption.blocked?.includes("SSE-C")) {
      throw accessDenied("Access Denied. Uploads with customer provided keys (SSE-C) are blocked for this bucket.");
    }
    return { kind: "SSE-C", customer };
  }
  if (asked !== undefined && !["AES256", "aws:kms", "aws:kms:dsse"].includes(asked)) {
    throw invalidArgument("The encryption method specified is not supported", "x-amz-server-side-encryption", asked);
  }
  const algorithm = asked ?? bucket.encryption.algorithm;
  if (algorithm === "AES256") {
    if (input.SSEKMSKeyId !== undefined || input.SSEKMSEncryptionContext !== undefined) {
      throw invalidArgument(
        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        "x-amz-server-side-encryption",
        asked ?? "null",
      );
    }
    return { kind: "SSE-S3" };
  }
  const keyId = input.SSEKMSKeyId ?? (asked === undefined ? bucket.encryption.kmsKeyId : undefined);
  if (algorithm === "aws:kms:dsse") {
    return { kind: "DSSE-KMS", keyId, context: kmsContext(ctx, bucket.name, key, false, input), bucketKey: false };
  }
  const bucketKey = input.BucketKeyEnabled ?? bucket.encryption.bucketKey;
  return { kind: "SSE-KMS", keyId, context: kmsContext(ctx, bucket.name, key, bucketKey, input), bucketKey };
}

/** The object's ARN, or with a bucket key the bucket's, beside what the caller added. */
function kmsContext(
  ctx: CallContext,
  bucket: string,
  key: string,
  bucketKey: boolean,
  input: EncryptionInput,
): Record<string, string> {
  const own = bucketKey ? bucketArn(bucket, ctx.partition) : objectArn(bucket, key, ctx.partition);
  return { ...callerContext(input.SSEKMSEncryptionContext), "aws:s3:arn": own };
}

function callerContext(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  const invalid = () =>
    invalidArgument(
      "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
      "x-amz-server-side-encryption-context",
      text,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
  } catch {
    throw invalid();
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) throw invalid();
  if (Object.values(parsed).some((value) => typeof value !== "string")) throw invalid();
  return parsed as Record<string, string>;
}

/** A fresh object key, and what the document keeps of it. */
export async function newObjectKeys(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  choice: EncryptionChoice,
): Promise<{ encryption: Encryption; keys: ObjectKeys }> {
  switch (choice.kind) {
    case "SSE-S3": {
      const { secret, protectedKey } = await newProtectedKey(ctx, bucket, key);
      return { encryption: { kind: "SSE-S3", protectedKey }, keys: { inner: secret } };
    }
    case "SSE-C": {
      const raw = ctx.random.bytes(32);
      const encryption = {
        kind: "SSE-C",
        sealedKey: sealUnder(choice.customer.key, ctx.random.bytes(12), raw),
        keyMd5: choice.customer.md5,
      } as const;
      return { encryption, keys: { inner: createSecretKey(raw) } };
    }
    case "SSE-KMS":
    case "DSSE-KMS": {
      const data = await kms(() =>
        ctx.awsJoined.kms.GenerateDataKey({
          KeyId: choice.keyId ?? "alias/aws/s3",
          KeySpec: "AES_256",
          EncryptionContext: choice.context,
        }),
      );
      const common = {
        kmsKeyArn: data.KeyId!,
        ciphertext: base64(data.CiphertextBlob as Uint8Array),
        context: choice.context,
      };
      const inner = createSecretKey(data.Plaintext as Uint8Array);
      if (choice.kind === "SSE-KMS") {
        return { encryption: { kind: "SSE-KMS", ...common, bucketKey: choice.bucketKey }, keys: { inner } };
      }
      const { secret, protectedKey } = await newProtectedKey(ctx, bucket, key);
      return { encryption: { kind: "DSSE-KMS", ...common, protectedKey }, keys: { inner, outer: secret } };
    }
  }
}

/** The object key again, for a reader or a further part. Refuses whoever may not have it. */
export async function openObjectKeys(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  encryption: Encryption,
  customer: CustomerKey | undefined,
): Promise<ObjectKeys> {
  if (encryption.kind === "SSE-C") {
    if (!customer) {
      throw invalidRequest(
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
      );
    }
    const raw = openUnder(customer.key, encryption.sealedKey);
    if (!raw) throw accessDenied();
    return { inner: createSecretKey(raw) };
  }
  if (customer) throw invalidRequest("The encryption parameters are not applicable to this object.");
  if (encryption.kind === "SSE-S3") return { inner: await revealKey(ctx, bucket, key, encryption.protectedKey) };
  const data = await kms(() =>
    ctx.awsJoined.kms.Decrypt({
      CiphertextBlob: Buffer.from(encryption.ciphertext, "base64"),
      KeyId: encryption.kmsKeyArn,
      EncryptionContext: encryption.context,
    }),
  );
  const inner = createSecretKey(data.Plaintext as Uint8Array);
  if (encryption.kind === "SSE-KMS") return { inner };
  return { inner, outer: await revealKey(ctx, bucket, key, encryption.protectedKey) };
}

async function newProtectedKey(ctx: CallContext, bucket: Bucket, key: string) {
  const raw = ctx.random.bytes(32);
  const token = await ctx.keys.protect(protectPurpose, objectId(bucket.uid, key), raw);
  return { secret: createSecretKey(raw), protectedKey: base64(token) };
}

async function revealKey(ctx: CallContext, bucket: Bucket, key: string, protectedKey: string): Promise<KeyObject> {
  try {
    const token = Buffer.from(protectedKey, "base64");
    return createSecretKey(await ctx.keys.reveal(protectPurpose, objectId(bucket.uid, key), token));
  } catch (error) {
    // The document was changed outside of S3. Nothing is given out.
    if (error instanceof DecryptError)
      throw new AwsError("InternalError", "We encountered an internal error. Please try again.", 500, { cause: error });
    throw error;
  }
}

/** KMS's refusal as S3 tells it: `AccessDenied` with KMS's text, everything else as `KMS.<code>`. */
async function kms<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    if (error.code === "AccessDeniedException" || error.code === "AccessDenied") throw accessDenied(error.message);
    throw new AwsError(`KMS.${error.code}`, error.message, 400, { cause: error });
  }
}

/** The key of one body: keys of different bodies tell nothing of each other, and each seals one body only. */
export function bodyKey(objectKey: KeyObject, blob: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", objectKey, blob, "s3 body", 32)));
}

function sealUnder(key: KeyObject, nonce: Buffer, secret: Uint8Array): string {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return base64(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
}

function openUnder(key: KeyObject, sealed: string): Buffer | undefined {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** The members of an answer that say how an object is encrypted. */
export function encryptionOutput(encryption: Encryption) {
  switch (encryption.kind) {
    case "SSE-S3":
      return { ServerSideEncryption: "AES256" } as const;
    case "SSE-KMS":
      return {
        ServerSideEncryption: "aws:kms",
        SSEKMSKeyId: encryption.kmsKeyArn,
        ...(encryption.bucketKey ? { BucketKeyEnabled: true } : {}),
      } as const;
    case "DSSE-KMS":
      return { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: encryption.kmsKeyArn } as const;
    case "SSE-C":
      return { SSECustomerAlgorithm: "AES256", SSECustomerKeyMD5: encryption.keyMd5 } as const;
  }
}

/** The caller's part of the encryption context, which writes answer with. */
export function encryptionContextOutput(encryption: Encryption) {
  if (encryption.kind !== "SSE-KMS" && encryption.kind !== "DSSE-KMS") return {};
  return { SSEKMSEncryptionContext: Buffer.from(JSON.stringify(encryption.context)).toString("base64") };
}
