/** What the edge hands out or writes down and nobody else may read or make: cookies, its last configuration, waiting log lines. */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import type { Random } from "#kernel/ids.ts";

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM under a key of its own for each purpose; the nonce is random, so at most 2^32 seals per key. */
export class Sealing {
  readonly #key: KeyObject;
  readonly #random: Random;

  /** @param secret 32 bytes */
  constructor(secret: Uint8Array, purpose: string, random: Random) {
    this.#key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", `jikimi-edge ${purpose}`, 32)));
    this.#random = random;
  }

  seal(plaintext: Uint8Array): Buffer {
    const nonce = this.#random.bytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined for whatever was not sealed here for this purpose. */
  open(sealed: Uint8Array): Buffer | undefined {
    if (sealed.length < nonceBytes + tagBytes) return undefined;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, sealed.subarray(0, nonceBytes));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  sealText(value: unknown): string {
    return this.seal(Buffer.from(JSON.stringify(value))).toString("base64url");
  }

  /** What `sealText` was given; undefined for anything else. */
  openText(text: string): unknown {
    const opened = this.open(Buffer.from(text, "base64url"));
    return opened === undefined ? undefined : (JSON.parse(opened.toString()) as unknown);
  }
}
