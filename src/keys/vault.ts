import {
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeySync,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from "node:crypto";
import { frameAad, openBlob, sealBlob } from "./blob.ts";
import { privateKeyOf, secretOf } from "./keyPairs.ts";
import { isPair, type MaterialRow, materialOf, materialOfCode, type PairRow, type SecretRow } from "./materials.ts";

export class VaultSealed extends Error {}
export class VaultDecrypt extends Error {}
export class VaultUnsupported extends Error {}
/** What the caller handed in is not material, a public key or a ciphertext of the kind it has to be. */
export class VaultInput extends Error {}
export class VaultWrappingKey extends Error {}
export class UnknownDomainKey extends Error {}
export class NeedsTombstoneKey extends Error {
  readonly group: string;
  constructor(group: string) {
    super("tombstone key needed");
    this.group = group;
  }
}

/** Part of `bound` in front of the first "|": all versions of one key share a tombstone key and die together. */
export function groupOf(bound: string): string {
  const end = bound.indexOf("|");
  return end < 0 ? bound : bound.slice(0, end);
}

/** A token, opened: what of the material is in memory. */
interface Secret {
  row: SecretRow;
  key: KeyObject;
  group: string;
}

interface Pair {
  row: PairRow;
  key: KeyObject;
  publicKey: KeyObject;
  group: string;
}

type Material = Secret | Pair;

/** What comes of wrapping: the token's bytes and, when one was made, the group's wrapped tombstone key. */
export interface Wrapped {
  wrapped: Buffer;
  tombstone: Buffer | undefined;
}

/**
 * The key hierarchy, in the memory of the holder process only:
 *
 *     root (seal) → domain key → tombstone key of a key → material of a key version → key per blob
 *
 * A token is the material wrapped twice: inside under the tombstone key, outside under the domain key. The token
 * lives in the database, the wrapped tombstone key in a file beside it, so that a database restored from a backup
 * cannot bring a deleted key back.
 *
 * INVARIANT: raw key bytes exist in a Buffer only inside one method, which zeroes it; between calls there are
 * KeyObjects only.
 */
export class Vault {
  readonly #domains = new Map<number, KeyObject>();
  #current = 0;
  #root: KeyObject | undefined;
  /** Least recently used first; the value is what a token unwraps to. */
  readonly #materials = new Map<string, Material>();
  readonly #groups = new Map<string, Set<string>>();
  readonly #limit: number;

  constructor(limit = 4096) {
    this.#limit = limit;
  }

  get sealed(): boolean {
    return this.#current === 0;
  }

  /** A new domain key, wrapped under `root` for the keyring file; it is not used until `useDomainKey`. */
  static newDomainKey(root: KeyObject, id: number): Buffer {
    const material = randomBytes(32);
    const wrapped = wrapDomainKey(root, id, material);
    material.fill(0);
    return wrapped;
  }

  /** The root as a KeyObject; zeroes `bytes`. */
  static root(bytes: Buffer): KeyObject {
    const derived = Buffer.from(hkdfSync("sha256", bytes, "", "jikimi root", 32));
    bytes.fill(0);
    return takeKey(derived);
  }

  /** Throws `VaultDecrypt` when the root does not unwrap every domain key, and changes nothing then. */
  unseal(root: KeyObject, current: number, domains: readonly { id: number; wrapped: Uint8Array }[]): void {
    const opened = domains.map(({ id, wrapped }) => [id, openDomainKey(root, id, wrapped)] as const);
    if (!opened.some(([id]) => id === current)) throw new VaultDecrypt();
    for (const [id, key] of opened) this.#domains.set(id, key);
    this.#root = root;
    this.#current = current;
  }

  /** Every domain key in use, wrapped under another root. */
  domainKeysUnder(root: KeyObject): { id: number; wrapped: Buffer }[] {
    return [...this.#domains].map(([id, key]) => {
      const raw = key.export();
      const wrapped = wrapDomainKey(root, id, raw);
      raw.fill(0);
      return { id, wrapped };
    });
  }

  nextDomainKey(id: number): Buffer {
    if (!this.#root) throw new VaultSealed();
    return Vault.newDomainKey(this.#root, id);
  }

  useDomainKey(id: number, wrapped: Uint8Array): void {
    if (!this.#root) throw new VaultSealed();
    this.#domains.set(id, openDomainKey(this.#root, id, wrapped));
    this.#current = id;
  }

  /** New secret material. `tombstone`: the wrapped tombstone key of the group, or empty to make one. */
  generate(spec: string, bound: string, tombstone: Uint8Array): Wrapped {
    const row = materialOf(spec);
    if (!row || isPair(row)) throw new VaultUnsupported("key material of this type");
    return this.wrap(row, randomBytes(row.bytes), bound, tombstone);
  }

  /** Wraps material into a token, and zeroes it. */
  wrap(row: MaterialRow, secret: Buffer, bound: string, tombstone: Uint8Array): Wrapped {
    const raw = Buffer.concat([Buffer.of(row.code), secret]);
    secret.fill(0);
    try {
      const domain = this.#domain();
      let made: Buffer | undefined;
      let tombstoneKey: KeyObject;
      if (tombstone.length > 0) {
        tombstoneKey = this.#openTombstoneKey(groupOf(bound), tombstone);
      } else {
        tombstoneKey = generateKeySync("aes", { length: 256 });
        const key = tombstoneKey.export();
        made = this.#wrapUnderDomain(domain, "jikimi tombstone key", key, frameAad("tombstone", groupOf(bound)));
        key.fill(0);
      }
      const inner = sealBlob(tombstoneKey, "jikimi token inner", raw, frameAad("token", bound));
      const wrapped = this.#wrapUnderDomain(domain, "jikimi token outer", inner, frameAad("token", bound));
      return { wrapped, tombstone: made };
    } finally {
      raw.fill(0);
    }
  }

  /** The same material under another name: what a multi-Region key has in each of its Regions. */
  rewrap(wrapped: Buffer, bound: string, tombstone: Uint8Array, to: { bound: string; tombstone: Uint8Array }): Wrapped {
    const material = this.#material(wrapped, bound, tombstone);
    const secret = isPair(material.row) ? secretOf(material.row, material.key) : material.key.export();
    return this.wrap(material.row, secret as Buffer, to.bound, to.tombstone);
  }

  encrypt(wrapped: Buffer, bound: string, tombstone: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Buffer {
    return sealBlob(this.#symmetric(wrapped, bound, tombstone), "jikimi-kms", plaintext, aad);
  }

  /** `encrypt` in two steps: the token is opened now, the sealing may come in a later turn of the event loop. */
  sealer(wrapped: Buffer, bound: string, tombstone: Uint8Array): (plaintext: Uint8Array, aad: Uint8Array) => Buffer {
    const key = this.#symmetric(wrapped, bound, tombstone);
    return (plaintext, aad) => sealBlob(key, "jikimi-kms", plaintext, aad);
  }

  decrypt(wrapped: Buffer, bound: string, tombstone: Uint8Array, blob: Uint8Array, aad: Uint8Array): Buffer {
    const plaintext = openBlob(this.#symmetric(wrapped, bound, tombstone), "jikimi-kms", blob, aad);
    if (!plaintext) throw new VaultDecrypt();
    return plaintext;
  }

  mac(wrapped: Buffer, bound: string, tombstone: Uint8Array, message: Uint8Array): Buffer {
    const { row, key } = this.#material(wrapped, bound, tombstone);
    if (row.kind !== "mac") throw new VaultUnsupported("a MAC under this kind of key");
    return createHmac(row.digest!, key).update(message).digest();
  }

  verifyMac(wrapped: Buffer, bound: string, tombstone: Uint8Array, message: Uint8Array, mac: Uint8Array): boolean {
    const expected = this.mac(wrapped, bound, tombstone, message);
    return expected.length === mac.length && timingSafeEqual(expected, mac);
  }

  protect(purpose: string, bound: string, secret: Uint8Array): Buffer {
    return this.#wrapUnderDomain(this.#domain(), "jikimi protect", secret, frameAad("protect", purpose, bound));
  }

  reveal(purpose: string, bound: string, blob: Uint8Array): Buffer {
    return this.#openUnderDomain("jikimi protect", blob, frameAad("protect", purpose, bound));
  }

  /** The key pair behind a token. */
  pair(wrapped: Buffer, bound: string, tombstone: Uint8Array): Pair {
    const material = this.#material(wrapped, bound, tombstone);
    if (!isPairMaterial(material)) throw new VaultUnsupported("this use of a secret key");
    return material;
  }

  /** Drops every cached key of a group. */
  forget(group: string): void {
    for (const entry of this.#groups.get(group) ?? []) this.#materials.delete(entry);
    this.#groups.delete(group);
  }

  #domain(): { id: number; key: KeyObject } {
    const key = this.#domains.get(this.#current);
    if (!key) throw new VaultSealed();
    return { id: this.#current, key };
  }

  #symmetric(wrapped: Buffer, bound: string, tombstone: Uint8Array): KeyObject {
    const { row, key } = this.#material(wrapped, bound, tombstone);
    // INVARIANT: one key, one use. A MAC key never encrypts.
    if (row.kind !== "symmetric") throw new VaultUnsupported("encryption under this kind of key");
    return key;
  }

  /**
   * The key behind a token. The cache is keyed by token and bound together, so a token that is shown with another
   * bound misses it and fails the authentication below.
   */
  #material(wrapped: Buffer, bound: string, tombstone: Uint8Array): Material {
    if (this.sealed) throw new VaultSealed();
    const entry = `${wrapped.toString("latin1")}\0${bound}`;
    const cached = this.#materials.get(entry);
    if (cached) {
      this.#materials.delete(entry);
      this.#materials.set(entry, cached);
      return cached;
    }
    const group = groupOf(bound);
    if (tombstone.length === 0) throw new NeedsTombstoneKey(group);
    const inner = this.#openUnderDomain("jikimi token outer", wrapped, frameAad("token", bound));
    const tombstoneKey = this.#openTombstoneKey(group, tombstone);
    const raw = openBlob(tombstoneKey, "jikimi token inner", inner, frameAad("token", bound));
    if (!raw) throw new VaultDecrypt();
    const material = opened(raw, group);
    this.#remember(entry, material);
    return material;
  }

  #remember(entry: string, material: Material): void {
    if (this.#materials.size >= this.#limit) {
      const [[oldest, { group }]] = this.#materials as unknown as [[string, Material]];
      this.#materials.delete(oldest);
      const entries = this.#groups.get(group);
      entries?.delete(oldest);
      if (entries?.size === 0) this.#groups.delete(group);
    }
    this.#materials.set(entry, material);
    let entries = this.#groups.get(material.group);
    if (!entries) this.#groups.set(material.group, (entries = new Set()));
    entries.add(entry);
  }

  #openTombstoneKey(group: string, wrapped: Uint8Array): KeyObject {
    return takeKey(this.#openUnderDomain("jikimi tombstone key", wrapped, frameAad("tombstone", group)));
  }

  /** `domain id₃₂ ‖ blob`. The id is authenticated: it is part of the additional data. */
  #wrapUnderDomain(domain: { id: number; key: KeyObject }, label: string, secret: Uint8Array, aad: Buffer): Buffer {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(domain.id);
    return Buffer.concat([id, sealBlob(domain.key, label, secret, Buffer.concat([id, aad]))]);
  }

  #openUnderDomain(label: string, wrapped: Uint8Array, aad: Buffer): Buffer {
    if (this.sealed) throw new VaultSealed();
    if (wrapped.length < 4) throw new VaultDecrypt();
    const id = Buffer.from(wrapped.subarray(0, 4));
    const key = this.#domains.get(id.readUInt32BE(0));
    if (!key) throw new UnknownDomainKey();
    const secret = openBlob(key, label, wrapped.subarray(4), Buffer.concat([id, aad]));
    if (!secret) throw new VaultDecrypt();
    return secret;
  }
}

/** The material in the bytes that a token wraps; zeroes them. @throws VaultDecrypt */
function opened(raw: Buffer, group: string): Material {
  try {
    const row = materialOfCode(raw[0]!);
    const secret = raw.subarray(1);
    if (!row || ("bytes" in row && secret.length !== row.bytes)) throw new VaultDecrypt();
    if (!isPair(row)) return { row, key: createSecretKey(secret), group };
    const key = privateKeyOf(row, secret);
    return { row, key, publicKey: createPublicKey(key), group };
  } finally {
    raw.fill(0);
  }
}

function isPairMaterial(material: Material): material is Pair {
  return "publicKey" in material;
}

function wrapDomainKey(root: KeyObject, id: number, raw: Uint8Array): Buffer {
  return sealBlob(root, "jikimi domain key", raw, frameAad("domain", String(id)));
}

function openDomainKey(root: KeyObject, id: number, wrapped: Uint8Array): KeyObject {
  const raw = openBlob(root, "jikimi domain key", wrapped, frameAad("domain", String(id)));
  if (!raw) throw new VaultDecrypt();
  return takeKey(raw);
}

/** Turns raw bytes into a KeyObject and zeroes them. */
function takeKey(raw: Buffer): KeyObject {
  const key = createSecretKey(raw);
  raw.fill(0);
  return key;
}
