/**
 * The decision. Sources: IAM User Guide, "How AWS enforcement code logic evaluates requests to allow or deny
 * access", "Policy evaluation for requests within a single account", "Cross-account policy evaluation logic";
 * AWS Organizations User Guide, "SCP evaluation", "RCP evaluation"; AWS KMS Developer Guide, "Key policies".
 *
 * INVARIANT: a request is allowed only when every applicable policy was read and evaluated and none denies.
 * INVARIANT: the decision depends on nothing but the request; the order of policies and statements changes which
 * of several denials is named, never the effect.
 */
import { buildContext, type RequestContext } from "./context.ts";
import type { Deciding, Decision, EvaluationRequest, PolicyType } from "./decision.ts";
import type { NamedPolicy } from "./document.ts";
import rcpServices from "./data/rcp-services.json" with { type: "json" };
import { accountOf, isServiceLinkedRole, type Principal } from "./principal.ts";
import { type Hit, type Scan, scan, type Subject } from "./statement-match.ts";

export function evaluate(request: EvaluationRequest): Decision {
  return decide(request, subjectOf(request));
}

/** The subject of a request, with the context built from principal and entries when first asked for. */
export function subjectOf(request: EvaluationRequest, context?: RequestContext): Subject {
  const account = accountOf(request.principal);
  let built = context;
  return {
    principal: request.principal,
    action: request.action.toLowerCase(),
    service: serviceOf(request.action),
    resource: request.resource,
    foreignAccount: account === request.resourceAccount ? undefined : account,
    hasBoundary: request.policies.boundary !== undefined,
    context: () => (built ??= buildContext(request.principal, request.resourceAccount, request.context)),
  };
}

const rcpSupported: ReadonlySet<string> = new Set(rcpServices.services);

function serviceOf(action: string): string {
  const colon = action.indexOf(":");
  return (colon < 0 ? action : action.slice(0, colon)).toLowerCase();
}

/** Policies of one type that apply to a request. Each level needs an Allow of its own; most types have one level. */
export interface ApplicablePolicies {
  type: PolicyType;
  levels: readonly (readonly NamedPolicy[])[];
}

/**
 * Which policies bear on a request at all.
 * - Identity-based policies, boundaries and session policies limit users and sessions; never AWS services, callers
 *   without account, or the root user, except that a root session of AssumeRoot is narrowed by its task policy.
 * - SCPs bind the principals of member accounts, root included; RCPs bind whoever reaches the account's resources
 *   of the services that support them. Neither binds service-linked roles.
 */
export function applicablePolicies(request: EvaluationRequest): ApplicablePolicies[] {
  const { principal, policies } = request;
  const limited = isLimited(principal);
  const organization = !isServiceLinkedRole(principal);
  const resourceType: PolicyType = policies.resource?.some(({ policy }) => policy.kind === "trust")
    ? "role trust policy"
    : "resource-based policy";
  const all: ApplicablePolicies[] = [
    {
      type: "service control policy",
      levels: organization && accountOf(principal) !== undefined ? (policies.scps ?? []) : [],
    },
    {
      type: "resource control policy",
      levels: organization && rcpSupported.has(serviceOf(request.action)) ? (policies.rcps ?? []) : [],
    },
    { type: "VPC endpoint policy", levels: policies.vpcEndpoint === undefined ? [] : [policies.vpcEndpoint] },
    { type: resourceType, levels: request.trust === "identityOnly" ? [] : [policies.resource ?? []] },
    { type: "identity-based policy", levels: limited ? [policies.identity ?? []] : [] },
    {
      type: "permissions boundary",
      levels: limited && policies.boundary !== undefined ? [[policies.boundary]] : [],
    },
    { type: "session policy", levels: needsSession(request, limited) ? [policies.session ?? []] : [] },
  ];
  return all;
}

function isLimited(principal: Principal): boolean {
  return principal.kind === "user" || principal.kind === "role" || principal.kind === "federatedUser";
}

/**
 * "If there is no session policy, the code checks whether the principal is a role session. If the principal is a
 * role session, then the request is allowed. Otherwise, the request is implicitly denied": a federated user always
 * answers to session policies, even to none. A root session of AssumeRoot is narrowed by the denials of its task policy.
 */
function needsSession(request: EvaluationRequest, limited: boolean): boolean {
  const { principal, policies } = request;
  const passed = (policies.session?.length ?? 0) > 0;
  return principal.kind === "root" ? passed : limited && (passed || principal.kind === "federatedUser");
}

export function decide(request: EvaluationRequest, subject: Subject): Decision {
  const results = new Map<PolicyType, Scan[]>();
  let error: { type: PolicyType; scan: Scan } | undefined;
  for (const { type, levels } of applicablePolicies(request)) {
    const scans: Scan[] = [];
    for (const level of levels) {
      const found = scan(level, subject);
      if (found.deny !== undefined) return denied(request, "explicitDeny", hitIn(type, found.deny));
      if (found.error !== undefined) error ??= { type, scan: found };
      scans.push(found);
    }
    results.set(type, scans);
  }
  if (error !== undefined) return failed(request, error.type, error.scan);
  for (const type of ["service control policy", "resource control policy", "VPC endpoint policy"] as const) {
    if (!allAllow(results.get(type))) return denied(request, "implicitDeny", { type });
  }
  return grant(request, results);
}

/** What is left once nothing denies and the organization does not object. */
function grant(request: EvaluationRequest, results: ReadonlyMap<PolicyType, readonly Scan[]>): Decision {
  const { principal, trust } = request;
  const resourceType: PolicyType = results.has("role trust policy") ? "role trust policy" : "resource-based policy";
  const byResource = results.get(resourceType)?.[0];
  const byIdentity = results.get("identity-based policy")?.[0];
  const account = accountOf(principal);

  if (account === undefined) {
    return byResource?.allow === undefined
      ? denied(request, "implicitDeny", { type: resourceType })
      : allowed(request, hitIn(resourceType, byResource.allow));
  }

  // A grant that the caller's own account made on a foreign key speaks with both accounts' authority.
  const foreign = account !== request.resourceAccount && byResource?.allow?.policy.issuedBy !== account;
  if ((foreign || trust === "delegated") && byResource?.allow === undefined) {
    return denied(request, "implicitDeny", { type: resourceType });
  }
  if (principal.kind === "root") {
    // The root user "has full access" to its own account; elsewhere, and to keys, the resource's policy has spoken.
    return allowed(request, byResource?.allow === undefined ? undefined : hitIn(resourceType, byResource.allow));
  }

  if (!foreign && byResource?.match === "direct") return allowed(request, hitIn(resourceType, byResource.allow!));

  const byEntity = !foreign && byResource?.match === "entity";
  // A federated session of the root user starts from full access, which its session policies narrow.
  const ofRoot = principal.kind === "federatedUser" && principal.issuerArn.endsWith(":root");
  if (!byEntity && !ofRoot && byIdentity?.allow === undefined) {
    return denied(request, "implicitDeny", { type: "identity-based policy" });
  }
  for (const type of ["permissions boundary", "session policy"] as const) {
    if (!allAllow(results.get(type))) return denied(request, "implicitDeny", { type });
  }
  if (byEntity) return allowed(request, hitIn(resourceType, byResource!.allow!));
  if (byIdentity?.allow !== undefined) return allowed(request, hitIn("identity-based policy", byIdentity.allow));
  return allowed(request, hitIn("session policy", results.get("session policy")![0]!.allow!));
}

function allAllow(scans: readonly Scan[] | undefined): boolean {
  return scans === undefined || scans.every(({ allow }) => allow !== undefined);
}

function hitIn(type: PolicyType, { policy, statement }: Hit): Deciding {
  return {
    type,
    policy: policy.arn === undefined ? { name: policy.name } : { name: policy.name, arn: policy.arn },
    statement:
      statement.sid === undefined ? { index: statement.index } : { index: statement.index, sid: statement.sid },
  };
}

function allowed(request: EvaluationRequest, deciding: Deciding | undefined): Decision {
  return deciding === undefined
    ? { effect: "Allow", reason: "allow", request }
    : { effect: "Allow", reason: "allow", deciding, request };
}

function denied(request: EvaluationRequest, reason: "explicitDeny" | "implicitDeny", deciding: Deciding): Decision {
  return { effect: "Deny", reason, deciding, request };
}

/** "If the AWS enforcement code encounters an error at any point during the evaluation, it generates an exception." */
function failed(request: EvaluationRequest, type: PolicyType, { error }: Scan): Decision {
  const { policy, statement, message } = error!;
  const deciding: Deciding = {
    type,
    policy: policy.arn === undefined ? { name: policy.name } : { name: policy.name, arn: policy.arn },
  };
  if (statement !== undefined) {
    deciding.statement =
      statement.sid === undefined ? { index: statement.index } : { index: statement.index, sid: statement.sid };
  }
  return { effect: "Deny", reason: "error", deciding, error: message, request };
}
