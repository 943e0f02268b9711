/** The customer's key that a trail or a store names. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { noKey } from "./errors.ts";

/** ARN of a key given by id, ARN or alias. @throws KmsKeyNotFoundException */
export async function keyArn(ctx: CallContext, keyId: string): Promise<string> {
  try {
    const { KeyMetadata: key } = await ctx.aws.kms.DescribeKey({ KeyId: keyId });
    return key!.Arn!;
  } catch (error) {
    if (error instanceof AwsError && error.code === "NotFoundException") throw noKey(keyId);
    throw error;
  }
}
