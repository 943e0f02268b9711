/** Copies everything that is kept, while the installation runs. Layout: backupFormat.ts. */
import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { lstat, mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AwsError } from "#kernel/errors.ts";
import { BlobMissing, type BlobStore } from "#blob/contract.ts";
import { writeDurably } from "#keys/files.ts";
import type { Store } from "#store/contract.ts";
import type { Clock } from "#kernel/clock.ts";
import type { AdminBackup } from "./adminContract.ts";
import {
  backupFormat,
  notInKeysFile,
  sha256OfFile,
  type BackupBlob,
  type BackupManifest,
  type KeysFile,
} from "./backupFormat.ts";
import type { RoleConfig } from "./role.ts";
import { version } from "./version.ts";

/** The parts of an installation that are copied. */
export interface BackupSource {
  clock: Clock;
  runtime: { store: Store; blobs: BlobStore };
}

/**
 * `path` is absolute and must not exist, nor `<path>.keys`. All of it is on disk when this resolves; when it
 * rejects, nothing is left.
 *
 * Bodies are copied before the store and once more after it: a body named by the copied store is in the first
 * pass when it was there before, in the second when it came in between. Bodies are immutable, so no pass can
 * see half of one.
 */
export async function backup(config: RoleConfig, source: BackupSource, path: string): Promise<AdminBackup> {
  const keysPath = `${path}.keys`;
  if (!isAbsolute(path)) throw new AwsError("InvalidRequest", "path must be absolute.", 400);
  if (!relative(config.dataDir, path).startsWith("..")) {
    throw new AwsError("InvalidRequest", "path must be outside of the data folder.", 400);
  }
  for (const each of [path, keysPath]) {
    if (existsSync(each)) throw new AwsError("AlreadyExists", `${each} exists already.`, 409);
  }
  const draft = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true });
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "blobs"), { recursive: true, mode: 0o700 });
  try {
    const copied = new Map<string, BackupBlob>();
    await copyBlobs(source.runtime.blobs, draft, copied);
    await source.runtime.store.backup(join(draft, "store.sqlite"));
    await syncFile(join(draft, "store.sqlite"));
    await copyBlobs(source.runtime.blobs, draft, copied);
    const lines = [...copied.values()].map((blob) => `${JSON.stringify(blob)}\n`).join("");
    await writeDurably(join(draft, "blobs.ndjson"), lines);
    const keys = await keysOf(config);
    const store = await sha256OfFile(join(draft, "store.sqlite"));
    const blobBytes = [...copied.values()].reduce((sum, blob) => sum + blob.size, 0);
    const manifest: BackupManifest = {
      format: backupFormat,
      version: await version(),
      createdAt: new Date(source.clock.now()).toISOString(),
      store: { file: "store.sqlite", ...store },
      blobs: { file: "blobs.ndjson", count: copied.size, bytes: blobBytes, sha256: sha256(lines) },
      keys: { sha256: sha256(keys) },
    };
    await writeDurably(keysPath, keys);
    await writeDurably(join(draft, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await rename(draft, path);
    return {
      path,
      keysPath,
      files: copied.size + 3,
      bytes: store.bytes + blobBytes + Buffer.byteLength(lines) + Buffer.byteLength(keys),
    };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    await rm(keysPath, { force: true });
    throw error;
  }
}

async function copyBlobs(blobs: BlobStore, draft: string, copied: Map<string, BackupBlob>): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const page = await blobs.list(after, 1000);
    for (const { id } of page) if (!copied.has(id)) await copyBlob(blobs, id, draft, copied);
    if (page.length < 1000) return;
    after = page.at(-1)!.id;
  }
}

async function copyBlob(blobs: BlobStore, id: string, draft: string, copied: Map<string, BackupBlob>): Promise<void> {
  // Ids may be longer than a file name, or hold slashes.
  const name = sha256(id);
  const file = join("blobs", name.slice(0, 2), name);
  const target = join(draft, file);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const hash = createHash("sha256");
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of blobs.get(id)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  try {
    await pipeline(Readable.from(counted(), { objectMode: false }), createWriteStream(target, { mode: 0o600 }));
  } catch (error) {
    // Deleted since it was listed, so nothing names it.
    if (!(error instanceof BlobMissing)) throw error;
    await rm(target, { force: true });
    return;
  }
  await syncFile(target);
  copied.set(id, { id, size, sha256: hash.digest("hex"), file });
}

async function keysOf(config: RoleConfig): Promise<string> {
  const files: Record<string, string> = {};
  const entries = await readdir(config.dataDir, { recursive: true });
  for (const entry of entries.toSorted()) {
    const [top = ""] = entry.split("/");
    if (notInKeysFile.has(top) || /^(store|stream)\.sqlite/.test(top) || entry.endsWith(".new")) continue;
    const path = join(config.dataDir, entry);
    if (!(await lstat(path)).isFile()) continue;
    files[entry] = (await readFile(path)).toString("base64");
  }
  const content: KeysFile = { format: backupFormat, files };
  return JSON.stringify(content);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** True when a folder is absent or holds nothing. */
export async function isEmptyFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return true;
  return found.isDirectory() && (await readdir(path)).length === 0;
}
