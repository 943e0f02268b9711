/**
 * HMAC-SHA-256 under one key, for many short texts. `createHmac` makes an object of OpenSSL for each; two one-shot
 * hashes cost a third of it. Source: RFC 2104, section 2.
 */
import { hash } from "node:crypto";

const blockBytes = 64;
const digestBytes = 32;
/** Longer texts are rare enough to get a buffer of their own. */
const roomBytes = 1024;

export class Hmac256 {
  /** The padded key, and behind it what is hashed. */
  readonly #inner = Buffer.alloc(blockBytes + roomBytes, 0x36);
  readonly #outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);

  /** @param key at most 64 bytes */
  constructor(key: Uint8Array) {
    if (key.length > blockBytes) throw new RangeError("the key is longer than a block");
    for (const [i, byte] of key.entries()) {
      this.#inner[i] = 0x36 ^ byte;
      this.#outer[i] = 0x5c ^ byte;
    }
  }

  /** The code of a text of one byte per character, in lower-case hexadecimal digits. */
  hex(text: string): string {
    let inner = this.#inner;
    if (text.length > roomBytes) {
      inner = Buffer.alloc(blockBytes + text.length);
      this.#inner.copy(inner, 0, 0, blockBytes);
    }
    const written = inner.write(text, blockBytes, "latin1");
    // As text: a digest in a Buffer costs more to make than to hash.
    this.#outer.write(hash("sha256", inner.subarray(0, blockBytes + written), "latin1"), blockBytes, "latin1");
    return hash("sha256", this.#outer, "hex");
  }
}
