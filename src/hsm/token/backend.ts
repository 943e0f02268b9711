/**
 * What holds keys and computes with them. `embedded.ts` does so in the memory of the HSM's own process, `module.ts` lets
 * a PKCS #11 module do it. Attributes, users and who may do what are not a backend's concern.
 */
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { Curve } from "./curves.ts";

/** A key of a backend. */
export interface KeyReference {
  class: "secret" | "private";
  type: "AES" | "GENERIC" | "RSA" | "EC";
  /** What is kept, in a box, of the key: its material where the backend is embedded, its name in the module otherwise. */
  reference: Buffer;
  /** Of a new key: its file in the token's folder. It is kept with the object, outside of its box. */
  file?: string;
}

export type PairSpec = { type: "RSA"; bits: number; exponent: Buffer } | { type: "EC"; curve: Curve };

export interface KeyOptions {
  /** False: dies with the application's session. */
  token: boolean;
  /** Only such a key is ever exported. */
  extractable: boolean;
}

/** Every method rejects with `Failure`. */
export interface KeyBackend {
  readonly kind: "embedded" | "pkcs11";
  /** Mechanisms it has, out of those of `mechanisms.ts`. */
  offers(mechanism: number): boolean;
  generateSecret(type: "AES" | "GENERIC", bytes: number, options: KeyOptions): Promise<KeyReference>;
  /** With the public key as SubjectPublicKeyInfo, DER. */
  generatePair(spec: PairSpec, options: KeyOptions): Promise<{ key: KeyReference; spki: Buffer }>;
  importSecret(type: "AES" | "GENERIC", value: Buffer, options: KeyOptions): Promise<KeyReference>;
  /** @param pkcs8 PrivateKeyInfo, DER */
  importPrivate(type: "RSA" | "EC", pkcs8: Buffer, options: KeyOptions): Promise<KeyReference>;
  encrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer>;
  decrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer>;
  /** Signatures and MACs; ECDSA as r‖s. */
  sign(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer>;
  /** ECDH: the x coordinate. @param point uncompressed */
  agree(key: KeyReference, point: Buffer): Promise<Buffer>;
  /** The value of a secret key, PrivateKeyInfo of a private one. Only of extractable ones. */
  export(key: KeyReference): Promise<Buffer>;
  /** For good. @param isToken whether it was kept: not an object of a session */
  destroy(key: KeyReference, isToken: boolean): Promise<void>;
  /** Of backends that need a PIN of their own: makes what holds the keys of a new cluster, and gives that PIN. */
  prepare?(): Promise<Buffer>;
  /** The PIN, from the box of a crypto user who signs in. */
  unlock?(pin: Buffer): Promise<void>;
  /** No crypto user is signed in any more. */
  lock?(): void;
}
