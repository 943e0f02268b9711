/**
 * Whose credentials IAM takes at all, whatever policies say.
 * Source: STS API reference, GetSessionToken ("You cannot call any IAM API operations unless MFA authentication
 * information is included in the request") and GetFederationToken ("You cannot call any IAM operations");
 * IAM User Guide, "Compare AWS STS credentials". AWS answers InvalidClientTokenId.
 */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import type { IamAccess } from "./sdk.ts";

function requireCaller({ principal }: CallContext): void {
  const unproven =
    (principal.kind === "user" || principal.kind === "root") &&
    principal.session !== undefined &&
    !principal.session.mfaAuthenticated &&
    !principal.session.console;
  if (principal.kind !== "federated" && !unproven) return;
  throw new AwsError("InvalidClientTokenId", "The security token included in the request is invalid", 403);
}

type Question = (input: never, ctx: CallContext) => unknown;

/** The same questions, asked only of callers that IAM takes. */
export function forCallers<T extends IamAccess>(access: T): T {
  const guarded = Object.entries(access as Record<string, Question>).map(([operation, ask]): [string, Question] => [
    operation,
    (input, ctx) => {
      requireCaller(ctx);
      return ask(input, ctx);
    },
  ]);
  return Object.fromEntries(guarded) as unknown as T;
}
