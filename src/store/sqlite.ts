import type { Clock } from "#kernel/clock.ts";
import {
  Conflict,
  type Change,
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
import { SqliteDatabase } from "./sqlite-database.ts";
import { Watermark } from "./watermark.ts";

const dialect: Dialect = { schema: "", placeholder: (position) => `?${position}` };

/** Changes are kept this long for readers of the feed: 7 days, in milliseconds. */
export const changeRetention = 7 * 86_400_000;

/** Changes removed by one call of `expire`, so that it never holds up the others for long. */
const changesTrimmed = 10_000;

const whereKey = "service = ? and type = ? and account = ? and region = ? and id = ?";

const sql = {
  get: `select version, value, expires_at from documents where ${whereKey}`,
  head: `select rowid, version, expires_at, indexed from documents where ${whereKey}`,
  insert:
    "insert into documents (account, region, service, type, id, version, value, expires_at, indexed) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  update: "update documents set version = ?, value = ?, expires_at = ?, indexed = ? where rowid = ?",
  delete: "delete from documents where rowid = ?",
  indexRows: `select name, value from index_rows where ${whereKey}`,
  deleteIndexRows: `delete from index_rows where ${whereKey}`,
  deleteIndexRow: `delete from index_rows where ${whereKey} and name = ? and value = ?`,
  insertIndexRow:
    "insert into index_rows (service, type, account, region, id, name, value) values (?, ?, ?, ?, ?, ?, ?)",
  change: "insert into changes (account, region, service, type, id, version, time) values (?, ?, ?, ?, ?, ?, ?)",
  append: "insert into outbox (stream, key, id, event) values (?, ?, ?, ?)",
  anyFrom: `select 1 from documents where service = ? and type = ? and account = ? and region = ? and id >= ?
    and (expires_at is null or expires_at > ?) limit 1`,
  anyBetween: `select 1 from documents where service = ? and type = ? and account = ? and region = ? and id >= ?
    and (expires_at is null or expires_at > ?) and id < ? limit 1`,
  guard: "select 1 from leases where name = ? and owner = ? and token = ?",
  changes:
    "select sequence, account, region, service, type, id, version from changes where sequence > ? order by sequence limit ?",
  last: "select seq from sqlite_sequence where name = ?",
  outbox: "select sequence, stream, key, id, event from outbox order by sequence limit ?",
  removeOutbox: "delete from outbox where sequence = ?",
  lease: "select owner, token, expires_at from leases where name = ?",
  takeLease:
    "insert into leases (name, owner, token, expires_at) values (?, ?, ?, ?) on conflict (name) do update set owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at",
  releaseLease: "update leases set owner = '', expires_at = 0 where name = ? and owner = ? and token = ?",
  expired:
    "select rowid, account, region, service, type, id, indexed from documents where expires_at <= ? order by expires_at, id limit ?",
  // The newest change stays, so that an empty feed is never taken for a new one.
  trimChanges: `delete from changes where time < ? and sequence < (select min(sequence) from changes) + ?
    and sequence < (select max(sequence) from changes)`,
} as const;

interface HeadRow {
  rowid: number;
  version: number;
  expires_at: number | null;
  indexed: number;
}

type KeyValues = [service: string, type: string, account: string, region: string, id: string];

function keyValues(key: DocumentKey): KeyValues {
  return [key.service, key.type, key.account, key.region, key.id];
}

/** The embedded engine: one file, one owner process, group commit. See `SqliteDatabase` for its invariants. */
export class SqliteStore implements Store {
  readonly #db: SqliteDatabase;
  readonly #clock: Clock;
  readonly #changed = new Watermark();
  readonly #queued = new Watermark();

  constructor(path: string, options: { clock: Clock }) {
    this.#clock = options.clock;
    this.#db = new SqliteDatabase(path, "store", storeMigrations, () => this.#raise());
    this.#raise();
  }

  #lastSequence(table: "changes" | "outbox"): number {
    return this.#db.get<{ seq: number }>(sql.last, table)?.seq ?? 0;
  }

  /** Tells those who wait, after a commit is durable. */
  #raise(): void {
    this.#changed.raise(this.#lastSequence("changes"));
    this.#queued.raise(this.#lastSequence("outbox"));
  }

  async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    return this.#getNow<T>(key);
  }

  #getNow<T>(key: DocumentKey): Document<T> | undefined {
    checkKey(key);
    const row = this.#db.get<ValueRow>(sql.get, ...keyValues(key));
    if (!row || (row.expires_at !== null && row.expires_at <= this.#clock.now())) return undefined;
    return toDocument<T>(copyKey(key), row);
  }

  async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    return keys.map((key) => this.#getNow<T>(key));
  }

  async list<T>(query: ListQuery): Promise<Page<T>> {
    const { text, values } = listQuery(query, this.#clock.now(), dialect);
    return toListPage<T>(this.#db.all<DocumentRow>(text, ...values), query);
  }

  async find<T>(query: IndexQuery): Promise<Page<T>> {
    const { text, values } = findQuery(query, this.#clock.now(), dialect);
    return toFindPage<T>(this.#db.all<DocumentRow>(text, ...values), query);
  }

  async count(query: Omit<ListQuery, "limit" | "after" | "from" | "reverse">): Promise<number> {
    const { text, values } = countQuery(query, this.#clock.now(), dialect);
    return this.#db.get<{ n: number }>(text, ...values)?.n ?? 0;
  }

  async commit(batch: readonly Operation[]): Promise<void> {
    if (batch.length === 0) return;
    const prepared = batch.map(prepareOperation);
    await this.#db.write(() => {
      const now = this.#clock.now();
      for (const operation of prepared) {
        if (!this.#apply(operation, now)) throw new Conflict(keyOf(operation));
      }
    });
  }

  /** Applies one operation inside the current savepoint; false when its precondition does not hold. */
  #apply(operation: PreparedOperation, now: number): boolean {
    switch (operation.op) {
      case "put":
        return this.#put(operation, now);
      case "delete":
        return this.#delete(operation, now);
      case "check":
        return liveVersion(this.#head(operation.key), now) === operation.ifVersion;
      case "checkNone": {
        const { service, type, account, region } = operation.key;
        const scope = [service, type, account, region, operation.prefix, now] as const;
        return operation.until === null
          ? this.#db.get(sql.anyFrom, ...scope) === undefined
          : this.#db.get(sql.anyBetween, ...scope, operation.until) === undefined;
      }
      case "append":
        this.#db.run(sql.append, operation.stream, operation.key, operation.id, operation.event);
        return true;
      case "guard":
        return this.#db.get(sql.guard, operation.name, operation.owner, operation.token) !== undefined;
    }
  }

  #head(key: DocumentKey): HeadRow | undefined {
    return this.#db.statement(sql.head).get(...keyValues(key)) as HeadRow | undefined;
  }

  #put(operation: PreparedOperation & { op: "put" }, now: number): boolean {
    const { key, value, expiresAt, indexes } = operation;
    const row = this.#head(key);
    const live = liveVersion(row, now);
    if (operation.ifVersion !== null && operation.ifVersion !== live) return false;
    const version = live + 1;
    const indexed = indexes.length > 0 ? 1 : 0;
    const where = keyValues(key);
    if (row) this.#db.run(sql.update, version, value, expiresAt, indexed, row.rowid);
    else
      this.#db.run(
        sql.insert,
        key.account,
        key.region,
        key.service,
        key.type,
        key.id,
        version,
        value,
        expiresAt,
        indexed,
      );
    if (row?.indexed || indexed) this.#replaceIndexRows(where, indexes, row?.indexed === 1);
    this.#recordChange(key, version, now);
    return true;
  }

  /** Writes the difference only: most updates leave the index values as they are. */
  #replaceIndexRows(where: KeyValues, indexes: readonly [string, string][], had: boolean): void {
    const missing = new Map(indexes.map((row) => [row.join("\0"), row]));
    if (had) {
      for (const { name, value } of this.#db.all<{ name: string; value: string }>(sql.indexRows, ...where)) {
        if (!missing.delete(`${name}\0${value}`)) this.#db.run(sql.deleteIndexRow, ...where, name, value);
      }
    }
    for (const [name, value] of missing.values()) this.#db.run(sql.insertIndexRow, ...where, name, value);
  }

  #delete(operation: PreparedOperation & { op: "delete" }, now: number): boolean {
    const row = this.#head(operation.key);
    if (operation.ifVersion !== null && operation.ifVersion !== liveVersion(row, now)) return false;
    if (row) this.#remove(operation.key, row, now);
    return true;
  }

  #remove(key: DocumentKey, row: Pick<HeadRow, "rowid" | "indexed">, now: number): void {
    this.#db.run(sql.delete, row.rowid);
    if (row.indexed) this.#db.run(sql.deleteIndexRows, ...keyValues(key));
    this.#recordChange(key, 0, now);
  }

  #recordChange(key: DocumentKey, version: number, now: number): void {
    this.#db.run(sql.change, key.account, key.region, key.service, key.type, key.id, version, now);
  }

  async changes(after: number, limit: number): Promise<Change[]> {
    return this.#db.all<DocumentKey & { sequence: number; version: number }>(sql.changes, after, limit).map(toChange);
  }

  async waitForChange(after: number, timeoutMs: number): Promise<void> {
    await this.#changed.waitAbove(after, timeoutMs);
  }

  async lastChange(): Promise<number> {
    return this.#lastSequence("changes");
  }

  async outbox(limit: number): Promise<OutboxEntry[]> {
    return this.#db
      .all<Omit<OutboxEntry, "event"> & { event: string }>(sql.outbox, limit)
      .map((row) => ({ ...row, event: JSON.parse(row.event) as unknown }));
  }

  async removeOutbox(sequences: readonly number[]): Promise<void> {
    await this.#db.write(() => {
      for (const sequence of sequences) this.#db.run(sql.removeOutbox, sequence);
    });
  }

  async waitForOutbox(timeoutMs: number): Promise<void> {
    const seen = this.#queued.value;
    if (this.#db.get(sql.outbox, 1) !== undefined) return;
    await this.#queued.waitAbove(seen, timeoutMs);
  }

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    checkLease(name, owner, ttlMs);
    return this.#db.write(() => {
      const now = this.#clock.now();
      const held = this.#db.get<{ owner: string; token: number; expires_at: number }>(sql.lease, name);
      if (held && held.owner !== owner && held.expires_at > now) return undefined;
      const fencingToken = held ? (held.owner === owner ? held.token : held.token + 1) : 1;
      const expiresAt = Math.floor(now + ttlMs);
      this.#db.run(sql.takeLease, name, owner, fencingToken, expiresAt);
      return { name, owner, fencingToken, expiresAt };
    });
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.#db.write(() => this.#db.run(sql.releaseLease, lease.name, lease.owner, lease.fencingToken));
  }

  async expire(limit: number): Promise<number> {
    return this.#db.write(() => {
      const now = this.#clock.now();
      const rows = this.#db.all<DocumentKey & { rowid: number; indexed: number }>(sql.expired, now, limit);
      for (const row of rows) this.#remove(row, row, now);
      this.#db.run(sql.trimChanges, now - changeRetention, changesTrimmed);
      return rows.length;
    });
  }

  async backup(path: string): Promise<void> {
    await this.#db.backup(path);
  }

  /** Goes through the writer: a file that can be read but not written is not healthy. */
  async ping(): Promise<void> {
    await this.#db.write(() => this.#db.get("select 1"));
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#changed.wakeAll();
    this.#queued.wakeAll();
  }
}

/** An expired document counts as absent: a new one in its place starts at version 1. */
function liveVersion(row: HeadRow | undefined, now: number): number {
  return row && (row.expires_at === null || row.expires_at > now) ? row.version : 0;
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
