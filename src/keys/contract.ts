/**
 * The key holder, as the rest of the product sees it: the only process that ever has key material in its
 * memory. Callers keep **wrapped** material (an exported key token) in the store and pass it along; the holder
 * unwraps it under the domain key, works, and answers. It writes nothing, opens no socket, spawns nothing.
 */
export type MaterialSpec =
  | "SYMMETRIC_DEFAULT"
  | "HMAC_224"
  | "HMAC_256"
  | "HMAC_384"
  | "HMAC_512"
  | "RSA_2048"
  | "RSA_3072"
  | "RSA_4096"
  | "ECC_NIST_P256"
  | "ECC_NIST_P384"
  | "ECC_NIST_P521"
  | "ECC_SECG_P256K1"
  | "ECC_NIST_EDWARDS25519"
  | "ML_DSA_44"
  | "ML_DSA_65"
  | "ML_DSA_87"
  | "ML_KEM_512"
  | "ML_KEM_768"
  | "ML_KEM_1024";

/** Wrapped key material with what it is bound to. Opaque outside the holder; safe in the database and in backups. */
export interface KeyToken {
  /** AES-256-GCM under the domain key named inside; additional data is `bound`. */
  wrapped: Uint8Array;
  /**
   * Binds the token to one key and version, e.g. "arn:aws:kms:…|3|SYMMETRIC_DEFAULT|AWS_KMS". The part in front of
   * the first "|" is the **group**: tokens of one group live and die together (`destroy`).
   */
  bound: string;
}

export type SealState =
  | { sealed: false; seal: string; development: boolean }
  | { sealed: true; seal: string; reason: string };

/**
 * Every call rejects with `Sealed` while sealed, with `KeyHolderUnavailable` when the process died under it (it may
 * be tried again), with `KeyDestroyed` when the group of a token was destroyed.
 */
export interface KeyHolder {
  state(): Promise<SealState>;
  /** Opens the seal; rejects with `SealError` when the secret is wrong. The first call of a new installation sets it. */
  unseal(secret: Uint8Array): Promise<void>;
  /** Forgets the domain keys and every cached key at once: the process ends and a new, sealed one takes its place. */
  seal(): Promise<void>;

  /** Rejects with `UnsupportedMaterial` for a spec this holder cannot make. */
  generate(spec: MaterialSpec, bound: string): Promise<{ token: KeyToken; publicKey?: Uint8Array }>;
  /** Symmetric encryption under a key derived per call; `aad` is authenticated. Output: nonce, IV, ciphertext, tag. */
  encrypt(token: KeyToken, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Rejects with `DecryptError` when key, data or `aad` differ. */
  decrypt(token: KeyToken, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Decrypts and encrypts inside the holder; the plaintext does not leave it. */
  reencrypt(
    from: { token: KeyToken; ciphertext: Uint8Array; aad: Uint8Array },
    to: { token: KeyToken; aad: Uint8Array },
  ): Promise<Uint8Array>;
  random(bytes: number): Promise<Uint8Array>;
  /** A fresh data key under `token`: the plaintext once, and its ciphertext. */
  dataKey(token: KeyToken, bytes: number, aad: Uint8Array): Promise<{ plaintext: Uint8Array; ciphertext: Uint8Array }>;
  /** A fresh data key whose plaintext does not leave the holder. */
  wrappedDataKey(token: KeyToken, bytes: number, aad: Uint8Array): Promise<Uint8Array>;
  /** HMAC with the digest that the token's spec names. */
  mac(token: KeyToken, message: Uint8Array): Promise<Uint8Array>;
  /** Compares in constant time, inside the holder. */
  verifyMac(token: KeyToken, message: Uint8Array, mac: Uint8Array): Promise<boolean>;

  /**
   * Makes every token of the group of `bound` useless for ever, those in backups of the database too: the group's
   * tombstone key, kept in a file outside the database, is overwritten.
   */
  destroy(bound: string): Promise<void>;
  /** From now on new tokens and secrets are wrapped under a new domain key; the old ones keep opening. */
  rotateDomainKey(): Promise<void>;

  /**
   * Protects the installation's own secrets (secret access keys, TOTP seeds, session tokens) in the store:
   * `purpose` and `bound` are authenticated.
   */
  protect(purpose: string, bound: string, secret: Uint8Array): Promise<Uint8Array>;
  reveal(purpose: string, bound: string, protectedSecret: Uint8Array): Promise<Uint8Array>;

  close(): Promise<void>;
}

export class SealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SealError";
  }
}

/** Sealed: every cryptographic call fails with this until somebody unseals. */
export class Sealed extends Error {
  constructor() {
    super("the key holder is sealed; unseal it with `jikimi unseal` or the console");
    this.name = "Sealed";
  }
}

export class DecryptError extends Error {
  constructor() {
    super("ciphertext, key and context do not belong together");
    this.name = "DecryptError";
  }
}

/** The process ended under the call, or has not come back in time. Nothing was changed; try again. */
export class KeyHolderUnavailable extends Error {
  constructor() {
    super("the key holder is restarting; try again");
    this.name = "KeyHolderUnavailable";
  }
}

/** The key was destroyed for good. */
export class KeyDestroyed extends Error {
  constructor() {
    super("the key material has been destroyed");
    this.name = "KeyDestroyed";
  }
}

/** The holder does not do this with this kind of material. */
export class UnsupportedMaterial extends Error {
  constructor(what: string) {
    super(`the key holder does not support ${what}`);
    this.name = "UnsupportedMaterial";
  }
}
