/**
 * The data keys of volumes and snapshots, as EC2 gets them from KMS for its caller. Sources: KMS Developer Guide, "How
 * Amazon EBS uses AWS KMS" (encryption context `aws:ebs:id`) and "Amazon EC2 example two" (GenerateDataKeyWithoutPlaintext
 * of 64 bytes, CreateGrant constrained to that context, Decrypt); EBS User Guide, "How EBS encryption works".
 *
 * On AWS the grant names the instance that a volume is attached to. Here a host attaches a volume without a call, so the
 * grant is made with the volume, for EC2 itself, and its revocation keeps the volume from being attached.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Random } from "#kernel/ids.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import type { Clients } from "#gateway/clients.ts";
import { parseArn } from "#kernel/arn.ts";
import { xtsKeyBytes } from "#engines/xts/index.ts";
import type { DataKey } from "./state.ts";

export const ec2Principal = "ec2.amazonaws.com";
export const ebsAlias = "alias/aws/ebs";

export const contextOf = (id: string): Record<string, string> => ({ "aws:ebs:id": id });

type Kms = Clients["kms"];

/** A new key for a volume or copy. KMS refuses in the caller's name. */
export async function newDataKey(kms: Kms, random: Random, kmsKeyId: string, id: string): Promise<DataKey> {
  const made = await kms.GenerateDataKeyWithoutPlaintext({
    KeyId: kmsKeyId,
    NumberOfBytes: xtsKeyBytes,
    EncryptionContext: contextOf(id),
  });
  return { kmsKeyArn: made.KeyId!, wrapped: base64(made.CiphertextBlob!), context: id, id: random.uuid() };
}

/** The same data key, wrapped anew for another volume or copy under the same KMS key. */
export async function rewrapped(kms: Kms, key: DataKey, id: string): Promise<DataKey> {
  const { CiphertextBlob } = await kms.ReEncrypt({
    CiphertextBlob: Buffer.from(key.wrapped, "base64"),
    SourceKeyId: key.kmsKeyArn,
    SourceEncryptionContext: contextOf(key.context),
    DestinationKeyId: key.kmsKeyArn,
    DestinationEncryptionContext: contextOf(id),
  });
  return { kmsKeyArn: key.kmsKeyArn, wrapped: base64(CiphertextBlob!), context: id, id: key.id };
}

/** EC2 may unwrap this key from now on. `name` keeps two users of one key apart. */
export async function granted(kms: Kms, key: DataKey, name: string): Promise<DataKey> {
  const { GrantId } = await kms.CreateGrant({
    KeyId: key.kmsKeyArn,
    GranteePrincipal: ec2Principal,
    RetiringPrincipal: ec2Principal,
    Operations: ["Decrypt"],
    Constraints: { EncryptionContextSubset: contextOf(key.context) },
    Name: name,
  });
  return { ...key, grantId: GrantId! };
}

/** Grants for a new key and for the one that its data is read under; both or none. */
export async function grantedBoth(
  ctx: CallContext,
  fresh: DataKey,
  source: { key: DataKey; region: string },
  name: string,
): Promise<[fresh: DataKey, source: DataKey]> {
  const target = await granted(ctx.aws.kms, fresh, name);
  try {
    return [target, await granted(kmsIn(ctx, source.region), source.key, name)];
  } catch (error) {
    await retire(ctx, target);
    throw error;
  }
}

/** A refusal of KMS, as opposed to KMS being out of reach or too busy. */
export function isKeyRefusal(error: unknown): error is AwsError {
  return error instanceof AwsError && error.status < 500 && error.code !== "ThrottlingException";
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

type Calling = Pick<JobContext, "asService">;

function asEc2(ctx: Calling, key: DataKey): Kms {
  const { account, region } = parseArn(key.kmsKeyArn)!;
  return ctx.asService(ec2Principal, { account, region }).kms;
}

/** The key itself, by the grant. The caller overwrites it. */
export async function unwrapped(ctx: Calling, key: DataKey): Promise<Uint8Array> {
  const { Plaintext } = await asEc2(ctx, key).Decrypt({
    CiphertextBlob: Buffer.from(key.wrapped, "base64"),
    KeyId: key.kmsKeyArn,
    EncryptionContext: contextOf(key.context),
  });
  return Plaintext!;
}

/** A grant that is gone already, or whose key is, is as good as retired. */
export async function retire(ctx: Calling, key: DataKey | undefined): Promise<void> {
  if (key?.grantId === undefined) return;
  try {
    await asEc2(ctx, key).RetireGrant({ KeyId: key.kmsKeyArn, GrantId: key.grantId });
  } catch (error) {
    if (!isKeyRefusal(error)) throw error;
  }
}

/** KMS for the caller, maybe in another Region than the call's. */
const kmsIn = (ctx: CallContext, region: string): Kms => (region === ctx.region ? ctx.aws.kms : ctx.awsIn(region).kms);
