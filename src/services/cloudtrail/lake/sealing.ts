/**
 * Events of a store with a key are kept under data keys of that key: without it nobody reads them, we included.
 * Source: CloudTrail User Guide, "Default KMS key policy for CloudTrail Lake event data stores": the service
 * principal needs kms:GenerateDataKey and kms:Decrypt.
 *
 * INVARIANT: the key's policy and state decide each time anew; a plain data key lives as long as one batch or query.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import type { Random } from "#kernel/ids.ts";
import type { Clients } from "#gateway/clients.ts";
import type { EventDataStore } from "./state.ts";

/** Base64 throughout. */
export interface Sealed {
  /** The data key under the store's key. */
  key: string;
  iv: string;
  /** Ciphertext and tag. */
  data: string;
}

const tagBytes = 16;

function context(store: Pick<EventDataStore, "arn">): Record<string, string> {
  return { "aws:cloudtrail:arn": store.arn };
}

/** @throws KMS's own errors when the key cannot be used. */
export async function openSealer(
  kms: Clients["kms"],
  store: Pick<EventDataStore, "arn" | "kmsKeyId">,
  random: Random,
): Promise<(value: unknown, bound: string) => Sealed> {
  const made = await kms.GenerateDataKey({
    KeyId: store.kmsKeyId,
    KeySpec: "AES_256",
    EncryptionContext: context(store),
  });
  const plain = createSecretKey(made.Plaintext as Uint8Array);
  const key = Buffer.from(made.CiphertextBlob as Uint8Array).toString("base64");
  return (value, bound) => {
    const iv = random.bytes(12);
    const cipher = createCipheriv("aes-256-gcm", plain, iv);
    cipher.setAAD(Buffer.from(bound));
    const data = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final(), cipher.getAuthTag()]);
    return { key, iv: iv.toString("base64"), data: data.toString("base64") };
  };
}

/** Opens what was sealed for a store; each data key is asked for once. */
export class Unsealer {
  readonly #kms: Clients["kms"];
  readonly #store: Pick<EventDataStore, "arn" | "kmsKeyId">;
  readonly #keys = new Map<string, Promise<KeyObject>>();

  constructor(kms: Clients["kms"], store: Pick<EventDataStore, "arn" | "kmsKeyId">) {
    this.#kms = kms;
    this.#store = store;
  }

  /** @throws KMS's own errors when the key cannot be used. */
  async open<T>(sealed: Sealed, bound: string): Promise<T> {
    let key = this.#keys.get(sealed.key);
    if (!key) this.#keys.set(sealed.key, (key = this.#decrypt(sealed.key)));
    const data = Buffer.from(sealed.data, "base64");
    const decipher = createDecipheriv("aes-256-gcm", await key, Buffer.from(sealed.iv, "base64"));
    decipher.setAAD(Buffer.from(bound));
    decipher.setAuthTag(data.subarray(-tagBytes));
    const plain = Buffer.concat([decipher.update(data.subarray(0, -tagBytes)), decipher.final()]);
    return JSON.parse(plain.toString("utf8")) as T;
  }

  async #decrypt(wrapped: string): Promise<KeyObject> {
    const { Plaintext } = await this.#kms.Decrypt({
      CiphertextBlob: Buffer.from(wrapped, "base64"),
      KeyId: this.#store.kmsKeyId,
      EncryptionContext: context(this.#store),
    });
    return createSecretKey(Plaintext as Uint8Array);
  }
}
