/**
 * What is stored is always encrypted: AES-256-GCM under the group's data key, which KMS wraps when a key is
 * associated and the key holder otherwise. The wrapped key is opened for every call, so that disabling the KMS key
 * ends writing and reading at once. Source: CloudWatch Logs User Guide, "Encrypt log data using AWS KMS".
 *
 * INVARIANT: a batch is bound to its id (additional data), so a sealed batch cannot stand for another.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import type { Random } from "#kernel/ids.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import type { Clients } from "#gateway/clients.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { unusableKey } from "./errors.ts";
import { batchId, type Batch, type DataKey, type Group, type Segment } from "./state.ts";

/** What opening a data key takes; calls and jobs provide it. */
export interface KeySource {
  keys: KeyHolder;
  kms(): Clients["kms"];
  random: Random;
}

const purpose = "logs-data-key";

export function callKeys(ctx: CallContext, arn: string): KeySource {
  const source = { sourceArn: arn, sourceAccount: ctx.account };
  return {
    keys: ctx.keys,
    random: ctx.random,
    kms: () => ctx.asService(`logs.${ctx.region}.amazonaws.com`, source).kms,
  };
}

export function jobKeys(ctx: JobContext, group: Group): KeySource {
  const { account, region, arn: sourceArn } = group;
  const kms = () => ctx.asService(`logs.${region}.amazonaws.com`, { account, region, sourceArn }).kms;
  return { keys: ctx.keys, random: ctx.random, kms };
}

/** A new data key of a group. @throws AccessDeniedException the KMS key cannot be used */
export async function newDataKey(source: KeySource, arn: string, kmsKeyId: string | undefined): Promise<DataKey> {
  if (kmsKeyId === undefined) {
    const wrapped = await source.keys.protect(purpose, arn, source.random.bytes(32));
    return { wrapped: Buffer.from(wrapped).toString("base64") };
  }
  const { CiphertextBlob } = await usable(arn, () =>
    source.kms().GenerateDataKey({ KeyId: kmsKeyId, KeySpec: "AES_256", EncryptionContext: { "aws:logs:arn": arn } }),
  );
  return { kmsKeyId, wrapped: Buffer.from(CiphertextBlob as Uint8Array).toString("base64") };
}

async function usable<T>(arn: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof AwsError && error.status < 500) throw unusableKey(arn);
    throw error;
  }
}

/** The data keys of one group for the length of one call. */
export class GroupKeys {
  readonly #group: Group;
  readonly #source: KeySource;
  readonly #open = new Map<number, Promise<KeyObject>>();

  constructor(group: Group, source: KeySource) {
    this.#group = group;
    this.#source = source;
  }

  /** Index of the key now in use. */
  get current(): number {
    return this.#group.dataKeys.length - 1;
  }

  /** Seals what calls brought under the key now in use. */
  async seal(segments: readonly Segment[], id: string): Promise<Pick<Batch, "key" | "data">> {
    const index = this.current;
    const key = await this.#key(index);
    const iv = this.#source.random.bytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, iv);
    cipher.setAAD(Buffer.from(id));
    const packed = zstdCompressSync(Buffer.from(JSON.stringify(segments)), {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
    });
    const data = Buffer.concat([iv, cipher.update(packed), cipher.final(), cipher.getAuthTag()]).toString("base64");
    return { key: index, data };
  }

  /** @throws AccessDeniedException the KMS key of the batch cannot be used */
  async open(batch: Batch): Promise<Segment[]> {
    const sealed = Buffer.from(batch.data, "base64");
    const decipher = createDecipheriv("aes-256-gcm", await this.#key(batch.key), sealed.subarray(0, 12));
    decipher.setAAD(Buffer.from(batchId(this.#group.gid, batch)));
    decipher.setAuthTag(sealed.subarray(-16));
    const packed = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
    return JSON.parse(zstdDecompressSync(packed).toString("utf8")) as Segment[];
  }

  #key(index: number): Promise<KeyObject> {
    let key = this.#open.get(index);
    if (!key) this.#open.set(index, (key = this.#unwrap(this.#group.dataKeys[index]!)));
    return key;
  }

  async #unwrap({ kmsKeyId, wrapped }: DataKey): Promise<KeyObject> {
    const { arn } = this.#group;
    const bytes = Buffer.from(wrapped, "base64");
    if (kmsKeyId === undefined) return createSecretKey(await this.#source.keys.reveal(purpose, arn, bytes));
    const { Plaintext } = await usable(arn, () =>
      this.#source
        .kms()
        .Decrypt({ KeyId: kmsKeyId, CiphertextBlob: bytes, EncryptionContext: { "aws:logs:arn": arn } }),
    );
    return createSecretKey(Plaintext as Uint8Array);
  }
}
