/**
 * `<data>/run.json` says which supervisor owns a data folder and where it answers. It is made with O_EXCL
 * before anything else is touched, so that two supervisors never open the same store.
 */
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { identify, isRunning, type ProcessIdentity } from "./processIdentity.ts";

export interface RunFile extends ProcessIdentity {
  version: string;
  dataDir: string;
  startedAt: string;
  /** Absent until the api role is ready. */
  endpoint?: string;
  consoleUrl?: string;
  ephemeral?: boolean;
  /** The processes of the roles. After `kill -9` of their supervisor they drain for a while and hold the store. */
  roles?: ProcessIdentity[];
}

export interface Claim {
  run: RunFile;
  /** Roles of a killed supervisor that still run: to be waited for before the store is opened. */
  leftovers: ProcessIdentity[];
}

export function runFilePath(dataDir: string): string {
  return join(dataDir, "run.json");
}

/** The data folder belongs to a process that runs. */
export class AlreadyRunning extends Error {
  readonly owner: RunFile;
  constructor(owner: RunFile) {
    super(`process ${owner.pid} uses the data folder ${owner.dataDir}`);
    this.name = "AlreadyRunning";
    this.owner = owner;
  }
}

/** What the file says, whether or not that process still runs. `undefined` when there is none or it is damaged. */
export function readRunFile(dataDir: string): RunFile | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(runFilePath(dataDir), "utf8"));
    if (typeof value !== "object" || value === null || !("pid" in value) || !Number.isSafeInteger(value.pid)) {
      return undefined;
    }
    return value as RunFile;
  } catch {
    return undefined;
  }
}

/** The running owner of a data folder. */
export function runningOwner(dataDir: string): RunFile | undefined {
  const file = readRunFile(dataDir);
  return file && isRunning(file) ? file : undefined;
}

/**
 * Takes the data folder for this process. Throws `AlreadyRunning`. A file that a killed process left behind is
 * taken over.
 */
export function claimDataFolder(facts: Omit<RunFile, keyof ProcessIdentity>): Claim {
  const mine: RunFile = { ...identify(process.pid), ...facts };
  const path = runFilePath(facts.dataDir);
  const draft = writeDraft(path, mine);
  const leftovers: ProcessIdentity[] = [];
  try {
    for (;;) {
      try {
        // INVARIANT: the file appears whole or not at all, and only where none was.
        linkSync(draft, path);
        return { run: mine, leftovers };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = readRunFile(facts.dataDir);
      if (owner && owner.pid !== process.pid && isRunning(owner)) throw new AlreadyRunning(owner);
      leftovers.push(...(owner?.roles ?? []).filter(isRunning));
      putAside(path, owner);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

export function updateRunFile(file: RunFile): void {
  const path = runFilePath(file.dataDir);
  renameSync(writeDraft(path, file), path);
}

/** Removes the file if it is this process's. */
export function releaseDataFolder(dataDir: string): void {
  if (readRunFile(dataDir)?.pid === process.pid) rmSync(runFilePath(dataDir), { force: true });
}

/** Moves a stale file away; when somebody else has just taken the folder, theirs is put back. */
function putAside(path: string, stale: RunFile | undefined): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readText(aside);
  const parsed = moved === undefined ? undefined : parse(moved);
  if (parsed && parsed.pid !== stale?.pid && isRunning(parsed)) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function parse(text: string): RunFile | undefined {
  try {
    return JSON.parse(text) as RunFile;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function writeDraft(path: string, file: RunFile): string {
  const draft = `${path}.${process.pid}.new`;
  const descriptor = openSync(draft, "w", 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(file, undefined, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return draft;
}
