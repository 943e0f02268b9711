/** Key policies: the default one, and the checks on writing. Source: KMS Developer Guide, "Key policies in AWS KMS". */
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, type KeptPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { accessTo } from "./access.ts";
import { limitExceeded, malformedPolicy } from "./errors.ts";
import type { KeyDocument } from "./state.ts";

/** Bytes of a policy document: KMS Developer Guide, "Quotas", 32 KB. */
const maxPolicyBytes = 32_768;

/** What a key gets when CreateKey names no policy: the account's own policies decide. */
export function defaultPolicy(ctx: Pick<CallContext, "partition" | "account">): string {
  return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:${ctx.partition}:iam::${ctx.account}:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`;
}

/** Syntax, size and principals; gives what a key keeps of it. @throws MalformedPolicyDocumentException, LimitExceededException */
export async function checkPolicy(ctx: CallContext, policy: string): Promise<KeptPolicy> {
  if (Buffer.byteLength(policy) > maxPolicyBytes) {
    throw limitExceeded(`The key policy is longer than ${maxPolicyBytes} bytes.`);
  }
  try {
    parsePolicy(policy, "key");
  } catch (error) {
    throw error instanceof AwsError ? malformedPolicy(error.message) : error;
  }
  return keepPolicy(ctx.identity, policy, () =>
    malformedPolicy("Policy contains a statement with one or more invalid principals."),
  );
}

/**
 * The lockout safety check: the caller must still be able to call PutKeyPolicy under the new policy.
 * @throws MalformedPolicyDocumentException
 */
export async function checkLockout(ctx: CallContext, key: KeyDocument): Promise<void> {
  const context = { "kms:BypassPolicyLockoutSafetyCheck": "false" };
  const question = await accessTo(ctx, "PutKeyPolicy", { key }, { context });
  if (!(await ctx.allowed(question))) {
    throw malformedPolicy("The new key policy will not allow you to update the key policy in the future.");
  }
}
