/**
 * May this principal do this? Puts together the policies in scope and the request context, and asks `policy`.
 *
 * INVARIANT: when a policy or a fact cannot be had, the call is refused (fail closed): every await here rejects
 * into a refusal, none is caught.
 */
import { AwsError } from "#kernel/errors.ts";
import { evaluate } from "#policy/evaluate.ts";
import type { Decision, EvaluationRequest, PolicySet as CompiledPolicySet } from "#policy/decision.ts";
import type { Principal as PolicyPrincipal } from "#policy/principal.ts";
import { explain } from "#policy/explain.ts";
import { denialMessage } from "#policy/message.ts";
import { accessDenied } from "#wire/authErrors.ts";
import { CompiledPolicies } from "./compiledPolicies.ts";
import { policyPrincipal, requestContext, type ContextValues } from "./contextKeys.ts";
import { accountOf } from "./principal.ts";
import type { Call, Runtime } from "./runtime.ts";
import type { Access } from "./service.ts";

/** A refusal, with what `jikimi why-denied` will show. */
export class Denied extends AwsError {
  readonly access: Access;
  readonly explanation: { en: string[]; ko: string[] };

  constructor(shown: AwsError, access: Access, explanation: { en: string[]; ko: string[] }) {
    super(shown.code, shown.message, shown.status, { fields: shown.fields, headers: shown.headers });
    this.access = access;
    this.explanation = explanation;
  }
}

const compiled = new WeakMap<Runtime, CompiledPolicies>();

export class Authorizer {
  readonly #runtime: Runtime;
  readonly #call: Omit<Call, "input">;
  readonly #now: number;
  readonly #policies: CompiledPolicies;
  #bounds: Promise<CompiledPolicySet> | undefined;
  #context: Promise<ContextValues> | undefined;

  constructor(runtime: Runtime, call: Omit<Call, "input">, now: number) {
    this.#runtime = runtime;
    this.#call = call;
    this.#now = now;
    let policies = compiled.get(runtime);
    if (!policies) compiled.set(runtime, (policies = new CompiledPolicies()));
    this.#policies = policies;
  }

  async require(access: Access): Promise<void> {
    const decision = await this.#decide(access);
    if (decision.effect === "Allow") {
      this.#touched(access.action);
      return;
    }
    const message = denialMessage(decision);
    const shown = access.onDenied?.(message) ?? accessDenied(this.#addressed(), message);
    throw new Denied(shown as AwsError, access, { en: explain(decision, "en"), ko: explain(decision, "ko") });
  }

  async allows(access: Access): Promise<boolean> {
    return (await this.#decide(access)).effect === "Allow";
  }

  async #decide(access: Access): Promise<Decision> {
    const { principal } = this.#call;
    const resourceAccount = access.resourceAccount ?? this.#call.account;
    const [bounds, context, rcps, resourceOrganization] = await Promise.all([
      (this.#bounds ??= this.#principalPolicies()),
      (this.#context ??= this.#requestContext()),
      this.#runtime.identity.resourceControl(resourceAccount),
      this.#runtime.identity.organization(resourceAccount),
    ]);
    const request: EvaluationRequest = {
      principal: principalFor(access, policyPrincipal(principal, this.#now)),
      action: access.action,
      resource: access.resource,
      resourceAccount,
      trust: access.trust ?? (access.resourcePolicies ? "either" : "identityOnly"),
      context: {
        ...context,
        ...(resourceOrganization
          ? { "aws:ResourceOrgID": resourceOrganization.id, "aws:ResourceOrgPaths": [resourceOrganization.path] }
          : {}),
        ...access.context,
      },
      policies: {
        ...bounds,
        ...(rcps ? { rcps: rcps.map((level) => this.#policies.compileAll(level, "rcp")) } : {}),
        ...(access.resourcePolicies
          ? { resource: this.#policies.compileAll(access.resourcePolicies, access.policyKind ?? "resource") }
          : {}),
      },
    };
    return evaluate(request);
  }

  async #principalPolicies(): Promise<CompiledPolicySet> {
    const { principal } = this.#call;
    if (principal.kind === "anonymous" || principal.kind === "service") return {};
    const set = await this.#runtime.identity.policies(principal);
    return {
      identity: this.#policies.compileAll(set.identity, "identity"),
      ...(set.boundary ? { boundary: this.#policies.compile(set.boundary, "boundary") } : {}),
      ...(set.session ? { session: this.#policies.compileAll(set.session, "session") } : {}),
      ...(set.serviceControl
        ? { scps: set.serviceControl.map((level) => this.#policies.compileAll(level, "scp")) }
        : {}),
    };
  }

  async #requestContext(): Promise<ContextValues> {
    const { principal, region, source } = this.#call;
    const account = accountOf(principal);
    const sourceAccount = principal.kind === "service" ? principal.sourceAccount : undefined;
    const organization = async (of: string | undefined) =>
      of === undefined ? undefined : await this.#runtime.identity.organization(of);
    const [principalOrganization, sourceOrganization] = await Promise.all([
      organization(account),
      organization(sourceAccount),
    ]);
    return requestContext({ principal, now: this.#now, region, source, principalOrganization, sourceOrganization });
  }

  #touched(action: string): void {
    const { principal, region } = this.#call;
    this.#runtime.identity.touched(principal, action.slice(0, action.indexOf(":")), action, region, this.#now);
  }

  #addressed() {
    const { service, protocol } = this.#call;
    // A call without the wire is refused in the service's own words; the caller's edge renders its own.
    return { id: service.id, signingName: service.signingName, protocol: protocol ?? firstProtocol(service.protocols) };
  }
}

/** The principal as this question sees it: a token's bearer, or a user who has just shown a code. */
function principalFor(access: Access, principal: PolicyPrincipal): PolicyPrincipal {
  if (access.federatedProvider !== undefined) return { kind: "federated", provider: access.federatedProvider };
  const proves =
    access.mfaProved && (principal.kind === "user" || principal.kind === "root" || principal.kind === "role");
  return proves ? { ...principal, mfa: { ageSeconds: 0 } } : principal;
}

function firstProtocol(protocols: readonly string[]) {
  return protocols[0] as NonNullable<Call["protocol"]>;
}
