/** Sealing keys in memory, for tests. */
import { createSecretKey, type KeyObject } from "node:crypto";
import type { SealingKey, SealingKeys } from "./sealing.ts";

export class TestSealingKeys implements SealingKeys {
  readonly #keys = new Map<string, KeyObject>();
  #count = 0;
  #calls = 0;
  sealed = false;

  current(): SealingKey | Promise<SealingKey> {
    const key = { id: "k1", key: this.#key("k1"), nonce: () => this.#nonce() };
    return this.#isAtHand() ? key : this.#later(key);
  }

  byId(id: string): KeyObject | Promise<KeyObject> {
    return this.#isAtHand() ? this.#key(id) : this.#later(this.#key(id));
  }

  /** Every second time a key has to be had from elsewhere. */
  #isAtHand(): boolean {
    return !this.sealed && this.#calls++ % 2 === 1;
  }

  async #later<T>(value: T): Promise<T> {
    await new Promise(setImmediate);
    if (this.sealed) throw new Error("sealed");
    return value;
  }

  #key(id: string): KeyObject {
    let key = this.#keys.get(id);
    if (!key) this.#keys.set(id, (key = createSecretKey(Buffer.alloc(32, this.#keys.size + 1))));
    return key;
  }

  #nonce(): Uint8Array {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(this.#count++, 8);
    return nonce;
  }
}
