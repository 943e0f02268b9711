/**
 * Compiled policies by their text. Compiling costs some ten microseconds and more, deciding two, and the same
 * few documents serve almost every request of an installation.
 */
import type { Policy, PolicyKind } from "./document.ts";
import { loadPolicy } from "./parse.ts";

/** One instance belongs to whoever loads policies for requests. The least recently used document leaves first. */
export class CompiledPolicies {
  readonly #capacity: number;
  /** In order of use, the oldest first. */
  readonly #policies = new Map<string, Policy>();

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  /**
   * The compiled document; broken, not thrown, when it cannot be read.
   *
   * INVARIANT: the key is the whole text and the kind, so a changed document is never answered with an old one.
   */
  load(text: string, kind: PolicyKind): Policy {
    const key = `${kind} ${text}`;
    const known = this.#policies.get(key);
    if (known !== undefined) {
      this.#policies.delete(key);
      this.#policies.set(key, known);
      return known;
    }
    const policy = loadPolicy(text, kind);
    this.#policies.set(key, policy);
    if (this.#policies.size > this.#capacity) {
      for (const oldest of this.#policies.keys()) {
        this.#policies.delete(oldest);
        break;
      }
    }
    return policy;
  }

  get size(): number {
    return this.#policies.size;
  }
}
