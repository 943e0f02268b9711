/**
 * A backup is a folder and one file beside it:
 *
 *     <path>/manifest.json   what belongs to it, with SHA-256 of each part
 *     <path>/store.sqlite    a consistent copy of the store
 *     <path>/blobs.ndjson    one line per object body: id, size, sha256, file
 *     <path>/blobs/          the bodies; encrypted ones stay encrypted
 *     <path>.keys            wrapped keys and the installation's own secrets, mode 0600, to be kept elsewhere
 *
 * Events are part of it where they live in the store's file; elsewhere they wait in the store's outbox until they are relayed, and findings, audit
 * records and configuration items are documents. Consumers of a restored installation start at its new events.
 *
 * Whoever has the folder alone has ciphertext. The keys file keeps keys that are deleted later alive: its
 * retention should be shorter than the waiting period of key deletion.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export const backupFormat = 1;

export interface BackupManifest {
  format: typeof backupFormat;
  version: string;
  /** ISO 8601. */
  createdAt: string;
  store: { file: string; bytes: number; sha256: string };
  blobs: { file: string; count: number; bytes: number; sha256: string };
  keys: { sha256: string };
}

/** One line of blobs.ndjson. */
export interface BackupBlob {
  id: string;
  size: number;
  sha256: string;
  file: string;
}

/** Relative path → content in base64. */
export interface KeysFile {
  format: typeof backupFormat;
  files: Record<string, string>;
}

/** Entries of a data folder that are backed up apart, or that only mean something while it runs. */
export const notInKeysFile = new Set(["blobs", "logs", "run", "run.json", "volumes"]);

/** The backup is incomplete or was changed. */
export class BackupDamaged extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BackupDamaged";
  }
}

export async function sha256OfFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}
