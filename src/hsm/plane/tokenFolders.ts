/**
 * The token folders of a cluster's HSMs, one each, and the files in them as records of the cluster: a key's file is in the
 * journals with the key, so that every HSM's folder is what its journal says, whatever was lost, killed or left behind.
 * Files of keys are written once, by one call of the module, and not changed: their attributes that users see are records.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { isErrno } from "#keys/files.ts";
import type { Logger } from "#kernel/log.ts";
import { HsmError } from "../contract.ts";
import type { TokenEvent } from "../process/messages.ts";
import {
  clusterKey,
  type Change,
  type Entry,
  type FileRecord,
  type HsmRecord,
  type RecordKey,
} from "../vault/records.ts";
import type { Commits } from "./commits.ts";
import { TokenFolder } from "./tokenFolder.ts";

export interface TokenParts {
  /** Of the cluster. */
  folder: string;
  settings(tokens: string): string;
  commits: Commits;
  log: Logger;
}

/** The one folder of a cluster's HSMs, until each had its own. Not the name of an HSM. */
const sharedName = ".token";
const prefix = "file/";
const tokenObject = "token.object";
const pathForm = /^[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+\.object$/;

export const tokenFolderOf = (clusterFolder: string, hsmId: string): string => join(clusterFolder, hsmId, "token");

/** What concerns the processes of HSMs. */
export function withoutFiles(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ key }) => !key.startsWith(prefix));
}

export class TokenFolders {
  readonly #parts: TokenParts;
  readonly #folders = new Map<string, TokenFolder>();
  /** Files of keys that were made, until they are kept; by HSM. */
  readonly #made = new Map<string, Set<string>>();

  constructor(parts: TokenParts) {
    this.#parts = parts;
  }

  /** Makes an HSM's folder what it ought to be. To be called while nothing is written. */
  async begin(hsmId: string): Promise<void> {
    const { folder, settings } = this.#parts;
    const own = this.#folders.get(hsmId) ?? new TokenFolder(tokenFolderOf(folder, hsmId), settings);
    this.#folders.set(hsmId, own);
    this.#made.set(hsmId, new Set());
    await own.begin(this.#files());
  }

  forget(hsmId: string): void {
    this.#folders.delete(hsmId);
    this.#made.delete(hsmId);
  }

  /** Gives the file of a key that was made. @throws Error the folder is not as the HSM's calls have made it */
  async look(hsmId: string, event: TokenEvent): Promise<string | undefined> {
    const folder = this.#folder(hsmId);
    switch (event) {
      case "made": {
        const fresh = await folder.fresh();
        if (fresh.length !== 1) throw new Error(`a key was made, and ${fresh.length} files`);
        this.#made.get(hsmId)!.add(fresh[0]!);
        return fresh[0]!;
      }
      case "failed":
        await remove(folder, await folder.fresh());
        return undefined;
      case "destroyed":
        await this.#noteDestroyed(folder);
        return undefined;
      case "missing":
        await this.#parts.commits.between(() => this.#expectWhole(folder));
        return undefined;
    }
  }

  /** The module overlooked a change, and looks again; or it lost a file under its feet, and begins again. */
  async #expectWhole(folder: TokenFolder): Promise<void> {
    const files = this.#files();
    const gone = await folder.missing(files.keys());
    if (gone.length > 0) throw new Error(`${gone.length} files of the token are gone`);
    await folder.notice(files.keys());
  }

  /**
   * A key that was there before its file was known was destroyed, while nothing else was, in a folder that was whole.
   * INVARIANT: of several files that are gone, none was destroyed by one call; neither was the token, nor a key of a known file.
   */
  async #noteDestroyed(folder: TokenFolder): Promise<void> {
    const { commits } = this.#parts;
    const gone = await commits.between(() => folder.missing(this.#files().keys()));
    const isUnnamed = (path: string): boolean =>
      basename(path) !== tokenObject &&
      (commits.get(prefix + path)?.record as FileRecord | undefined)?.of === undefined;
    if (gone.length > 1 || !gone.every(isUnnamed))
      throw new Error(`a key was destroyed, and ${gone.length} files are gone`);
    const changes = gone.map((path): Change => ({
      key: prefix + path,
      base: commits.get(prefix + path)!.version,
      record: undefined,
    }));
    if (changes.length > 0) await commits.commit(changes);
  }

  /** An HSM's changes with those of the files that go with them. @throws HsmError */
  async completed(hsmId: string, changes: readonly Change[]): Promise<Change[]> {
    const { commits } = this.#parts;
    const files: Change[] = [];
    for (const { key, record } of changes) {
      const before = commits.get(key)?.record;
      const [had, has] = [fileOf(before), fileOf(record)];
      if (has !== undefined && had === undefined) files.push(await this.#keptFile(hsmId, has, key));
      else if (record && had !== has) throw new HsmError("failed", "the file of a key does not change");
      const known = had === undefined || record ? undefined : commits.get(prefix + had);
      if (known) files.push({ key: known.key, base: known.version, record: undefined });
      if (key !== clusterKey || before) continue;
      // The token itself, which this HSM has just made.
      for (const path of await this.#folder(hsmId).fresh()) files.push(await this.#fileChange(hsmId, path));
    }
    // INVARIANT: a key's file is in a journal before the key is.
    return [...files, ...changes];
  }

  /** Removes files of keys that are not kept after all. @param changes as completed */
  async drop(hsmId: string, changes: readonly Change[]): Promise<void> {
    const { commits } = this.#parts;
    const lost = changes.filter(({ key, record }) => record?.kind === "file" && !commits.get(key));
    const folder = this.#folders.get(hsmId);
    if (folder && lost.length > 0)
      await remove(
        folder,
        lost.map(({ key }) => key.slice(prefix.length)),
      );
  }

  async #keptFile(hsmId: string, path: string, of: RecordKey): Promise<Change> {
    if (!this.#made.get(hsmId)?.delete(path))
      throw new HsmError("failed", "the file of a key is not one that was made");
    return this.#fileChange(hsmId, path, of);
  }

  async #fileChange(hsmId: string, path: string, of?: RecordKey): Promise<Change> {
    return { key: prefix + path, base: 0, record: fileRecord(await this.#folder(hsmId).read(path), of) };
  }

  /** Does to every folder what the entries say. An HSM whose folder does not take it is given to `failed`. */
  async apply(entries: readonly Entry[], failed: (hsmId: string) => void): Promise<void> {
    const changed = entries.filter(({ key }) => key.startsWith(prefix));
    if (changed.length === 0) return;
    const files = new Map(changed.map(({ key, record }) => [key.slice(prefix.length), contentOf(record)]));
    // An only HSM has made them itself.
    if (this.#folders.size === 1 && changed.every(({ record }) => record)) return;
    await Promise.all(
      [...this.#folders].map(([hsmId, folder]) =>
        folder.change(files).catch((error: unknown) => {
          this.#parts.log.error({ hsm: hsmId, err: error }, "the token's folder of an HSM cannot be written");
          failed(hsmId);
        }),
      ),
    );
  }

  /**
   * Takes what is in the folder that the HSMs shared. Until it is removed, after the journals have its files, it is whole:
   * whatever ended this before, it is done again, and what is known by then stays as it is.
   */
  async takeShared(): Promise<void> {
    const { folder, commits } = this.#parts;
    // Without the record of a cluster there is no token that anybody has the PIN of.
    if (commits.get(clusterKey)?.record) takeFiles(commits, await readObjects(join(folder, sharedName)));
  }

  async removeShared(): Promise<void> {
    await rm(join(this.#parts.folder, sharedName), { recursive: true, force: true });
  }

  /** What every HSM has. A file whose key did not get into the journals is nobody's. */
  #files(): Map<string, Buffer> {
    const { commits } = this.#parts;
    const files = new Map<string, Buffer>();
    for (const { key, record } of commits.all()) {
      if (record?.kind !== "file" || (record.of !== undefined && !commits.get(record.of)?.record)) continue;
      files.set(key.slice(prefix.length), contentOf(record)!);
    }
    return files;
  }

  #folder(hsmId: string): TokenFolder {
    const folder = this.#folders.get(hsmId);
    if (!folder) throw new HsmError("no-hsm", `${hsmId} has no token folder yet`);
    return folder;
  }
}

async function remove(folder: TokenFolder, paths: readonly string[]): Promise<void> {
  if (paths.length > 0) await folder.change(new Map(paths.map((path) => [path, undefined])));
}

/** Files of a backup or of a folder as records. @param files by any path that ends with `<token>/<name>`; base64 */
export function takeFiles(commits: Commits, files: Readonly<Record<string, string>>): void {
  for (const [from, content] of Object.entries(files)) {
    const path = from.split("/").slice(-2).join("/");
    const key = prefix + path;
    if (!pathForm.test(path) || commits.get(key)) continue;
    commits.remember({ key, version: 1, record: fileRecord(Buffer.from(content, "base64")) });
  }
}

async function readObjects(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files[relative(folder, path)] = (await readFile(path)).toString("base64");
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  return files;
}

function fileRecord(content: Buffer, of?: RecordKey): FileRecord {
  return { kind: "file", content: deflateRawSync(content).toString("base64"), ...(of === undefined ? {} : { of }) };
}

function contentOf(record: HsmRecord | undefined): Buffer | undefined {
  return record?.kind === "file" ? inflateRawSync(Buffer.from(record.content, "base64")) : undefined;
}

function fileOf(record: HsmRecord | undefined): string | undefined {
  return record?.kind === "object" ? record.file : undefined;
}
