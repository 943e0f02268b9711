/**
 * Values on the disk that only this installation reads: AES-256-GCM under a data key of the process that wrote them.
 * What a value is bound to, its document or its place in a stream, is authenticated: it cannot stand for another.
 *
 * INVARIANT: a key never sees a nonce twice. Each process has a key of its own, and counts.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

export interface SealingKey {
  id: string;
  key: KeyObject;
  /** The next number of this key; 12 bytes. */
  nonce(): Uint8Array;
}

/** Where the keys come from. They reject while the installation is sealed. */
export interface SealingKeys {
  /** The key to seal with: at hand, or had from the key holder. */
  current(): SealingKey | Promise<SealingKey>;
  byId(id: string): KeyObject | Promise<KeyObject>;
}

/** What is in the place of a value: the key's id, a point, and base64 of nonce, ciphertext and tag. */
export interface SealedValue {
  sealed: string;
}

const nonceBytes = 12;
const tagBytes = 16;
/** JSON of this length and more is compressed first, in characters. */
const compressedFrom = 4_096;
const [plain, compressed] = [0, 1];

export function isSealed(value: unknown): value is SealedValue {
  return typeof value === "object" && value !== null && typeof (value as Partial<SealedValue>).sealed === "string";
}

/** @param json what is sealed */
export function sealJson({ id, key, nonce }: SealingKey, json: string, bound: string): SealedValue {
  const iv = nonce();
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(bound));
  const pack = json.length >= compressedFrom;
  const content = pack
    ? zstdCompressSync(Buffer.from(json), { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
    : Buffer.from(json);
  const head = cipher.update(Uint8Array.of(pack ? compressed : plain));
  const sealed = Buffer.concat([iv, head, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  return { sealed: `${id}.${sealed.toString("base64")}` };
}

export const keyIdOf = ({ sealed }: SealedValue): string => sealed.slice(0, sealed.indexOf("."));

/** @throws Error where key, value and what it is bound to do not belong together */
export function openJson(key: KeyObject, { sealed }: SealedValue, bound: string): string {
  const bytes = Buffer.from(sealed.slice(sealed.indexOf(".") + 1), "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  const opened = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  const content = opened.subarray(1);
  return (opened[0] === compressed ? zstdDecompressSync(content) : content).toString("utf8");
}

/** Opens a value, if it is a sealed one: what was written before its kind was sealed is as it is. */
export async function openValue<T>(keys: SealingKeys, value: T, bound: string): Promise<T> {
  if (!isSealed(value)) return value;
  const key = keys.byId(keyIdOf(value));
  return JSON.parse(openJson(key instanceof Promise ? await key : key, value, bound)) as T;
}

/** What binds an event to its stream. Its partition follows from its key. */
export const eventBound = (stream: string, id: string): string => `${stream}\0${id}`;
