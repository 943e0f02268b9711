/**
 * Bytes of backups in the blob store. The plane has sealed them already, and the keys inside are under their users'
 * passwords; here they are put once more under a key of their own, which only the key holder opens, so that they go with
 * the installation's seal and with the document that names them.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { JobContext } from "#gateway/context.ts";
import { arnOf } from "./ids.ts";
import type { Place, SealedBytes } from "./state.ts";

export type ByteParts = Pick<JobContext, "blobs" | "keys" | "random">;

/** Whose the bytes are: a backup, or a cluster that was made of one. */
export interface Owner extends Place {
  id: string;
}

/** Begins the id of each blob: the sweep tells them by it. */
export const blobPrefix = "cloudhsm.";
const purpose = "cloudhsm-backup";
/** INVARIANT: each blob has a key of its own, so the nonce never repeats under one. */
const nonce = Buffer.alloc(12);
const tagBytes = 16;

export async function keepBytes(
  { blobs, keys, random }: ByteParts,
  owner: Owner,
  data: Uint8Array,
): Promise<SealedBytes> {
  const arn = arnOf(owner, owner.id);
  const key = random.bytes(32);
  try {
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(arn));
    const blob = `${blobPrefix}${owner.account}.${owner.region}.${owner.id}.${random.bytes(6).toString("hex")}`;
    const kept = await keys.protect(purpose, arn, key);
    const bytes = Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
    await blobs.put(blob, one(bytes));
    return { blob, key: Buffer.from(kept).toString("base64") };
  } finally {
    key.fill(0);
  }
}

/** Rejects when they were changed, or are another owner's. */
export async function readBytes({ blobs, keys }: ByteParts, owner: Owner, sealed: SealedBytes): Promise<Uint8Array> {
  const arn = arnOf(owner, owner.id);
  const bytes = await collect(blobs.get(sealed.blob));
  const key = Buffer.from(await keys.reveal(purpose, arn, Buffer.from(sealed.key, "base64")));
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(arn));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]);
  } finally {
    key.fill(0);
  }
}

/** Account, Region and id of whose blob it is. */
export function ownerOf(blob: string): Owner | undefined {
  const [account, region, id, unique] = blob.slice(blobPrefix.length).split(".");
  if (!blob.startsWith(blobPrefix) || !account || !region || !id || !unique) return undefined;
  return { account, region, id };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
