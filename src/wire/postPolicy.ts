/**
 * S3's browser upload: a form whose policy, not whose request, is signed.
 *
 *   const form = await readPostForm(request);
 *   const presented = readPostSignature(form, options);        // undefined: anonymous
 *   const upload = verifyPostPolicy(form, presented, credential, { bucket, clock, keys });
 *
 * Sources: S3 API Reference, "Creating a POST Policy", "Calculating a Signature" (POST); texts as recorded against AWS in
 * versity/versitygw (s3err/post-object.go).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { Clock } from "#kernel/clock.ts";
import type { ByteStream, Claim } from "./contract.ts";
import type { Addressed } from "./authErrors.ts";
import { readCredentialS3 } from "./authorization.ts";
import { claimOf } from "./claim.ts";
import type { PostForm } from "./multipart.ts";
import { checkConditions, parsePolicy, type LengthRange } from "./policyDocument.ts";
import { hexBytes, checkToken } from "./sigv4.ts";
import { checkRegionS3, invalidArgument } from "./signatureChecks.ts";
import { algorithm, parseAmzDate, type ReadOptions, type SigningCredential } from "./signature.ts";
import type { Scope, SigningKeys } from "./signingKeys.ts";

export interface PresentedPost {
  addressed: Addressed;
  accessKeyId: string;
  sessionToken?: string;
  /** As it was signed: base64 text. */
  policy: string;
  signature: string;
  /** Absent: Signature Version 2. */
  scope?: Scope;
}

export interface PostUpload {
  accessKeyId: string | undefined;
  /** The object key, `${filename}` replaced. */
  key: string;
  fields: ReadonlyMap<string, string>;
  contentType: string | undefined;
  /** The file. Throws EntityTooLarge as soon as, EntityTooSmall when, the policy's range is left. */
  stream: ByteStream;
}

const version4 = ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"] as const;
const version2 = ["policy", "awsaccesskeyid", "signature"] as const;

/** The claim in a form, for the look-up of the key and of what is refused without one. */
export function readPostClaim(form: PostForm): Claim {
  const token = form.fields.get("x-amz-security-token");
  const credential = form.fields.get("x-amz-credential");
  if (credential !== undefined) return claimOf("postPolicy", credential, token);
  const accessKeyId = form.fields.get("awsaccesskeyid");
  if (accessKeyId === undefined) return { kind: "anonymous" };
  return {
    kind: "postPolicy",
    accessKeyId,
    signingService: "s3",
    ...(token === undefined ? {} : { sessionToken: token }),
  };
}

/** `undefined` when the form carries no trace of a signature. Throws InvalidArgument for a partial or malformed one. */
export function readPostSignature(form: PostForm, options: ReadOptions): PresentedPost | undefined {
  const { fields } = form;
  const second = fields.has("awsaccesskeyid") || (fields.has("signature") && !fields.has("x-amz-signature"));
  const needed: readonly string[] = second ? version2 : version4;
  if (!needed.some((name) => fields.has(name))) return undefined;
  for (const name of needed) {
    if (!fields.has(name)) {
      throw invalidArgument(
        `Bucket POST must contain a field named '${name === "awsaccesskeyid" ? "AWSAccessKeyId" : name}'.  If it is specified, please check the order of the fields.`,
        name,
        "",
      );
    }
  }
  const token = fields.get("x-amz-security-token");
  const common = {
    addressed: options.addressed,
    policy: fields.get("policy") as string,
    ...(token === undefined ? {} : { sessionToken: token }),
  };
  if (second) {
    return {
      ...common,
      accessKeyId: fields.get("awsaccesskeyid") as string,
      signature: fields.get("signature") as string,
    };
  }

  const name = fields.get("x-amz-algorithm") as string;
  if (name !== algorithm) throw invalidArgument("Only AWS4-HMAC-SHA256 is supported", "X-Amz-Algorithm", name);
  const date = fields.get("x-amz-date") as string;
  if (parseAmzDate(date) === undefined) {
    throw invalidArgument("X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date", date);
  }
  const text = fields.get("x-amz-credential") as string;
  const refuse = (detail: string) => invalidArgument(detail, "X-Amz-Credential", text);
  const { accessKeyId, scope } = readCredentialS3(text, refuse);
  checkRegionS3(scope.region, options, refuse);
  return { ...common, accessKeyId, scope, signature: fields.get("x-amz-signature") as string };
}

/**
 * Signature, then policy, then the file's bounds while it streams. Throws SignatureDoesNotMatch, InvalidPolicyDocument,
 * AccessDenied ("Invalid according to Policy: …"), InvalidArgument without a key.
 */
export function verifyPostPolicy(
  form: PostForm,
  presented: PresentedPost,
  credential: SigningCredential,
  options: { bucket: string; clock: Clock; keys: SigningKeys },
): PostUpload {
  compare(presented, credential, options.keys);
  checkToken(presented.addressed, presented.sessionToken, credential.sessionToken);

  const key = objectKey(form);
  const policy = parsePolicy(presented.policy);
  const values = new Map(form.fields);
  // The policy judges the key that will be written, not its template.
  values.set("key", key);
  values.set("bucket", options.bucket);
  const range = checkConditions(policy, values, options.clock.now());
  return upload(form, key, presented.accessKeyId, range);
}

/** An upload without signature: the bucket's policy alone decides. */
export function anonymousPost(form: PostForm): PostUpload {
  return upload(form, objectKey(form), undefined, undefined);
}

function upload(
  form: PostForm,
  key: string,
  accessKeyId: string | undefined,
  range: LengthRange | undefined,
): PostUpload {
  return {
    accessKeyId,
    key,
    fields: form.fields,
    contentType: form.fields.get("content-type") ?? form.file.contentType,
    stream: range === undefined ? form.file.stream : within(form.file.stream, range),
  };
}

function compare(presented: PresentedPost, credential: SigningCredential, keys: SigningKeys): void {
  const { policy, scope } = presented;
  let expected: Buffer;
  let keep = (): void => {};
  if (scope === undefined) {
    expected = createHmac("sha1", credential.secretAccessKey).update(policy, "utf8").digest();
  } else {
    const derived = keys.get(credential.accessKeyId, credential.secretAccessKey, scope);
    keep = derived.keep;
    expected = createHmac("sha256", derived.key).update(policy, "utf8").digest();
  }
  const given = Buffer.from(presented.signature, scope === undefined ? "base64" : "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new AwsError(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
      403,
      {
        fields: {
          AWSAccessKeyId: presented.accessKeyId,
          StringToSign: policy,
          SignatureProvided: presented.signature,
          StringToSignBytes: hexBytes(policy),
        },
      },
    );
  }
  keep();
}

function objectKey(form: PostForm): string {
  const key = form.fields.get("key");
  if (key === undefined) {
    throw invalidArgument(
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      "key",
      "",
    );
  }
  if (key === "")
    throw new AwsError(
      "UserKeyMustBeSpecified",
      "The bucket POST must contain the specified field name. If it is specified, check the order of the fields.",
      400,
    );
  // Only the last path component of what the browser names, whichever separator its system has.
  const filename = form.file.filename.replace(/^.*[/\\]/s, "");
  return key.replaceAll("${filename}", () => filename);
}

async function* within(stream: ByteStream, range: LengthRange): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > range.max) {
      throw new AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, {
        fields: { ProposedSize: String(size), MaxSizeAllowed: String(range.max) },
      });
    }
    yield piece;
  }
  if (size < range.min) {
    throw new AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, {
      fields: { ProposedSize: String(size), MinSizeAllowed: String(range.min) },
    });
  }
}
