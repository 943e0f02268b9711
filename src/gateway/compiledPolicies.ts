/**
 * Policies compiled once and kept by their text: the same document is evaluated in every call of its principals.
 * Bounded, in two generations: what has been used lately stays.
 */
import { fullAccess, loadPolicy } from "#policy/parse.ts";
import type { NamedPolicy as CompiledPolicy, Policy, PolicyKind } from "#policy/document.ts";
import type { NamedPolicy } from "./identity.ts";

/** By kind, then text: to put the two into one key would copy every document at every call. */
type Generation = Map<PolicyKind, Map<string, Policy>>;

export class CompiledPolicies {
  readonly #half: number;
  #size = 0;
  #young: Generation = new Map();
  #old: Generation = new Map();
  /** Lists that their owner keeps, compiled as a whole. */
  readonly #lists = new WeakMap<readonly NamedPolicy[], { kind: PolicyKind; compiled: CompiledPolicy[] }>();

  constructor(limit = 20_000) {
    this.#half = limit >> 1;
  }

  compile(policy: NamedPolicy, kind: PolicyKind): CompiledPolicy {
    const compiled = allowsAll(policy, kind) ? fullResourceAccess : this.#compiled(policy.document, kind);
    const { name, issuedBy } = policy;
    return {
      name,
      ...(name.startsWith("arn:") ? { arn: name } : undefined),
      policy: compiled,
      ...(issuedBy === undefined ? undefined : { issuedBy }),
    };
  }

  compileAll(policies: readonly NamedPolicy[], kind: PolicyKind): CompiledPolicy[] {
    return policies.map((policy) => this.compile(policy, kind));
  }

  /** `compileAll` for a list that comes again: the same array, which nobody changes, is compiled once. */
  compileKept(policies: readonly NamedPolicy[], kind: PolicyKind): CompiledPolicy[] {
    const known = this.#lists.get(policies);
    if (known?.kind === kind) return known.compiled;
    const compiled = this.compileAll(policies, kind);
    this.#lists.set(policies, { kind, compiled });
    return compiled;
  }

  #compiled(document: string, kind: PolicyKind): Policy {
    const young = this.#young.get(kind)?.get(document);
    if (young) return young;
    // A document that cannot be read becomes a policy that denies: `loadPolicy` never throws.
    const policy = this.#old.get(kind)?.get(document) ?? loadPolicy(document, kind);
    if (this.#size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = 0;
    }
    let ofKind = this.#young.get(kind);
    if (!ofKind) this.#young.set(kind, (ofKind = new Map()));
    ofKind.set(document, policy);
    this.#size++;
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
