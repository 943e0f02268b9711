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

export type SigningAlgorithm =
  | "RSASSA_PKCS1_V1_5_SHA_256"
  | "RSASSA_PKCS1_V1_5_SHA_384"
  | "RSASSA_PKCS1_V1_5_SHA_512"
  | "RSASSA_PSS_SHA_256"
  | "RSASSA_PSS_SHA_384"
  | "RSASSA_PSS_SHA_512"
  | "ECDSA_SHA_256"
  | "ECDSA_SHA_384"
  | "ECDSA_SHA_512"
  | "ED25519_SHA_512"
  | "ED25519_PH_SHA_512"
  | "ML_DSA_SHAKE_256";

export type MessageType = "RAW" | "DIGEST" | "EXTERNAL_MU";

export type EncryptionAlgorithm = "SYMMETRIC_DEFAULT" | "RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256";
export type OaepAlgorithm = Exclude<EncryptionAlgorithm, "SYMMETRIC_DEFAULT">;

export type WrappingAlgorithm =
  | "RSAES_OAEP_SHA_1"
  | "RSAES_OAEP_SHA_256"
  | "RSA_AES_KEY_WRAP_SHA_1"
  | "RSA_AES_KEY_WRAP_SHA_256";

/** The private half of a key that material is encrypted under on its way in; opaque, and bound like a token. */
export interface WrappingKey {
  wrapped: Uint8Array;
  bound: string;
}

export type SealState =
  | { sealed: false; seal: string; development: boolean }
  /** `shares`: of a seal with shares, once some have been entered. */
  | { sealed: true; seal: string; reason: string; shares?: { entered: number; needed: number } };

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

  /**
   * New material. `publicKey` of a pair is DER, X.509 SubjectPublicKeyInfo. RSA is made on a thread of its own and
   * holds up nobody. Rejects with `UnsupportedMaterial` for a spec this holder cannot make.
   */
  generate(spec: MaterialSpec, bound: string): Promise<{ token: KeyToken; publicKey?: Uint8Array }>;
  /** Symmetric encryption under a key derived per call; `aad` is authenticated. Output: nonce, IV, ciphertext, tag. */
  encrypt(token: KeyToken, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Rejects with `DecryptError` when key, data or `aad` differ. */
  decrypt(token: KeyToken, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Decrypts and encrypts inside the holder; the plaintext does not leave it. `algorithm`: SYMMETRIC_DEFAULT. */
  reencrypt(
    from: { token: KeyToken; ciphertext: Uint8Array; aad: Uint8Array; algorithm?: EncryptionAlgorithm },
    to: { token: KeyToken; aad: Uint8Array; algorithm?: EncryptionAlgorithm },
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

  /** A data key pair: its public key as SubjectPublicKeyInfo, its PKCS #8 sealed under `token` and, if wanted, in clear. */
  dataKeyPair(
    token: KeyToken,
    spec: MaterialSpec,
    aad: Uint8Array,
    withPlaintext: boolean,
  ): Promise<{ publicKey: Uint8Array; ciphertext: Uint8Array; plaintext?: Uint8Array }>;

  /**
   * ECDSA signatures are DER; PSS has a salt as long as the digest. Rejects with `UnsupportedMaterial` when algorithm,
   * message type, length of a digest and key do not go together.
   */
  sign(
    token: KeyToken,
    algorithm: SigningAlgorithm,
    messageType: MessageType,
    message: Uint8Array,
  ): Promise<Uint8Array>;
  verify(
    token: KeyToken,
    algorithm: SigningAlgorithm,
    messageType: MessageType,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
  /** Rejects with `InvalidInput` when the plaintext is too long for the modulus. */
  encryptOaep(token: KeyToken, algorithm: OaepAlgorithm, plaintext: Uint8Array): Promise<Uint8Array>;
  /** Rejects with `DecryptError`, whatever is wrong. */
  decryptOaep(token: KeyToken, algorithm: OaepAlgorithm, ciphertext: Uint8Array): Promise<Uint8Array>;
  /** The raw ECDH secret. Rejects with `InvalidInput` when `peer` is not a SubjectPublicKeyInfo on the same named curve. */
  agree(token: KeyToken, peer: Uint8Array): Promise<Uint8Array>;
  encapsulate(token: KeyToken): Promise<{ ciphertext: Uint8Array; secret: Uint8Array }>;
  /** Rejects with `InvalidInput` when the ciphertext has another length than the key's. */
  decapsulate(token: KeyToken, ciphertext: Uint8Array): Promise<Uint8Array>;

  /** A key to encrypt material under on its way in. `publicKey` is DER, SubjectPublicKeyInfo. */
  newWrappingKey(
    spec: "RSA_2048" | "RSA_3072" | "RSA_4096",
    bound: string,
  ): Promise<{ key: WrappingKey; publicKey: Uint8Array }>;
  /**
   * Takes material in. `fingerprint` is HMAC-SHA-256 of the material under the HMAC_256 key `fingerprintKey`: the same
   * material has the same one for as long as that key lives. Rejects with `InvalidWrappingKey`, with `DecryptError` when `encrypted` does not
   * open, with `InvalidInput` when what is inside is not material of this spec.
   */
  importMaterial(
    spec: MaterialSpec,
    bound: string,
    wrapping: { key: WrappingKey; algorithm: WrappingAlgorithm },
    encrypted: Uint8Array,
    fingerprintKey: KeyToken,
  ): Promise<{ token: KeyToken; publicKey?: Uint8Array; fingerprint: Uint8Array }>;
  /** The same material under another name, in a group of its own. */
  rewrap(token: KeyToken, bound: string): Promise<KeyToken>;

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

/** The wrapping key was not made here, or not for this. */
export class InvalidWrappingKey extends Error {
  constructor() {
    super("the wrapping key was not made here, or not for this");
    this.name = "InvalidWrappingKey";
  }
}

/** What was handed in is not of the kind it has to be. */
export class InvalidInput extends Error {
  constructor(what: string) {
    super(what);
    this.name = "InvalidInput";
  }
}
