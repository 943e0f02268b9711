/**
 * Message content in the store is encrypted as the queue says: under a key of the queue that the key holder protects
 * (SSE-SQS), or under a data key of a KMS key that is asked of KMS in the caller's name (SSE-KMS) and reused for the
 * queue's period, per caller. A message keeps the seal it was sent under, wherever it is moved.
 * Source: SQS Developer Guide, "Encryption at rest in Amazon SQS" and "Amazon SQS Key management" (encryption context
 * `aws:sqs:arn`; data keys are cached for KmsDataKeyReusePeriodSeconds; a moved message is not encrypted anew).
 *
 * INVARIANT: each content has a key of its own, derived from the data key and the message id, so no nonce repeats.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { Clock } from "#kernel/clock.ts";
import type { CallContext } from "#gateway/context.ts";
import { DecryptError } from "#keys/contract.ts";
import { fromKms } from "./errors.ts";
import type { KeptAttributes } from "./messageAttributes.ts";
import type { Queue, QueueEncryption, Seal } from "./state.ts";

export interface Content {
  body: string;
  attributes: KeptAttributes;
}

const purpose = "sqs-queue";
/** Keys held in memory; beyond it all are asked for again. */
const capacity = 10_000;

interface Held<T> {
  value: T;
  until: number;
}

interface DataKey {
  key: KeyObject;
  keyArn: string;
  ciphertext: string;
}

export class Sealer {
  readonly #queueKeys = new Map<string, KeyObject>();
  readonly #sending = new Map<string, Held<DataKey>>();
  readonly #reading = new Map<string, Held<KeyObject>>();

  /** A new key for a queue with SSE-SQS. */
  async newQueueKey(ctx: CallContext, uid: string): Promise<QueueEncryption> {
    const token = await ctx.keys.protect(purpose, uid, ctx.random.bytes(32));
    return { kind: "SSE-SQS", key: Buffer.from(token).toString("base64") };
  }

  async seal(
    ctx: CallContext,
    queue: Queue,
    messageId: string,
    content: Content,
  ): Promise<{ seal: Seal; content: string }> {
    const text = JSON.stringify(content);
    const { encryption } = queue;
    if (encryption.kind === "none") return { seal: { kind: "none" }, content: text };
    if (encryption.kind === "SSE-SQS") {
      const key = await this.#queueKey(ctx, encryption.key, queue.uid);
      const seal: Seal = { kind: "SSE-SQS", key: encryption.key, bound: queue.uid };
      return { seal, content: encrypt(key, messageId, text) };
    }
    const { key, keyArn, ciphertext } = await this.#dataKey(ctx, queue, encryption);
    const seal: Seal = { kind: "SSE-KMS", keyArn, dataKey: ciphertext, queueArn: queue.arn };
    return { seal, content: encrypt(key, messageId, text) };
  }

  /** @throws KmsAccessDenied, KmsDisabled … for content that the caller may not or nobody can read. */
  async open(ctx: CallContext, queue: Queue, messageId: string, seal: Seal, content: string): Promise<Content> {
    if (seal.kind === "none") return JSON.parse(content) as Content;
    const key =
      seal.kind === "SSE-SQS"
        ? await this.#queueKey(ctx, seal.key, seal.bound)
        : await this.#readingKey(ctx, queue, seal);
    return JSON.parse(decrypt(key, messageId, content)) as Content;
  }

  async #queueKey(ctx: CallContext, token: string, bound: string): Promise<KeyObject> {
    let key = this.#queueKeys.get(token);
    if (key) return key;
    try {
      key = createSecretKey(await ctx.keys.reveal(purpose, bound, Buffer.from(token, "base64")));
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      throw new AwsError("InternalFailure", "The key of the queue cannot be read.", 500, { cause: error });
    }
    keep(this.#queueKeys, token, key);
    return key;
  }

  async #dataKey(
    ctx: CallContext,
    queue: Queue,
    { keyId, reusePeriod }: { keyId: string; reusePeriod: number },
  ): Promise<DataKey> {
    const id = [callerOf(ctx), queue.arn, keyId].join("\0");
    const held = valid(this.#sending, id, ctx.clock);
    if (held) return held;
    const made = await kms(() =>
      ctx.aws.kms.GenerateDataKey({
        KeyId: keyName(queue, keyId),
        KeySpec: "AES_256",
        EncryptionContext: { "aws:sqs:arn": queue.arn },
      }),
    );
    const value: DataKey = {
      key: createSecretKey(made.Plaintext as Uint8Array),
      keyArn: made.KeyId!,
      ciphertext: Buffer.from(made.CiphertextBlob as Uint8Array).toString("base64"),
    };
    keep(this.#sending, id, { value, until: ctx.clock.now() + reusePeriod * 1000 });
    return value;
  }

  async #readingKey(ctx: CallContext, queue: Queue, seal: Extract<Seal, { kind: "SSE-KMS" }>): Promise<KeyObject> {
    const id = [callerOf(ctx), seal.dataKey].join("\0");
    const held = valid(this.#reading, id, ctx.clock);
    if (held) return held;
    const opened = await kms(() =>
      ctx.aws.kms.Decrypt({
        CiphertextBlob: Buffer.from(seal.dataKey, "base64"),
        KeyId: seal.keyArn,
        EncryptionContext: { "aws:sqs:arn": seal.queueArn },
      }),
    );
    const value = createSecretKey(opened.Plaintext as Uint8Array);
    const period = queue.encryption.kind === "SSE-KMS" ? queue.encryption.reusePeriod : 300;
    keep(this.#reading, id, { value, until: ctx.clock.now() + period * 1000 });
    return value;
  }
}

/** Whoever the key is asked for: what one caller may read tells nothing of another. */
function callerOf({ principal }: CallContext): string {
  if (principal.kind === "anonymous") return "anonymous";
  return principal.kind === "service" ? `${principal.service} ${principal.sourceArn ?? ""}` : principal.arn;
}

/** A key named without account is one of the queue's account, whoever calls. */
function keyName(queue: Queue, keyId: string): string {
  if (keyId.startsWith("arn:")) return keyId;
  const [prefix] = queue.arn.split(":sqs:");
  return `${prefix}:kms:${queue.region}:${queue.account}:${keyId.startsWith("alias/") ? keyId : `key/${keyId}`}`;
}

function valid<T>(held: Map<string, Held<T>>, id: string, clock: Clock): T | undefined {
  const found = held.get(id);
  if (!found) return undefined;
  if (found.until > clock.now()) return found.value;
  held.delete(id);
  return undefined;
}

function keep<T>(held: Map<string, T>, id: string, value: T): void {
  if (held.size >= capacity) held.clear();
  held.set(id, value);
}

async function kms<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromKms(error);
  }
}

const nonce = Buffer.alloc(12);

function contentKey(key: KeyObject, messageId: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, messageId, "sqs message", 32));
}

function encrypt(key: KeyObject, messageId: string, text: string): string {
  const cipher = createCipheriv("aes-256-gcm", contentKey(key, messageId), nonce);
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

function decrypt(key: KeyObject, messageId: string, content: string): string {
  const bytes = Buffer.from(content, "base64");
  const decipher = createDecipheriv("aes-256-gcm", contentKey(key, messageId), nonce);
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString("utf8");
}
