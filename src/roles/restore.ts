/** Brings a backup into an empty data folder. Everything is verified before anything is written. */
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { BlobStore } from "#blob/contract.ts";
import { writeDurably } from "#keys/files.ts";
import { isEmptyFolder } from "./backup.ts";
import {
  backupFormat,
  BackupDamaged,
  sha256OfFile,
  type BackupBlob,
  type BackupManifest,
  type KeysFile,
} from "./backupFormat.ts";

export interface RestoreOptions {
  path: string;
  keysPath: string;
  dataDir: string;
  openBlobs(dataDir: string): Promise<BlobStore>;
  onProgress?: (file: string) => void;
}

/** The target holds something. */
export class TargetNotEmpty extends Error {
  constructor(dataDir: string) {
    super(`${dataDir} is not empty`);
    this.name = "TargetNotEmpty";
  }
}

/** Rejects with `TargetNotEmpty` or `BackupDamaged`; then the data folder is as it was. */
export async function restore(options: RestoreOptions): Promise<BackupManifest> {
  if (!(await isEmptyFolder(options.dataDir))) throw new TargetNotEmpty(options.dataDir);
  const { manifest, blobs, keys } = await verify(options);
  const draft = `${options.dataDir}.restoring`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    for (const [file, content] of Object.entries(keys.files)) {
      const target = inside(draft, file);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await writeDurably(target, Buffer.from(content, "base64"));
    }
    options.onProgress?.(manifest.store.file);
    await copyFile(inside(options.path, manifest.store.file), join(draft, "store.sqlite"));
    const target = await options.openBlobs(draft);
    try {
      for (const blob of blobs) {
        options.onProgress?.(blob.id);
        await target.put(blob.id, createReadStream(inside(options.path, blob.file)));
      }
    } finally {
      await target.close();
    }
    await mkdir(dirname(options.dataDir), { recursive: true });
    await rm(options.dataDir, { recursive: true, force: true });
    await rename(draft, options.dataDir);
    return manifest;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function verify(
  options: RestoreOptions,
): Promise<{ manifest: BackupManifest; blobs: BackupBlob[]; keys: KeysFile }> {
  const manifest = JSON.parse(await readPart(join(options.path, "manifest.json"))) as BackupManifest;
  if (manifest.format !== backupFormat) throw new BackupDamaged(`unknown format ${manifest.format}`);
  await expectHash(inside(options.path, manifest.store.file), manifest.store.sha256);
  const keysText = await readPart(options.keysPath);
  if (createHash("sha256").update(keysText).digest("hex") !== manifest.keys.sha256) {
    throw new BackupDamaged(`${options.keysPath} does not belong to this backup`);
  }
  const lines = await readPart(inside(options.path, manifest.blobs.file));
  if (createHash("sha256").update(lines).digest("hex") !== manifest.blobs.sha256) {
    throw new BackupDamaged(`${manifest.blobs.file} was changed`);
  }
  const blobs = lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as BackupBlob);
  for (const blob of blobs) await expectHash(inside(options.path, blob.file), blob.sha256);
  return { manifest, blobs, keys: JSON.parse(keysText) as KeysFile };
}

async function readPart(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new BackupDamaged(`${path} is missing`);
  }
}

async function expectHash(path: string, expected: string): Promise<void> {
  const actual = await sha256OfFile(path).catch(() => undefined);
  if (!actual) throw new BackupDamaged(`${path} is missing`);
  if (actual.sha256 !== expected) throw new BackupDamaged(`${path} was changed`);
}

/** INVARIANT: a manifest from elsewhere names no file outside the folder it belongs to. */
function inside(folder: string, file: string): string {
  const path = normalize(join(folder, file));
  if (!path.startsWith(`${normalize(folder)}/`)) throw new BackupDamaged(`it names a path outside: ${file}`);
  return path;
}
