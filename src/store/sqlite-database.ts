import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { StoreUnavailable } from "./contract.ts";
import { pendingMigrations, type Migration } from "./migrations/migration.ts";

/** Most writers that share one fsync; more wait for the next turn of the event loop, so that it is never blocked for long. */
const groupLimit = 512;

interface PendingWrite {
  apply: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

type Outcome = { value: unknown } | { error: unknown };

/** Result codes after which SQLite may have rolled back the whole transaction. Source: SQLite, "Response To Errors Within A Transaction". */
const engineFailures = new Map([
  [5, "busy: another process owns the file"],
  [7, "out of memory"],
  [8, "read-only"],
  [10, "disk I/O error"],
  [11, "database file is malformed"],
  [13, "disk full"],
  [14, "cannot open the file"],
  [26, "not a database"],
]);

/** The primary result code of an error of node:sqlite, e.g. 13 for SQLITE_FULL. */
function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

/**
 * One SQLite file with group commit. All writes of one turn of the event loop run in one BEGIN IMMEDIATE ..
 * COMMIT, each in its own savepoint, and resolve after the one fsync of that COMMIT.
 *
 * INVARIANT: one owner. The file is locked exclusively for as long as it is open; the operating system drops
 * the lock when the process dies. Several writer processes would starve each other in busy waits.
 * INVARIANT: a group is applied and committed without returning to the event loop, so a reader on this
 * connection never sees what is not yet durable.
 */
export class SqliteDatabase {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #queue: PendingWrite[] = [];
  #scheduled = false;
  #broken: Error | undefined;
  readonly #afterCommit: () => void;
  #closed = false;

  /** `afterCommit` is called once for each group, when it is durable and before its writers resolve. */
  constructor(path: string, component: string, migrations: readonly Migration[], afterCommit: () => void = () => {}) {
    this.path = path;
    this.#afterCommit = afterCommit;
    const fresh = path !== ":memory:" && !existsSync(path);
    try {
      this.#db = new DatabaseSync(path, { enableForeignKeyConstraints: false, timeout: 2000 });
    } catch (cause) {
      throw new StoreUnavailable(`cannot open ${path}`, { cause });
    }
    try {
      // State holds wrapped keys and password hashes: for the owner only, before anything is in it.
      if (fresh) chmodSync(path, 0o600);
      // Exclusive before WAL: then the index of the log is in memory and a second owner is refused.
      this.#db.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full");
      this.#db.exec(
        "pragma foreign_keys = off; pragma temp_store = memory; pragma cache_size = -32768; pragma journal_size_limit = 67108864; pragma trusted_schema = off",
      );
      this.#migrate(component, migrations);
      if (fresh) syncFolder(dirname(path));
    } catch (error) {
      this.#db.close();
      throw this.#translate(error, false);
    }
  }

  #migrate(component: string, migrations: readonly Migration[]): void {
    this.#db.exec("begin immediate");
    this.#db.exec(
      "create table if not exists migrations (component text not null, version integer not null, name text not null, primary key (component, version)) without rowid",
    );
    const found = this.#db
      .prepare("select coalesce(max(version), 0) as v from migrations where component = ?")
      .get(component)?.["v"];
    for (const migration of pendingMigrations(component, Number(found), migrations)) {
      this.#db.exec(migration.sqlite);
      this.#db.prepare("insert into migrations values (?, ?, ?)").run(component, migration.version, migration.name);
    }
    this.#db.exec("commit");
  }

  /** A prepared statement, kept for the life of the connection. */
  statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  all<Row>(text: string, ...values: SQLInputValue[]): Row[] {
    return this.#read(() => this.statement(text).all(...values) as Row[]);
  }

  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#read(() => this.statement(text).get(...values) as Row | undefined);
  }

  /** Inside a write only. */
  run(text: string, ...values: SQLInputValue[]): number {
    return Number(this.statement(text).run(...values).changes);
  }

  #read<T>(read: () => T): T {
    this.#refuseWhenDown();
    try {
      return read();
    } catch (error) {
      throw this.#translate(error, false);
    }
  }

  /** Queues `apply` for the next group. It must be synchronous; what it throws rolls back its own effects only. */
  write<T>(apply: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#refuseWhenDown();
      this.#queue.push({ apply, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #flush(): void {
    const group = this.#queue.splice(0, groupLimit);
    if (group.length === 0) return;
    if (this.#broken)
      return rejectAll(group, new StoreUnavailable("the database failed earlier", { cause: this.#broken }));
    let outcomes: Outcome[];
    try {
      this.statement("begin immediate").run();
      outcomes = group.map((write) => this.#applyOne(write));
    } catch (error) {
      // Nothing has been committed: the COMMIT was not reached.
      this.#rollback();
      return rejectAll(group, this.#translate(error, false));
    }
    try {
      this.statement("commit").run();
    } catch (error) {
      this.#rollback();
      const full = resultCode(error) === 13;
      // After a failed fsync the kernel may have dropped the dirty pages and a second one may lie, so
      // nothing more is promised by this process: it must reopen and recover from the log.
      if (!full) this.#broken = error as Error;
      return rejectAll(group, this.#translate(error, !full));
    }
    try {
      this.#afterCommit();
    } catch (error) {
      // The group is durable all the same, and is told so; a file that cannot be read any more serves nobody after it.
      this.#broken = error as Error;
    }
    group.forEach((write, position) => {
      const outcome = outcomes[position]!;
      if ("error" in outcome) write.reject(outcome.error);
      else write.resolve(outcome.value);
    });
  }

  #applyOne(write: PendingWrite): Outcome {
    this.statement("savepoint batch").run();
    try {
      const value = write.apply();
      this.statement("release batch").run();
      return { value };
    } catch (error) {
      // An engine failure concerns the whole group (and may have ended its transaction already).
      if (error instanceof StoreUnavailable || engineFailures.has(resultCode(error) ?? 0)) throw error;
      this.statement("rollback to batch").run();
      this.statement("release batch").run();
      return { error };
    }
  }

  #rollback(): void {
    if (!this.#db.isTransaction) return;
    try {
      this.statement("rollback").run();
    } catch (error) {
      this.#broken = error as Error;
    }
  }

  #refuseWhenDown(): void {
    if (this.#closed) throw new StoreUnavailable("the database is closed");
    if (this.#broken) throw new StoreUnavailable("the database failed earlier", { cause: this.#broken });
  }

  #translate(error: unknown, unknown: boolean): unknown {
    const reason = engineFailures.get(resultCode(error) ?? 0);
    return reason ? new StoreUnavailable(`${this.path}: ${reason}`, { unknown, cause: error }) : error;
  }

  /** Copies the file page by page while it is in use; the copy appears under its name only when it is whole and on disk. */
  async backup(path: string): Promise<void> {
    this.#refuseWhenDown();
    if (existsSync(path)) throw new StoreUnavailable(`${path} exists already`);
    const partial = `${path}.partial`;
    rmSync(partial, { force: true });
    try {
      await backup(this.#db, partial);
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

  /** Commits what is queued, then closes. */
  close(): void {
    if (this.#closed) return;
    while (this.#queue.length > 0) this.#flush();
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
  }
}

function rejectAll(group: readonly PendingWrite[], error: unknown): void {
  for (const write of group) write.reject(error);
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
