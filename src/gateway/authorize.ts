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
import { accessDenied, authFamily } from "#wire/authErrors.ts";
import { CompiledPolicies } from "./compiledPolicies.ts";
import { policyPrincipal, requestContext, type CallFacts, type ContextValues } from "./contextKeys.ts";
import { encodeDenial } from "./encodedDenial.ts";
import type { PolicySet } from "./identity.ts";
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
  #bounds: CompiledPolicySet | undefined;
  #facts: CallFacts | undefined;
  #ownOrganization: ReturnType<Runtime["identity"]["organization"]> | undefined;
  #principal: PolicyPrincipal | undefined;

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
    const shown = access.onDenied?.(message) ?? accessDenied(this.#addressed(), await this.#worded(message, decision));
    throw new Denied(shown as AwsError, access, { en: explain(decision, "en"), ko: explain(decision, "ko") });
  }

  /** EC2 appends why in a form that only administrators can read. */
  async #worded(message: string, decision: Decision): Promise<string> {
    const account = accountOf(this.#call.principal);
    if (authFamily(this.#addressed()) !== "ec2" || account === undefined) return message;
    const encoded = await encodeDenial(this.#runtime.keys, account, decision);
    return `${message}. Encoded authorization failure message: ${encoded}`;
  }

  async allows(access: Access): Promise<boolean> {
    return (await this.#decide(access)).effect === "Allow";
  }

  async #decide(access: Access): Promise<Decision> {
    const { identity } = this.#runtime;
    const resourceAccount = access.resourceAccount ?? this.#call.account;
    // One after the other: each is nearly always known already, and waiting for all at once costs more than that. So do
    // functions that wait: what is asked of every call is asked here.
    const { principal } = this.#call;
    const bounds = (this.#bounds ??=
      principal.kind === "anonymous" || principal.kind === "service"
        ? {}
        : this.#compiled(await identity.policies(principal)));
    const facts = (this.#facts ??= await this.#callFacts());
    const rcps = await identity.resourceControl(resourceAccount);
    const resourceOrganization = await this.#organization(resourceAccount);
    const policies = { ...bounds };
    if (rcps) policies.rcps = rcps.map((level) => this.#policies.compileKept(level, "rcp"));
    if (access.resourcePolicies) {
      policies.resource = this.#policies.compileAll(access.resourcePolicies, access.policyKind ?? "resource");
    }
    return evaluate(
      new Question(access, {
        principal: principalFor(access, (this.#principal ??= policyPrincipal(this.#call.principal, this.#now))),
        resourceAccount,
        resourceOrganization,
        facts,
        policies,
      }),
    );
  }

  #compiled(set: PolicySet): CompiledPolicySet {
    const compiled: CompiledPolicySet = { identity: this.#policies.compileKept(set.identity, "identity") };
    if (set.boundary) compiled.boundary = this.#policies.compile(set.boundary, "boundary");
    if (set.session) compiled.session = this.#policies.compileKept(set.session, "session");
    if (set.serviceControl) {
      compiled.scps = set.serviceControl.map((level) => this.#policies.compileKept(level, "scp"));
    }
    return compiled;
  }

  async #callFacts(): Promise<CallFacts> {
    const { principal, region, source } = this.#call;
    const account = accountOf(principal);
    const sourceAccount = principal.kind === "service" ? principal.sourceAccount : undefined;
    return {
      principal,
      now: this.#now,
      region,
      source,
      principalOrganization: account === undefined ? undefined : await this.#organization(account),
      sourceOrganization: sourceAccount === undefined ? undefined : await this.#organization(sourceAccount),
    };
  }

  /** The caller's account is mostly the resource's too. */
  #organization(account: string): ReturnType<Runtime["identity"]["organization"]> {
    if (account !== this.#call.account) return this.#runtime.identity.organization(account);
    return (this.#ownOrganization ??= this.#runtime.identity.organization(account));
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

interface Circumstances {
  principal: PolicyPrincipal;
  resourceAccount: string;
  resourceOrganization: { id: string; path: string } | undefined;
  facts: CallFacts;
  policies: CompiledPolicySet;
}

/** One question to the policy engine. Most policies have no condition, so its context waits until one asks. */
class Question implements EvaluationRequest {
  readonly #access: Access;
  readonly #facts: CallFacts;
  readonly #resourceOrganization: Circumstances["resourceOrganization"];
  #context: ContextValues | undefined;
  readonly principal: PolicyPrincipal;
  readonly action: string;
  readonly resource: string;
  readonly resourceAccount: string;
  readonly trust: EvaluationRequest["trust"];
  readonly policies: CompiledPolicySet;

  constructor(access: Access, circumstances: Circumstances) {
    this.#access = access;
    this.#facts = circumstances.facts;
    this.#resourceOrganization = circumstances.resourceOrganization;
    this.principal = circumstances.principal;
    this.action = access.action;
    this.resource = access.resource;
    this.resourceAccount = circumstances.resourceAccount;
    this.trust = access.trust ?? (access.resourcePolicies ? "either" : "identityOnly");
    this.policies = circumstances.policies;
  }

  get context(): ContextValues {
    return (this.#context ??= this.#build());
  }

  #build(): ContextValues {
    const context = requestContext(this.#facts);
    const organization = this.#resourceOrganization;
    if (organization) {
      context["aws:ResourceOrgID"] = organization.id;
      context["aws:ResourceOrgPaths"] = [organization.path];
    }
    return Object.assign(context, this.#access.context);
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
