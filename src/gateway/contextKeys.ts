/**
 * Global condition keys of the request: what is known of every call, whatever the service. Keys that describe
 * the principal come from `policy` itself. Source: IAM User Guide, "AWS global condition context keys".
 * A key that is not known is absent, which is what `Null` and `…IfExists` test for; it is never guessed.
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { Principal as PolicyPrincipal } from "#policy/principal.ts";
import type { Principal } from "./principal.ts";
import type { CallSource } from "./runtime.ts";

export type ContextValues = Record<string, string | readonly string[]>;

interface Organization {
  id: string;
  path: string;
}

export interface CallFacts {
  principal: Principal;
  /** Epoch milliseconds. */
  now: number;
  region: string;
  source: CallSource;
  principalOrganization?: Organization | undefined;
  /** Of the resource on whose behalf a service calls. */
  sourceOrganization?: Organization | undefined;
}

export function requestContext(facts: CallFacts): ContextValues {
  const { principal, now, region, source, principalOrganization, sourceOrganization } = facts;
  const { calledVia } = source;
  const viaService = calledVia.length > 0;
  const context: ContextValues = {
    "aws:CurrentTime": isoSeconds(now),
    "aws:EpochTime": String(Math.floor(now / 1000)),
    "aws:RequestedRegion": region,
    "aws:SecureTransport": String(source.scheme === "https" || viaService),
    "aws:ViaAWSService": String(viaService),
  };
  // A call that a service makes for the caller does not come from the caller's address.
  if (!viaService && principal.kind !== "service") context["aws:SourceIp"] = source.ip;
  if (source.userAgent) context["aws:UserAgent"] = source.userAgent;
  if (source.headers["referer"]) context["aws:Referer"] = source.headers["referer"];
  if (viaService) {
    context["aws:CalledVia"] = calledVia;
    context["aws:CalledViaFirst"] = calledVia[0]!;
    context["aws:CalledViaLast"] = calledVia.at(-1)!;
  }
  if (principal.kind === "service") {
    if (principal.sourceArn) context["aws:SourceArn"] = principal.sourceArn;
    if (principal.sourceAccount) context["aws:SourceAccount"] = principal.sourceAccount;
  }
  if (sourceOrganization) {
    context["aws:SourceOrgID"] = sourceOrganization.id;
    context["aws:SourceOrgPaths"] = [sourceOrganization.path];
  }
  if ("session" in principal && principal.session?.federatedContext) {
    Object.assign(context, principal.session.federatedContext);
  }
  if ("session" in principal && principal.session?.assumedRoot) context["aws:AssumedRoot"] = "true";
  if (principalOrganization) {
    context["aws:PrincipalOrgID"] = principalOrganization.id;
    context["aws:PrincipalOrgPaths"] = [principalOrganization.path];
  }
  return context;
}

/** The principal as the policy engine names it; session tags override tags of the user or role. */
export function policyPrincipal(principal: Principal, now: number): PolicyPrincipal {
  if (principal.kind === "anonymous") return principal;
  if (principal.kind === "service") {
    return { kind: "service", name: principal.service };
  }
  const { session, account } = principal;
  const tags = { ...principal.tags, ...session?.tags };
  const member = {
    account,
    ...(Object.keys(tags).length > 0 ? { tags } : {}),
    ...(session
      ? {
          session: {
            issuedAt: session.createdAt,
            ...(session.sourceIdentity ? { sourceIdentity: session.sourceIdentity } : {}),
          },
        }
      : {}),
    ...(session?.mfaAuthenticated
      ? { mfa: { ageSeconds: Math.max(0, Math.floor((now - (session.mfaAt ?? session.createdAt)) / 1000)) } }
      : {}),
  };
  switch (principal.kind) {
    case "root":
      return { kind: "root", arn: principal.arn, ...member };
    case "user":
      return { kind: "user", arn: principal.arn, id: principal.id, name: principal.userName, ...member };
    case "role":
      return {
        kind: "role",
        roleArn: principal.roleArn,
        roleId: principal.roleId,
        sessionArn: principal.arn,
        sessionName: principal.sessionName,
        ...(session?.federatedProvider ? { federatedProvider: session.federatedProvider } : {}),
        ...member,
      };
    case "federated":
      return {
        kind: "federatedUser",
        arn: principal.arn,
        name: principal.userName,
        issuerArn: principal.issuerArn,
        issuerId: principal.id,
        ...member,
      };
  }
}
