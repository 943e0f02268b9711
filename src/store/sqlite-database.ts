import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync, type SQLInputValue } from "node:sqlite";
import { StoreUnavailable } from "./contract.ts";
import { pendingMigrations, type Migration } from "./migrations/migration.ts";
import { SqliteConnection, translateFailure } from "./sqlite-connection.ts";
import { SqliteWriter } from "./sqlite-writer.ts";

/** Pages of a backup that are copied at a time: all, since a copy begins again when another connection writes. */
const allPages = 2 ** 31 - 1;

export interface Component {
  name: string;
  migrations: readonly Migration[];
  /** Module with its writes, see `CommandModule`. */
  commands: string;
  options?: unknown;
  /** Told of each group in which the component's `finish` gave something. */
  onMarks?: (marks: never) => void;
}

/** Told of each group that a component has said something of, when it is durable and can be read. */
export type MarksWatcher = (component: string, marks: unknown) => void;

/**
 * One SQLite file: this thread reads, a thread of its own writes (`sqlite-writer-thread.ts`), with group commit.
 *
 * INVARIANT: one owner. A lock beside the file is held for as long as it is open; the operating system drops
 * it when the process dies. Several writer processes would starve each other in busy waits.
 * INVARIANT: a reader never sees what is not yet durable: SQLite shows a commit of the log to other connections
 * after it has synced it (synchronous = full), and this thread reads through another connection than the writer.
 */
export class SqliteDatabase {
  readonly path: string;
  readonly #lock: DatabaseSync;
  readonly #reader: SqliteConnection;
  readonly #writer: SqliteWriter;
  readonly #components = new Map<string, Component>();
  readonly #watchers = new Set<MarksWatcher>();
  /** The first component's `value`. */
  readonly loaded: Promise<unknown>;
  #closing: Promise<void> | undefined;

  constructor(path: string, component: Component) {
    this.path = path;
    const fresh = !existsSync(path);
    this.#lock = takeOwnership(path);
    try {
      this.#reader = openReader(path, fresh);
      try {
        this.#migrate(component);
        if (fresh) syncFolder(dirname(path));
      } catch (error) {
        this.#reader.close();
        throw error;
      }
    } catch (error) {
      this.#lock.close();
      throw translateFailure(path, error, false);
    }
    this.#writer = new SqliteWriter(path, (marks) => this.#announce(marks));
    this.loaded = this.#load(component);
    this.loaded.catch(() => {
      // The writer refuses all writes and says why.
    });
  }

  /** Adds a component that lives in the same file and writes in the same groups; gives its `value`. */
  async use(component: Component): Promise<unknown> {
    this.refuseWhenDown();
    try {
      this.#migrate(component);
    } catch (error) {
      throw translateFailure(this.path, error, false);
    }
    return await this.#load(component);
  }

  #load(component: Component): Promise<unknown> {
    this.#components.set(component.commands, component);
    return this.#writer.use(component.commands, component.options);
  }

  #announce(marks: Record<string, unknown>): void {
    for (const [commands, mark] of Object.entries(marks)) {
      const component = this.#components.get(commands);
      if (mark === undefined || !component) continue;
      component.onMarks?.(mark as never);
      for (const watcher of this.#watchers) watcher(component.name, mark);
    }
  }

  /** Calls `watcher` until the function it gives is called. */
  watch(watcher: MarksWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #migrate({ name, migrations }: Component): void {
    const { raw } = this.#reader;
    raw.exec("begin immediate");
    try {
      raw.exec(
        "create table if not exists migrations (component text not null, version integer not null, name text not null, primary key (component, version)) without rowid",
      );
      const found = raw
        .prepare("select coalesce(max(version), 0) as v from migrations where component = ?")
        .get(name)?.["v"];
      for (const migration of pendingMigrations(name, Number(found), migrations)) {
        raw.exec(migration.sqlite);
        raw.prepare("insert into migrations values (?, ?, ?)").run(name, migration.version, migration.name);
      }
      raw.exec("commit");
    } catch (error) {
      if (raw.isTransaction) raw.exec("rollback");
      throw error;
    }
  }

  all<Row>(text: string, ...values: SQLInputValue[]): Row[] {
    this.refuseWhenDown();
    try {
      return this.#reader.all<Row>(text, ...values);
    } catch (error) {
      throw translateFailure(this.path, error, false);
    }
  }

  tuples<Row extends readonly unknown[]>(text: string, ...values: SQLInputValue[]): Row[] {
    this.refuseWhenDown();
    try {
      return this.#reader.tuples<Row>(text, ...values);
    } catch (error) {
      throw translateFailure(this.path, error, false);
    }
  }

  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined {
    this.refuseWhenDown();
    try {
      return this.#reader.get<Row>(text, ...values);
    } catch (error) {
      throw translateFailure(this.path, error, false);
    }
  }

  /** Runs a command of a component in the next group; rejects with `Refusal` when it refuses. */
  write<T>(command: string, now: number, ...args: readonly unknown[]): Promise<T> {
    try {
      this.refuseWhenDown();
      return this.#writer.write(command, now, args) as Promise<T>;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** @throws StoreUnavailable closed, or its writer has failed */
  refuseWhenDown(): void {
    if (this.#closing) throw new StoreUnavailable("the database is closed");
    if (this.#writer.broken !== undefined) {
      throw new StoreUnavailable(`the database failed earlier: ${this.#writer.broken}`);
    }
  }

  /** Copies the file beside its writer; the copy appears under its name only when it is whole and on disk. */
  async backup(path: string): Promise<void> {
    this.refuseWhenDown();
    if (existsSync(path)) throw new StoreUnavailable(`${path} exists already`);
    const partial = `${path}.partial`;
    rmSync(partial, { force: true });
    try {
      const source = new DatabaseSync(this.path, { readOnly: true, timeout: 2000 });
      try {
        await backup(source, partial, { rate: allPages });
      } finally {
        source.close();
      }
      chmodSync(partial, 0o600);
      const file = openSync(partial, "r+");
      fsyncSync(file);
      closeSync(file);
      renameSync(partial, path);
      syncFolder(dirname(path));
    } catch (error) {
      rmSync(partial, { force: true });
      throw error instanceof StoreUnavailable
        ? error
        : new StoreUnavailable(`backup to ${path} failed`, { cause: error });
    }
  }

  /** Commits what was given before, then closes. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#writer.close();
    this.#reader.close();
    this.#lock.close();
  }
}

/** Holds an exclusive lock on an empty file beside the database until it is closed. Throws `StoreUnavailable`. */
function takeOwnership(path: string): DatabaseSync {
  const name = `${path}-owner`;
  let lock: DatabaseSync | undefined;
  try {
    const fresh = !existsSync(name);
    lock = new DatabaseSync(name, { timeout: 2000 });
    if (fresh) chmodSync(name, 0o600);
    // Never committed: the lock is all that it is for.
    lock.exec("pragma journal_mode = memory; begin exclusive");
    return lock;
  } catch (cause) {
    lock?.close();
    throw translateFailure(path, cause, false) instanceof StoreUnavailable
      ? translateFailure(path, cause, false)
      : new StoreUnavailable(`cannot open ${path}`, { cause });
  }
}

function openReader(path: string, fresh: boolean): SqliteConnection {
  let reader: SqliteConnection;
  try {
    reader = new SqliteConnection(path);
  } catch (cause) {
    throw new StoreUnavailable(`cannot open ${path}`, { cause });
  }
  try {
    // State holds wrapped keys and password hashes: for the owner only, before anything is in it.
    if (fresh) chmodSync(path, 0o600);
    reader.raw.exec("pragma journal_mode = wal");
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** A new name survives power loss only when its folder is on disk too. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
