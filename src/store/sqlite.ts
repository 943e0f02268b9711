import type { Clock } from "#kernel/clock.ts";
import {
  Conflict,
  type Change,
  type CountQuery,
  type Document,
  type DocumentKey,
  type IndexQuery,
  type Lease,
  type ListQuery,
  type Operation,
  type OutboxEntry,
  type Page,
  type Store,
} from "./contract.ts";
import { checkKey, checkText } from "./limits.ts";
import { storeMigrations } from "./migrations/index.ts";
import { keyOf, prepareOperation, type PreparedOperation } from "./operations.ts";
import {
  copyKey,
  countQuery,
  findQuery,
  listQuery,
  toDocument,
  toFindPage,
  toListPage,
  type Dialect,
  type DocumentRow,
  type ValueRow,
} from "./queries.ts";
import type { StoreMarks } from "./sqlite-commands.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { Refusal } from "./sqlite-protocol.ts";
import { Watermark } from "./watermark.ts";

const dialect: Dialect = { schema: "", placeholder: (position) => `?${position}` };

const sql = {
  get: "select version, value, expires_at from documents where service = ? and type = ? and account = ? and region = ? and id = ?",
  changes:
    "select sequence, account, region, service, type, id, version from changes where sequence > ? order by sequence limit ?",
  last: "select seq from sqlite_sequence where name = ?",
  outbox: "select sequence, stream, key, id, event from outbox order by sequence limit ?",
} as const;

/** The embedded engine: one file, one owner process, group commit. See `SqliteDatabase` for its invariants. */
export class SqliteStore implements Store {
  /** The file, for what lives in it beside the store. */
  readonly database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #changed = new Watermark();
  readonly #queued = new Watermark();

  constructor(path: string, options: { clock: Clock }) {
    this.#clock = options.clock;
    this.database = new SqliteDatabase(path, {
      name: "store",
      migrations: storeMigrations,
      commands: new URL("./sqlite-commands.ts", import.meta.url).href,
      onMarks: (marks: StoreMarks) => this.#raise(marks),
    });
    this.#raise({ change: this.#lastSequence("changes"), outbox: this.#lastSequence("outbox") });
  }

  #lastSequence(table: "changes" | "outbox"): number {
    return this.database.get<{ seq: number }>(sql.last, table)?.seq ?? 0;
  }

  /** Tells those who wait, after a commit is durable. */
  #raise({ change, outbox }: StoreMarks): void {
    this.#changed.raise(change);
    this.#queued.raise(outbox);
  }

  async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    return this.#getNow<T>(key);
  }

  #getNow<T>(key: DocumentKey): Document<T> | undefined {
    checkKey(key);
    const row = this.database.get<ValueRow>(sql.get, key.service, key.type, key.account, key.region, key.id);
    if (!row || (row.expires_at !== null && row.expires_at <= this.#clock.now())) return undefined;
    return toDocument<T>(copyKey(key), row);
  }

  async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    return keys.map((key) => this.#getNow<T>(key));
  }

  async list<T>(query: ListQuery): Promise<Page<T>> {
    const { text, values } = listQuery(query, this.#clock.now(), dialect);
    return toListPage<T>(this.database.all<DocumentRow>(text, ...values), query);
  }

  async find<T>(query: IndexQuery): Promise<Page<T>> {
    const { text, values } = findQuery(query, this.#clock.now(), dialect);
    return toFindPage<T>(this.database.all<DocumentRow>(text, ...values), query);
  }

  async count(query: CountQuery): Promise<number> {
    const { text, values } = countQuery(query, this.#clock.now(), dialect);
    return this.database.get<{ n: number }>(text, ...values)?.n ?? 0;
  }

  async commit(batch: readonly Operation[]): Promise<void> {
    if (batch.length > 0) await this.commitPrepared(batch.map(prepareOperation));
  }

  /** The same for a batch that another process has checked and serialised (`prepareOperation`). */
  async commitPrepared(batch: readonly PreparedOperation[]): Promise<void> {
    try {
      await this.database.write("store.commit", this.#clock.now(), batch);
    } catch (error) {
      throw error instanceof Refusal ? new Conflict(keyOf(batch[Number(error.value)]!)) : error;
    }
  }

  async changes(after: number, limit: number): Promise<Change[]> {
    return this.database
      .all<DocumentKey & { sequence: number; version: number }>(sql.changes, after, limit)
      .map(toChange);
  }

  async waitForChange(after: number, timeoutMs: number): Promise<void> {
    await this.#changed.waitAbove(after, timeoutMs);
  }

  async lastChange(): Promise<number> {
    return this.#lastSequence("changes");
  }

  async outbox(limit: number): Promise<OutboxEntry[]> {
    return this.database
      .all<Omit<OutboxEntry, "event"> & { event: string }>(sql.outbox, limit)
      .map((row) => ({ ...row, event: JSON.parse(row.event) as unknown }));
  }

  async removeOutbox(sequences: readonly number[]): Promise<void> {
    await this.database.write("store.removeOutbox", this.#clock.now(), sequences);
  }

  async waitForOutbox(timeoutMs: number): Promise<void> {
    const seen = this.#queued.value;
    if (this.database.get(sql.outbox, 1) !== undefined) return;
    await this.#queued.waitAbove(seen, timeoutMs);
  }

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    checkLease(name, owner, ttlMs);
    const taken = await this.database.write<Pick<Lease, "fencingToken" | "expiresAt"> | null>(
      "store.lease",
      this.#clock.now(),
      name,
      owner,
      ttlMs,
    );
    return taken === null ? undefined : { name, owner, ...taken };
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.database.write("store.releaseLease", this.#clock.now(), lease.name, lease.owner, lease.fencingToken);
  }

  async expire(limit: number): Promise<number> {
    return await this.database.write<number>("store.expire", this.#clock.now(), limit);
  }

  async backup(path: string): Promise<void> {
    await this.database.backup(path);
  }

  /** Goes through the writer: a file that can be read but not written is not healthy. */
  async ping(): Promise<void> {
    await this.database.write("store.ping", this.#clock.now());
  }

  async close(): Promise<void> {
    await this.database.close();
    this.#changed.wakeAll();
    this.#queued.wakeAll();
  }
}

export function toChange(row: DocumentKey & { sequence: number; version: number }): Change {
  const { account, region, service, type, id } = row;
  return { sequence: row.sequence, key: { account, region, service, type, id }, version: row.version };
}

export function checkLease(name: string, owner: string, ttlMs: number): void {
  checkText("lease name", name, 512);
  checkText("lease owner", owner, 512);
  if (owner === "") throw new RangeError("lease owner is empty");
  if (!(ttlMs > 0 && Number.isFinite(ttlMs))) throw new RangeError(`lease time must be positive, got ${ttlMs}`);
}
