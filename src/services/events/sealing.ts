/**
 * Texts under a customer's KMS key: events of a bus or an archive, secrets of a connection. EventBridge asks KMS as
 * itself, so the key policy decides, and a key that is disabled ends what depends on it.
 * Source: EventBridge User Guide, "Encrypting EventBridge event buses with AWS KMS keys" (kms:DescribeKey,
 * kms:GenerateDataKey, kms:Decrypt for events.amazonaws.com; encryption context `aws:events:event-bus:arn`),
 * "Encrypting connections".
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Clients } from "#gateway/clients.ts";
import type { SealedText } from "./event.ts";

/** How long a data key is used again before KMS is asked anew. */
const reuseMs = 300_000;
const capacity = 10_000;
/** Inflated, nothing of ours is longer. */
const longestText = 2 * 1024 * 1024;

interface DataKey {
  key: KeyObject;
  wrapped: string;
  until: number;
}

export interface SealingContext {
  clock: Clock;
  random: Random;
}

export class Sealer {
  readonly #sealing = new Map<string, DataKey>();
  readonly #opening = new Map<string, DataKey>();

  /** @param kms asks as EventBridge. @throws AwsError as KMS refuses */
  async seal(
    ctx: SealingContext,
    kms: Clients["kms"],
    kmsKeyId: string,
    context: Readonly<Record<string, string>>,
    text: string,
  ): Promise<SealedText> {
    const id = cacheId(kmsKeyId, context, "");
    const { key, wrapped } = await remembered(this.#sealing, id, ctx.clock, async () => {
      const made = await kms.GenerateDataKey({
        KeyId: kmsKeyId,
        KeySpec: "AES_256",
        EncryptionContext: { ...context },
      });
      return {
        key: createSecretKey(made.Plaintext as Uint8Array),
        wrapped: Buffer.from(made.CiphertextBlob as Uint8Array).toString("base64"),
      };
    });
    const nonce = ctx.random.bytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const bytes = Buffer.concat([cipher.update(deflateRawSync(text)), cipher.final(), cipher.getAuthTag()]);
    return { kmsKeyId, wrapped, nonce: nonce.toString("base64"), text: bytes.toString("base64") };
  }

  /** @throws AwsError as KMS refuses */
  async open(
    ctx: Pick<SealingContext, "clock">,
    kms: Clients["kms"],
    context: Readonly<Record<string, string>>,
    sealed: SealedText,
  ): Promise<string> {
    const id = cacheId(sealed.kmsKeyId, context, sealed.wrapped);
    const { key } = await remembered(this.#opening, id, ctx.clock, async () => {
      const found = await kms.Decrypt({
        KeyId: sealed.kmsKeyId,
        CiphertextBlob: Buffer.from(sealed.wrapped, "base64"),
        EncryptionContext: { ...context },
      });
      return { key: createSecretKey(found.Plaintext as Uint8Array), wrapped: sealed.wrapped };
    });
    const bytes = Buffer.from(sealed.text, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(sealed.nonce, "base64"));
    decipher.setAuthTag(bytes.subarray(-16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
    return inflateRawSync(plain, { maxOutputLength: longestText }).toString("utf8");
  }
}

function cacheId(kmsKeyId: string, context: Readonly<Record<string, string>>, wrapped: string): string {
  return JSON.stringify([kmsKeyId, Object.entries(context), wrapped]);
}

async function remembered(
  keys: Map<string, DataKey>,
  id: string,
  clock: Clock,
  make: () => Promise<Pick<DataKey, "key" | "wrapped">>,
): Promise<Pick<DataKey, "key" | "wrapped">> {
  const known = keys.get(id);
  if (known && known.until > clock.now()) return known;
  const made = { ...(await make()), until: clock.now() + reuseMs };
  if (keys.size >= capacity) keys.clear();
  keys.set(id, made);
  return made;
}

export const busContext = (busArn: string): Record<string, string> => ({ "aws:events:event-bus:arn": busArn });
