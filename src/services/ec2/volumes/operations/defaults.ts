/** Encryption by default, and its key. Source: EC2 API Reference, EnableEbsEncryptionByDefault, ModifyEbsDefaultKmsKeyId. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { failure, invalidValue, missing } from "../../errors.ts";
import type { Ec2Handlers } from "../../sdk.ts";
import { ebsAlias, isKeyRefusal } from "../keys.ts";
import { saveSettings, settingsOf } from "../settings.ts";

async function change(ctx: CallContext, encryptByDefault: boolean) {
  saveSettings(ctx, { ...(await settingsOf(ctx)), encryptByDefault });
  return { EbsEncryptionByDefault: encryptByDefault };
}

/** The ARN of a key that can encrypt volumes. @throws InvalidKmsKey.InvalidState, InvalidParameterValue */
async function requireKey(ctx: CallContext, KeyId: string): Promise<string> {
  const key = await ctx.aws.kms.DescribeKey({ KeyId }).catch((error: unknown) => {
    if (!isKeyRefusal(error)) throw error;
    throw new AwsError(
      "InvalidParameterValue",
      `The key ${KeyId} does not exist or is not accessible: ${error.message}`,
      400,
    );
  });
  const { KeyState, KeySpec, KeyUsage, Arn } = key.KeyMetadata!;
  if (KeyState !== "Enabled") {
    throw failure("InvalidKmsKey.InvalidState", "The KMS key provided is in an incorrect state");
  }
  if (KeySpec !== "SYMMETRIC_DEFAULT" || KeyUsage !== "ENCRYPT_DECRYPT") {
    throw failure("InvalidKmsKey.InvalidKeyUsage", "The specified KMS key is not a symmetric encryption key.");
  }
  if (key.KeyMetadata!.AWSAccountId !== ctx.account) {
    throw invalidValue("The default key must be a key of this account.");
  }
  return Arn!;
}

export const defaultHandlers: Ec2Handlers = {
  EnableEbsEncryptionByDefault: (_input, ctx) => change(ctx, true),
  DisableEbsEncryptionByDefault: (_input, ctx) => change(ctx, false),

  async GetEbsEncryptionByDefault(_input, ctx) {
    return { EbsEncryptionByDefault: (await settingsOf(ctx)).encryptByDefault, SseType: "sse-ebs" };
  },

  async GetEbsDefaultKmsKeyId(_input, ctx) {
    return { KmsKeyId: (await settingsOf(ctx)).kmsKeyArn ?? ebsAlias };
  },

  async ModifyEbsDefaultKmsKeyId(input, ctx) {
    const given = input.KmsKeyId;
    if (given === undefined || given === "") throw missing("kmsKeyId");
    const settings = await settingsOf(ctx);
    const { kmsKeyArn: _former, ...rest } = settings;
    if (given === ebsAlias) {
      saveSettings(ctx, rest);
      return { KmsKeyId: ebsAlias };
    }
    const kmsKeyArn = await requireKey(ctx, given);
    saveSettings(ctx, { ...rest, kmsKeyArn });
    return { KmsKeyId: kmsKeyArn };
  },

  async ResetEbsDefaultKmsKeyId(_input, ctx) {
    const { kmsKeyArn: _former, ...rest } = await settingsOf(ctx);
    saveSettings(ctx, rest);
    return { KmsKeyId: ebsAlias };
  },
};
