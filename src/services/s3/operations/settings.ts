/** Versioning, default encryption, requester pays, and what no bucket here can have. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { invalidArgument, malformedXml, noSuchConfiguration, notImplemented } from "../errors.ts";
import { requireMfa } from "../mfa.ts";
import { invalidBucketState } from "../objectLock.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket, type BucketEncryption } from "../state.ts";

export async function putBucketVersioning(
  input: In<"PutBucketVersioning">,
  ctx: CallContext,
): Promise<Out<"PutBucketVersioning">> {
  const bucket = await requireBucket(ctx, input);
  const { Status: status, MFADelete: mfaDelete } = input.VersioningConfiguration ?? {};
  if (status !== undefined && status !== "Enabled" && status !== "Suspended") throw malformedXml();
  if (mfaDelete !== undefined && mfaDelete !== "Enabled" && mfaDelete !== "Disabled") throw malformedXml();
  if (status === undefined) {
    throw new AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified", 400);
  }
  if (bucket.objectLock && status === "Suspended") {
    throw invalidBucketState(
      "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
    );
  }
  // Once MFA delete is on, versioning itself can only be changed with the device.
  const changesMfa = mfaDelete !== undefined && mfaDelete !== (bucket.mfaDelete ?? "Disabled");
  if (changesMfa || bucket.mfaDelete === "Enabled") await requireMfa(ctx, bucket, input.MFA);
  if (changesMfa && mfaDelete === "Enabled" && bucket.lifecycle) {
    throw invalidBucketState("MFA Delete cannot be enabled on a bucket that has a lifecycle configuration.");
  }
  putBucket(ctx, { ...bucket, versioning: status, ...(mfaDelete === undefined ? {} : { mfaDelete }) });
  return {};
}

export async function getBucketVersioning(
  input: In<"GetBucketVersioning">,
  ctx: CallContext,
): Promise<Out<"GetBucketVersioning">> {
  const bucket = await requireBucket(ctx, input);
  return {
    ...(bucket.versioning === undefined ? {} : { Status: bucket.versioning }),
    ...(bucket.mfaDelete === undefined ? {} : { MFADelete: bucket.mfaDelete }),
  };
}

/** What every bucket has until somebody says otherwise; SSE-C is blocked for new buckets since April 2026. */
const initialEncryption: BucketEncryption = { algorithm: "AES256", bucketKey: false, blocked: ["SSE-C"] };

export async function putBucketEncryption(
  input: In<"PutBucketEncryption">,
  ctx: CallContext,
): Promise<Out<"PutBucketEncryption">> {
  const bucket = await requireBucket(ctx, input);
  const rules = input.ServerSideEncryptionConfiguration?.Rules ?? [];
  const rule = rules[0];
  if (rules.length !== 1 || !rule) throw malformedXml();
  const { SSEAlgorithm: algorithm = "AES256", KMSMasterKeyID: kmsKeyId } =
    rule.ApplyServerSideEncryptionByDefault ?? {};
  if (algorithm !== "AES256" && algorithm !== "aws:kms" && algorithm !== "aws:kms:dsse") throw malformedXml();
  if (algorithm === "AES256" && kmsKeyId !== undefined) {
    throw invalidArgument(
      "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
      "ApplyServerSideEncryptionByDefault",
    );
  }
  const types = rule.BlockedEncryptionTypes?.EncryptionType;
  if (types?.some((type) => type !== "SSE-C" && type !== "NONE")) throw malformedXml();
  const blocked = types ? types.filter((type) => type !== "NONE") : bucket.encryption.blocked;
  putBucket(ctx, {
    ...bucket,
    encryption: {
      algorithm,
      ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
      bucketKey: rule.BucketKeyEnabled ?? false,
      ...(blocked ? { blocked } : {}),
    },
  });
  return {};
}

export async function getBucketEncryption(
  input: In<"GetBucketEncryption">,
  ctx: CallContext,
): Promise<Out<"GetBucketEncryption">> {
  const { encryption } = await requireBucket(ctx, input);
  const { algorithm, kmsKeyId, bucketKey, blocked } = encryption;
  return {
    ServerSideEncryptionConfiguration: {
      Rules: [
        {
          ApplyServerSideEncryptionByDefault: {
            SSEAlgorithm: algorithm,
            ...(kmsKeyId === undefined ? {} : { KMSMasterKeyID: kmsKeyId }),
          },
          BucketKeyEnabled: bucketKey,
          ...(blocked
            ? { BlockedEncryptionTypes: { EncryptionType: (blocked.length > 0 ? blocked : ["NONE"]) as "SSE-C"[] } }
            : {}),
        },
      ],
    },
  };
}

/** Encryption cannot be switched off: the default becomes SSE-S3 again. */
export async function deleteBucketEncryption(
  input: In<"DeleteBucketEncryption">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketEncryption">> {
  const bucket = await requireBucket(ctx, input);
  putBucket(ctx, { ...bucket, encryption: { ...initialEncryption, blocked: bucket.encryption.blocked ?? [] } });
  return {};
}

export async function putBucketRequestPayment(
  input: In<"PutBucketRequestPayment">,
  ctx: CallContext,
): Promise<Out<"PutBucketRequestPayment">> {
  const { requestPayer: _, ...bucket } = await requireBucket(ctx, input);
  const payer = input.RequestPaymentConfiguration?.Payer;
  if (payer !== "Requester" && payer !== "BucketOwner") throw malformedXml();
  putBucket(ctx, { ...bucket, ...(payer === "Requester" ? { requestPayer: payer } : {}) });
  return {};
}

export async function getBucketRequestPayment(
  input: In<"GetBucketRequestPayment">,
  ctx: CallContext,
): Promise<Out<"GetBucketRequestPayment">> {
  const bucket = await requireBucket(ctx, input);
  return { Payer: bucket.requestPayer ?? "BucketOwner" };
}

/** Events go to the stream `s3-events` when EventBridge is switched on; other destinations are not delivered to yet. */
/**
 * Features without anything behind them here. Setting them is refused with the reason; asking for them tells
 * the truth, which provisioning tools need: no bucket has any.
 */
export async function getBucketWebsite(
  input: In<"GetBucketWebsite">,
  ctx: CallContext,
): Promise<Out<"GetBucketWebsite">> {
  throw noSuchConfiguration.website((await requireBucket(ctx, input)).name);
}

export async function getBucketReplication(
  input: In<"GetBucketReplication">,
  ctx: CallContext,
): Promise<Out<"GetBucketReplication">> {
  throw noSuchConfiguration.replication((await requireBucket(ctx, input)).name);
}

export async function getBucketLogging(
  input: In<"GetBucketLogging">,
  ctx: CallContext,
): Promise<Out<"GetBucketLogging">> {
  await requireBucket(ctx, input);
  return {};
}

export async function getBucketAccelerateConfiguration(
  input: In<"GetBucketAccelerateConfiguration">,
  ctx: CallContext,
): Promise<Out<"GetBucketAccelerateConfiguration">> {
  await requireBucket(ctx, input);
  return {};
}

export async function putBucketWebsite(
  input: In<"PutBucketWebsite">,
  ctx: CallContext,
): Promise<Out<"PutBucketWebsite">> {
  await requireBucket(ctx, input);
  throw notImplemented("Website endpoints are not served: there is no website listener.");
}

export async function putBucketLogging(
  input: In<"PutBucketLogging">,
  ctx: CallContext,
): Promise<Out<"PutBucketLogging">> {
  await requireBucket(ctx, input);
  // Switching off what is off already is no lie.
  if (!input.BucketLoggingStatus?.LoggingEnabled) return {};
  throw notImplemented("Server access logs are not delivered. CloudTrail data events record every request.");
}
