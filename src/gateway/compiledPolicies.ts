/**
 * Policies compiled once and kept by their text: the same document is evaluated in every call of its principals.
 * Bounded, in two generations: what has been used lately stays.
 */
import { fullAccess, loadPolicy } from "#policy/parse.ts";
import type { NamedPolicy as CompiledPolicy, Policy, PolicyKind } from "#policy/document.ts";
import type { NamedPolicy } from "./identity.ts";

export class CompiledPolicies {
  readonly #half: number;
  #young = new Map<string, Policy>();
  #old = new Map<string, Policy>();

  constructor(limit = 20_000) {
    this.#half = limit >> 1;
  }

  compile(policy: NamedPolicy, kind: PolicyKind): CompiledPolicy {
    const compiled = allowsAll(policy, kind)
      ? fullResourceAccess
      : this.#compiled(`${kind}\0${policy.document}`, policy.document, kind);
    const issuer = policy.issuedBy === undefined ? {} : { issuedBy: policy.issuedBy };
    return policy.name.startsWith("arn:")
      ? { name: policy.name, arn: policy.name, policy: compiled, ...issuer }
      : { name: policy.name, policy: compiled, ...issuer };
  }

  compileAll(policies: readonly NamedPolicy[], kind: PolicyKind): CompiledPolicy[] {
    return policies.map((policy) => this.compile(policy, kind));
  }

  #compiled(key: string, document: string, kind: PolicyKind): Policy {
    const young = this.#young.get(key);
    if (young) return young;
    // A document that cannot be read becomes a policy that denies: `loadPolicy` never throws.
    const policy = this.#old.get(key) ?? loadPolicy(document, kind);
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, policy);
    return policy;
  }
}

const fullResourceAccess = fullAccess("rcp");

/** The one RCP that may allow; it is AWS's own, so it is known by its name and not by what it says. */
function allowsAll({ name }: NamedPolicy, kind: PolicyKind): boolean {
  return (
    kind === "rcp" && /^arn:[^:]+:organizations::aws:policy\/resource_control_policy\/p-RCPFullAWSAccess$/.test(name)
  );
}
