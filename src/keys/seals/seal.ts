/**
 * A seal turns what an operator holds (a passphrase, a key file, shares, a key in somebody else's keeping) into the
 * root key. The derivation runs inside the key holder, so these files import nothing but `node:` modules.
 */
export interface SealDefinition {
  /** Name in the keyring file and in `SealState`. */
  kind: string;
  /** True when anybody who can read the data folder can open it; the state carries a warning then. */
  development: boolean;
  /**
   * `given`: the operator or a file has the secret. `made`: the holder draws it, and hands it out once, in a box, to
   * whoever is to keep it.
   */
  secret: "given" | "made";
  /** Parameters for a new keyring, kept in clear beside the wrapped domain keys. */
  newParameters(config: SealConfig): Record<string, unknown>;
  /**
   * 32 bytes, owned by the caller, who zeroes them. Throws `SealInputError` on parameters or secrets that cannot be
   * right; a wrong secret is noticed later, when the domain keys do not unwrap.
   */
  root(secret: Uint8Array, parameters: Record<string, unknown>): Buffer;
  /** Kept by something outside, which is asked by a helper process (`outside/`). */
  outside?: true;
  /** Only of `made`: what is handed out of 32 new bytes. */
  handOut?(secret: Uint8Array, parameters: Record<string, unknown>): Buffer;
}

/** Which seal an installation uses, and where its secret comes from when it can open by itself. */
export type SealConfig =
  | { kind: "development" }
  /** `file`: opened at start and after a restart, e.g. a systemd credential. Without it, somebody calls `unseal`. */
  | { kind: "passphrase"; file?: string }
  /** Any `threshold` of `shares` people open it together. */
  | { kind: "shamir"; threshold: number; shares: number }
  /** Under a key of another KMS: its ARN, and where it is asked. */
  | { kind: "kms"; key: string; endpoint: string }
  /** Under an external key, behind an XKS proxy: `https://host:port`, `[/<prefix>]/kms/xks/v1`, the external key id. */
  | { kind: "xks"; endpoint: string; path: string; key: string }
  /** Under a key in a PKCS #11 token: path of its module, label of the token, label of the key. */
  | { kind: "pkcs11"; module: string; token: string; key: string }
  /** By the TPM 2.0 of this machine; `pcrs`: only while these have the values that they have now, e.g. `0,7`. */
  | { kind: "tpm"; pcrs?: string };

/** What boxes are for (`box.ts`): a secret on its way to the holder, and what the holder hands out. */
export const secretPurpose = "secret of the seal";
export const handedOutPurpose = "handed out by the seal";

export class SealInputError extends Error {}
