/** GetCallerIdentity and GetAccessKeyInfo. Source: STS API Reference. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";

/** "No permissions are required to perform this operation", even with an explicit deny. */
export function getCallerIdentity(_input: Input<"GetCallerIdentity">, ctx: CallContext): Output<"GetCallerIdentity"> {
  const { principal } = ctx;
  if (principal.kind === "anonymous" || principal.kind === "service") {
    throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  return { Account: principal.account, Arn: principal.arn, UserId: principal.id };
}

export async function getAccessKeyInfo(
  input: Input<"GetAccessKeyInfo">,
  ctx: CallContext,
): Promise<Output<"GetAccessKeyInfo">> {
  const account = await ctx.identity.accountOfKey(input.AccessKeyId!);
  if (account === undefined) throw new AwsError("ValidationError", "Invalid Access Key", 400);
  return { Account: account };
}
