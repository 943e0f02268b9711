/**
 * What temporary credentials may not do whatever the policies say.
 * Source: IAM User Guide, "Compare AWS STS credentials": GetSessionToken's cannot call IAM "unless MFA information
 * is included", nor STS "except AssumeRole or GetCallerIdentity"; GetFederationToken's cannot call IAM, nor STS
 * "except GetCallerIdentity" (neither holds for console sessions); those of roles and of AssumeRoot cannot call
 * GetFederationToken and GetSessionToken.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Principal } from "./principal.ts";

type Origin = "sessionToken" | "federationToken" | "role" | "assumedRoot";

interface Limits {
  iam: "always" | "withMfa" | "never";
  sts: { only: readonly string[] } | { not: readonly string[] };
}

const notForSessions = ["GetFederationToken", "GetSessionToken"];

const limits: Readonly<Record<Origin, Limits>> = {
  sessionToken: { iam: "withMfa", sts: { only: ["AssumeRole", "GetCallerIdentity"] } },
  federationToken: { iam: "never", sts: { only: ["GetCallerIdentity"] } },
  role: { iam: "always", sts: { not: notForSessions } },
  assumedRoot: { iam: "always", sts: { not: notForSessions } },
};

function originOf(principal: Principal): { origin: Origin; mfa: boolean } | undefined {
  if (!("session" in principal) || !principal.session || principal.session.console) return undefined;
  const mfa = principal.session.mfaAuthenticated;
  switch (principal.kind) {
    case "role":
      return { origin: "role", mfa };
    case "federated":
      return { origin: "federationToken", mfa };
    case "root":
    case "user":
      return { origin: principal.session.assumedRoot ? "assumedRoot" : "sessionToken", mfa };
  }
}

/** The refusal of a call that the caller makes itself with temporary credentials; `undefined` when there is nothing against it. */
export function sessionRefusal(principal: Principal, service: string, operation: string): AwsError | undefined {
  const session = originOf(principal);
  if (!session) return undefined;
  const { iam, sts } = limits[session.origin];
  if (service === "iam" && (iam === "never" || (iam === "withMfa" && !session.mfa))) {
    return new AwsError("InvalidClientTokenId", "The security token included in the request is invalid", 403);
  }
  if (service !== "sts") return undefined;
  const may = "only" in sts ? sts.only.includes(operation) : !sts.not.includes(operation);
  return may ? undefined : new AwsError("AccessDenied", `Cannot call ${operation} with session credentials`, 403);
}
