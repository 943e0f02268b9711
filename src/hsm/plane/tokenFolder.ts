/**
 * The token folder of one HSM: what SoftHSM has on the disk for it alone. What belongs in it is in the journals
 * (`tokenFolders.ts`); it is made equal to them whenever the HSM starts, so nothing here waits for the disk.
 *
 *     softhsm2.conf
 *     tokens-<random>/<token>/token.object, generation, and per key <uuid>.object with its <uuid>.lock
 *
 * SoftHSM looks for files of others when `generation`, a number of eight bytes, is not the one that it knows. It counts on
 * while it holds a lock that Node cannot take, so that it may overlook a change; whoever misses a key asks again.
 * Source: SoftHSM 2.6.1, src/lib/object_store: Generation.cpp, OSToken.cpp, ObjectFile.cpp.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "#keys/files.ts";

/** By path below the folder of tokens. */
export type TokenFiles = ReadonlyMap<string, Buffer>;

const tokensName = /^tokens-[0-9a-f]+$/;
/** SoftHSM adds one: a step that it cannot come to by itself. */
const generationStep = 0x1_0000n;

export class TokenFolder {
  readonly #folder: string;
  readonly #settings: (tokens: string) => string;
  /** Paths that are known: what is there besides is what the module made since. */
  readonly #seen = new Set<string>();
  #tokens: string | undefined;
  /** It is looked at and changed one after the other. */
  #line: Promise<unknown> = Promise.resolve();

  /** @param settings content of the module's configuration for a folder of tokens */
  constructor(folder: string, settings: (tokens: string) => string) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /**
   * Makes it what it ought to be, for a process that begins.
   * INVARIANT: a module's process of before writes nothing into it any more: the folder has another name each time.
   */
  begin(files: TokenFiles): Promise<void> {
    return this.#inLine(() => this.#begin(files));
  }

  async #begin(files: TokenFiles): Promise<void> {
    this.#tokens = undefined;
    const tokens = join(this.#folder, `tokens-${randomBytes(8).toString("hex")}`);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const [last, ...others] = (await readdir(this.#folder)).filter((name) => tokensName.test(name));
    if (last === undefined) await mkdir(tokens, { mode: 0o700 });
    else await rename(join(this.#folder, last), tokens);
    for (const name of others) await rm(join(this.#folder, name), { recursive: true, force: true });
    this.#seen.clear();
    await this.#clean(tokens, files);
    for (const [path, content] of files) await this.#put(tokens, path, content);
    await writeFile(join(this.#folder, "softhsm2.conf"), this.#settings(tokens), { mode: 0o600 });
    this.#tokens = tokens;
  }

  /** Removes everything that SoftHSM would take for a part of a token and that is none. */
  async #clean(tokens: string, files: TokenFiles): Promise<void> {
    const known = new Set([...files.keys()].map(dirname));
    for (const entry of await readdir(tokens, { withFileTypes: true })) {
      const folder = join(tokens, entry.name);
      if (!entry.isDirectory() || !known.has(entry.name)) {
        await rm(folder, { recursive: true, force: true });
        continue;
      }
      for (const name of await readdir(folder)) {
        const path = `${entry.name}/${name.replace(/\.[a-z]+$/, ".object")}`;
        if (name !== "generation" && !files.has(path)) await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }

  /** Paths of what the module has made since this was asked last. */
  fresh(): Promise<string[]> {
    return this.#inLine(async () => {
      const fresh = (await this.#objects()).filter((path) => !this.#seen.has(path));
      for (const path of fresh) this.#seen.add(path);
      return fresh;
    });
  }

  /** Those that are not there. */
  missing(paths: Iterable<string>): Promise<string[]> {
    return this.#inLine(async () => {
      const there = new Set(await this.#objects());
      return [...paths].filter((path) => !there.has(path));
    });
  }

  read(path: string): Promise<Buffer> {
    return readFile(join(this.#opened, path));
  }

  /** Does to it what others did to theirs. @param files `undefined`: removed. An HSM that has not begun gets it when it does */
  change(files: ReadonlyMap<string, Buffer | undefined>): Promise<void> {
    return this.#inLine(async () => {
      const tokens = this.#tokens;
      if (tokens === undefined) return;
      for (const [path, content] of files) {
        if (content) await this.#put(tokens, path, content);
        else await this.#remove(tokens, path);
      }
      await noteChange(tokens, files.keys());
    });
  }

  /** Has the module look for what is new. */
  notice(paths: Iterable<string>): Promise<void> {
    return this.#inLine(() => noteChange(this.#opened, paths));
  }

  get #opened(): string {
    if (this.#tokens === undefined) throw new Error("the token's folder is not open");
    return this.#tokens;
  }

  async #objects(): Promise<string[]> {
    const tokens = this.#opened;
    const folders = (await readdir(tokens, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const paths = folders.map(async ({ name: token }) => {
      const names = await readdir(join(tokens, token));
      return names.filter((name) => name.endsWith(".object")).map((name) => `${token}/${name}`);
    });
    return (await Promise.all(paths)).flat();
  }

  /** SoftHSM never sees half of it. */
  async #put(tokens: string, path: string, content: Buffer): Promise<void> {
    this.#seen.add(path);
    const file = join(tokens, path);
    const there = await readFile(file).catch(() => undefined);
    if (there?.equals(content)) return;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // Without its lock SoftHSM does not destroy it.
    await writeFile(file.replace(/object$/, "lock"), "", { mode: 0o600 });
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  async #remove(tokens: string, path: string): Promise<void> {
    await rm(join(tokens, path), { force: true });
    await rm(join(tokens, path.replace(/object$/, "lock")), { force: true });
    this.#seen.delete(path);
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#line.then(work);
    this.#line = result.catch(() => {});
    return result;
  }
}

async function noteChange(tokens: string, paths: Iterable<string>): Promise<void> {
  for (const token of new Set([...paths].map(dirname))) await nextGeneration(join(tokens, token));
}

/** In its place, as SoftHSM does it: others hold it open. */
async function nextGeneration(token: string): Promise<void> {
  const file = await open(join(token, "generation"), "r+").catch((error: unknown) => {
    // No module has been there yet: it reads everything.
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (!file) return;
  try {
    const number = Buffer.alloc(8);
    await file.read(number, 0, 8, 0);
    number.writeBigUInt64BE(BigInt.asUintN(64, number.readBigUInt64BE() + generationStep));
    await file.write(number, 0, 8, 0);
  } finally {
    await file.close();
  }
}
