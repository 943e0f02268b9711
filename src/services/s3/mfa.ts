/**
 * MFA delete: the `x-amz-mfa` header, "serial number, space, code".
 * Source: Amazon S3 User Guide, "Configuring MFA delete": only the root user of the bucket's owner may switch it
 * on, and only with a device of its own.
 */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { accessDenied } from "./errors.ts";
import type { Bucket } from "./state.ts";

const refused = () => accessDenied("Mfa Authentication must be used for this request");

/** The code is proved where MFA devices are known: STS gives a session only for a right one. */
export async function requireMfa(ctx: CallContext, bucket: Bucket, header: string | undefined): Promise<void> {
  const { principal } = ctx;
  if (principal.kind !== "root" || principal.account !== bucket.owner) throw refused();
  const match = /^(\S+)\s+(\d{6})$/.exec(header?.trim() ?? "");
  if (!match) throw refused();
  const [, SerialNumber, TokenCode] = match as unknown as [string, string, string];
  try {
    await ctx.once("mfa", () => ctx.aws.sts.GetSessionToken({ SerialNumber, TokenCode, DurationSeconds: 900 }));
  } catch (error) {
    if (error instanceof AwsError && error.status < 500) throw refused();
    throw error;
  }
}
