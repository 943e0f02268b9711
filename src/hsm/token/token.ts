/** What all applications of one HSM share. */
import type { Vault } from "../vault/vault.ts";
import type { KeyBackend } from "./backend.ts";
import { CKR, Failure } from "./constants.ts";

export interface Token {
  readonly vault: Vault;
  readonly backend: KeyBackend;
  readonly names: TokenNames;
  readonly memory: Memory;
}

export interface TokenNames {
  /** At most 32 bytes. */
  label: string;
  /** At most 16 bytes. */
  model: string;
  serial: string;
  /** What holds the keys, at most 32 bytes: shown as the library's description. */
  description: string;
}

/** Parts of operations that wait for their end, over all applications. INVARIANT: an HSM holds no more than this. */
export class Memory {
  static readonly most = 256 * 1024 * 1024;
  #held = 0;

  take(bytes: number): void {
    if (this.#held + bytes > Memory.most) throw new Failure(CKR.DEVICE_MEMORY);
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
