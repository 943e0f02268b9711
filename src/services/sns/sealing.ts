/**
 * Messages of topics with a KMS key wait for their delivery under a data key that was asked of KMS in the publisher's
 * name; whoever may not use the key cannot publish. For the deliveries the data key is kept under the key holder.
 * Source: SNS Developer Guide, "Securing Amazon SNS data with server-side encryption" (encryption context
 * `aws:sns:topicArn`; data keys are reused for up to five minutes).
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import type { CallContext, JobContext } from "#gateway/context.ts";
import { fromKms } from "./errors.ts";
import type { Content, Published, Topic } from "./state.ts";

const purpose = "sns-message";
const reuseMs = 300_000;
const capacity = 10_000;

interface DataKey {
  key: KeyObject;
  /** Under the key holder, base64. */
  kept: string;
  until: number;
}

export class Sealer {
  readonly #keys = new Map<string, DataKey>();

  async seal(ctx: CallContext, topic: Topic, messageId: string, published: Published): Promise<Content> {
    if (topic.kmsMasterKeyId === undefined) return { kind: "plain", published };
    const { key, kept } = await this.#dataKey(ctx, topic, topic.kmsMasterKeyId);
    const cipher = createCipheriv("aes-256-gcm", contentKey(key, messageId), nonce);
    const bytes = Buffer.concat([cipher.update(JSON.stringify(published)), cipher.final(), cipher.getAuthTag()]);
    return { kind: "sealed", key: kept, text: bytes.toString("base64") };
  }

  async #dataKey(ctx: CallContext, topic: Topic, keyId: string): Promise<DataKey> {
    const { principal } = ctx;
    const caller =
      "arn" in principal
        ? principal.arn
        : principal.kind === "service"
          ? `${principal.service} ${principal.sourceArn ?? ""}`
          : "";
    const id = [caller, topic.arn, keyId].join("\0");
    const known = this.#keys.get(id);
    if (known && known.until > ctx.clock.now()) return known;
    try {
      const made = await ctx.aws.kms.GenerateDataKey({
        KeyId: keyName(topic, keyId),
        KeySpec: "AES_256",
        EncryptionContext: { "aws:sns:topicArn": topic.arn },
      });
      const plaintext = made.Plaintext as Uint8Array;
      const kept = await ctx.keys.protect(purpose, topic.uid, plaintext);
      const value: DataKey = {
        key: createSecretKey(plaintext),
        kept: Buffer.from(kept).toString("base64"),
        until: ctx.clock.now() + reuseMs,
      };
      if (this.#keys.size >= capacity) this.#keys.clear();
      this.#keys.set(id, value);
      return value;
    } catch (error) {
      throw fromKms(error);
    }
  }
}

/** For the delivery. */
export async function openContent(
  ctx: JobContext,
  topic: Topic,
  messageId: string,
  content: Content,
): Promise<Published> {
  if (content.kind === "plain") return content.published;
  const key = createSecretKey(await ctx.keys.reveal(purpose, topic.uid, Buffer.from(content.key, "base64")));
  const bytes = Buffer.from(content.text, "base64");
  const decipher = createDecipheriv("aes-256-gcm", contentKey(key, messageId), nonce);
  decipher.setAuthTag(bytes.subarray(-16));
  return JSON.parse(
    Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString("utf8"),
  ) as Published;
}

/** INVARIANT: each message has a key of its own, so the nonce never repeats under one. */
const nonce = Buffer.alloc(12);

function contentKey(key: KeyObject, messageId: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, messageId, "sns message", 32));
}

function keyName(topic: Topic, keyId: string): string {
  if (keyId.startsWith("arn:")) return keyId;
  const [prefix] = topic.arn.split(":sns:");
  return `${prefix}:kms:${topic.region}:${topic.account}:${keyId.startsWith("alias/") ? keyId : `key/${keyId}`}`;
}
