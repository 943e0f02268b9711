/**
 * A seal turns what an operator holds (a passphrase, a key file, later shares, a TPM, a token) into the root key.
 * The derivation runs inside the key holder, so these files import nothing but `node:crypto`.
 */
export interface SealDefinition {
  /** Name in the keyring file and in `SealState`. */
  kind: string;
  /** True when anybody who can read the data folder can open it; the state carries a warning then. */
  development: boolean;
  /** Parameters for a new keyring, kept in clear beside the wrapped domain keys. */
  newParameters(): Record<string, unknown>;
  /**
   * 32 bytes, owned by the caller, who zeroes them. Throws `SealInputError` on parameters or secrets that cannot be
   * right; a wrong secret is noticed later, when the domain keys do not unwrap.
   */
  root(secret: Uint8Array, parameters: Record<string, unknown>): Buffer;
}

/** Which seal an installation uses, and where its secret comes from when it can open by itself. */
export type SealConfig =
  | { kind: "development" }
  /** `file`: opened at start and after a restart, e.g. a systemd credential. Without it, somebody calls `unseal`. */
  | { kind: "passphrase"; file?: string };

export class SealInputError extends Error {}
