import type { Clock } from "#kernel/clock.ts";
import { systemRandom, type Random } from "#kernel/ids.ts";
import {
  Conflict,
  StoreUnavailable,
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
import { GroupCommit } from "./group-commit.ts";
import { changeRetention, checkKey } from "./limits.ts";
import { storeMigrations } from "./migrations/index.ts";
import { hasPrecondition, isWrite, keyOf, prepareOperation, type PreparedOperation } from "./operations.ts";
import { PostgresClient } from "./postgres-client.ts";
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
import { checkLease } from "./sqlite.ts";
import { toChange } from "./sqlite-reads.ts";
import { Watermark } from "./watermark.ts";

const dialect: Dialect = {
  schema: "jikimi.",
  placeholder: (position) => `$${position}`,
  limit: (placeholder) => placeholder,
};

const sql = {
  get: `select d.version, d.value, d.expires_at from jikimi.documents d where d.service = $1 and d.type = $2 and d.account = $3
    and d.region = $4 and d.id = $5 and (d.expires_at is null or d.expires_at > $6)`,
  getMany: `select r.position, d.version, d.value, d.expires_at from rows from (jsonb_to_recordset($1::text::jsonb)
      as (account text, region text, service text, type text, id text)) with ordinality as r(account, region, service, type, id, position)
    join jikimi.documents d on d.service = r.service and d.type = r.type and d.account = r.account and d.region = r.region and d.id = r.id
    where d.expires_at is null or d.expires_at > $2`,
  commit: "select conflicts::text, change, outbox from jikimi.commit_group($1::text::jsonb, $2)",
  changes:
    "select sequence, account, region, service, type, id, version from jikimi.changes where sequence > $1 order by sequence limit $2",
  head: "select change, outbox from jikimi.head",
  outbox: "select sequence, stream, key, id, event from jikimi.outbox order by sequence limit $1",
  removeOutbox:
    "delete from jikimi.outbox where sequence in (select x::bigint from jsonb_array_elements_text($1::text::jsonb) x)",
  lease: "select jikimi.take_lease($1, $2, $3, $4) as token",
  releaseLease: "update jikimi.leases set owner = '', expires_at = 0 where name = $1 and owner = $2 and token = $3",
  expire: "select jikimi.expire($1, $2, $3) as removed",
  ping: "select 1 from jikimi.head for update",
} as const;

interface PendingBatch {
  operations: readonly PreparedOperation[];
  json: string;
}

/**
 * The engine for more than one machine. Every write is one statement that calls a function of the schema, so a
 * batch costs one round trip, and batches that wait together travel and commit together.
 *
 * Values are kept as JSON text, not `jsonb`: `jsonb` refuses \u0000 and lone surrogates, which AWS accepts in
 * strings, and would reorder members.
 */
export class PostgresStore implements Store {
  readonly #client: PostgresClient;
  readonly #clock: Clock;
  readonly #changed = new Watermark();
  readonly #queued = new Watermark();
  readonly #writes: GroupCommit<PendingBatch, void>;

  private constructor(url: string, options: PostgresStoreOptions) {
    this.#clock = options.clock;
    this.#client = new PostgresClient(url, {
      ...options,
      random: options.random ?? systemRandom,
      channel: "jikimi_store",
      onNotification: (payload) => this.#raise(payload.split(",").map(Number)),
      onLost: () => {
        this.#changed.wakeAll();
        this.#queued.wakeAll();
      },
    });
    this.#writes = new GroupCommit((group) => this.#commitGroup(group), { size: (batch) => batch.json.length });
  }

  /** Connects and brings the schema up to date. Throws `StoreUnavailable` or `SchemaTooNew`. */
  static async open(url: string, options: PostgresStoreOptions): Promise<PostgresStore> {
    const store = new PostgresStore(url, options);
    try {
      await store.#client.migrate("store", storeMigrations);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** Whole milliseconds, as bigint columns take them. */
  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #raise([change = 0, outbox = 0]: readonly number[]): void {
    this.#changed.raise(change);
    this.#queued.raise(outbox);
  }

  async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    checkKey(key);
    const rows = await this.#client.read<ValueRow>(sql.get, [
      key.service,
      key.type,
      key.account,
      key.region,
      key.id,
      this.#now(),
    ]);
    return rows[0] && toDocument<T>(copyKey(key), rows[0]);
  }

  async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    keys.forEach(checkKey);
    if (keys.length === 0) return [];
    const json = JSON.stringify(keys.map(copyKey));
    const rows = await this.#client.read<ValueRow & { position: number }>(sql.getMany, [json, this.#now()]);
    const found = new Map(rows.map((row) => [row.position, row]));
    return keys.map((key, index) => {
      const row = found.get(index + 1);
      return row && toDocument<T>(copyKey(key), row);
    });
  }

  async list<T>(query: ListQuery): Promise<Page<T>> {
    const { text, values } = listQuery(query, this.#now(), dialect);
    return toListPage<T>(await this.#client.read<DocumentRow>(text, values), query);
  }

  async find<T>(query: IndexQuery): Promise<Page<T>> {
    const { text, values } = findQuery(query, this.#now(), dialect);
    return toFindPage<T>(await this.#client.read<DocumentRow>(text, values), query);
  }

  async count(query: CountQuery): Promise<number> {
    const { text, values } = countQuery(query, this.#now(), dialect);
    return (await this.#client.read<{ n: number }>(text, values))[0]?.n ?? 0;
  }

  async commit(batch: readonly Operation[]): Promise<void> {
    if (batch.length === 0) return;
    const operations = batch.map(prepareOperation);
    await this.#writes.add({ operations, json: batchJson(operations) });
  }

  async #commitGroup(group: readonly PendingBatch[]): Promise<PromiseSettledResult<void>[]> {
    const json = `[${group.map((batch) => batch.json).join(",")}]`;
    const [row] = await this.#client.write<{ conflicts: string; change: number; outbox: number }>(sql.commit, [
      json,
      this.#now(),
    ]);
    if (!row) throw new StoreUnavailable("PostgreSQL gave no answer to a commit", { unknown: true });
    this.#raise([row.change, row.outbox]);
    const conflicts = new Map(JSON.parse(row.conflicts) as [batch: number, operation: number][]);
    return group.map((batch, position) => {
      const failed = conflicts.get(position);
      if (failed === undefined) return { status: "fulfilled", value: undefined };
      return { status: "rejected", reason: new Conflict(keyOf(batch.operations[failed]!)) };
    });
  }

  async changes(after: number, limit: number): Promise<Change[]> {
    return (
      await this.#client.read<DocumentKey & { sequence: number; version: number }>(sql.changes, [after, limit])
    ).map(toChange);
  }

  async waitForChange(after: number, timeoutMs: number): Promise<void> {
    // The question also makes sure that a listening connection stands before we rely on it.
    if (this.#changed.value > after || (await this.lastChange()) > after) return;
    await this.#changed.waitAbove(after, timeoutMs);
  }

  get knownChange(): number {
    return this.#changed.value;
  }

  async lastChange(): Promise<number> {
    const rows = await this.#client.read<{ change: number; outbox: number }>(sql.head);
    return rows[0]?.change ?? 0;
  }

  async outbox(limit: number): Promise<OutboxEntry[]> {
    const rows = await this.#client.read<Omit<OutboxEntry, "event"> & { event: string }>(sql.outbox, [limit]);
    return rows.map((row) => ({ ...row, event: JSON.parse(row.event) as unknown }));
  }

  async removeOutbox(sequences: readonly number[]): Promise<void> {
    if (sequences.length === 0) return;
    await this.#client.write(sql.removeOutbox, [JSON.stringify(sequences)]);
  }

  async waitForOutbox(timeoutMs: number): Promise<void> {
    const seen = this.#queued.value;
    if ((await this.#client.read(sql.outbox, [1])).length > 0) return;
    await this.#queued.waitAbove(seen, timeoutMs);
  }

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    checkLease(name, owner, ttlMs);
    const now = this.#now();
    const expiresAt = Math.floor(now + ttlMs);
    const rows = await this.#client.write<{ token: number | null }>(sql.lease, [name, owner, now, expiresAt]);
    const fencingToken = rows[0]?.token ?? null;
    return fencingToken === null ? undefined : { name, owner, fencingToken, expiresAt };
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.#client.write(sql.releaseLease, [lease.name, lease.owner, lease.fencingToken]);
  }

  async expire(limit: number): Promise<number> {
    const now = this.#now();
    const rows = await this.#client.write<{ removed: number }>(sql.expire, [now, limit, now - changeRetention]);
    return rows[0]?.removed ?? 0;
  }

  async backup(): Promise<void> {
    throw new StoreUnavailable(
      "back PostgreSQL up with its own tools: pg_basebackup with WAL archiving, or pgbackrest",
    );
  }

  /** Takes the lock that every commit takes, so it also notices a server that reads but cannot write. */
  async ping(): Promise<void> {
    await this.#client.write(sql.ping);
  }

  async close(): Promise<void> {
    await this.#writes.drain();
    await this.#client.close();
    this.#changed.wakeAll();
    this.#queued.wakeAll();
  }
}

export interface PostgresStoreOptions {
  clock: Clock;
  random?: Random;
  timeoutMs?: number;
  connectTimeoutMs?: number;
}

/** A savepoint is needed only when a precondition stands behind a write, since else nothing has to be undone. */
function batchJson(operations: readonly PreparedOperation[]): string {
  const firstWrite = operations.findIndex(isWrite);
  const savepoint =
    firstWrite >= 0 && operations.some((operation, position) => position > firstWrite && hasPrecondition(operation));
  return JSON.stringify({ savepoint, operations: operations.map(toRow) });
}

/** The columns that `jikimi.apply_batch` reads. A value stays JSON text inside a JSON string, so its escapes survive. */
function toRow(operation: PreparedOperation): Record<string, unknown> {
  switch (operation.op) {
    case "put":
      return {
        op: "put",
        ...scopeOf(operation.key),
        id: operation.key.id,
        if_version: operation.ifVersion,
        value: operation.value,
        expires_at: operation.expiresAt,
        ...(operation.indexes.length > 0 ? { indexes: operation.indexes } : {}),
      };
    case "delete":
    case "check":
      return { op: operation.op, ...scopeOf(operation.key), id: operation.key.id, if_version: operation.ifVersion };
    case "checkNone":
      return { op: "checkNone", ...scopeOf(operation.key), id: operation.prefix, until: operation.until };
    case "append":
      return { op: "append", stream: operation.stream, key: operation.key, id: operation.id, value: operation.event };
    case "guard":
      return { op: "guard", key: operation.name, id: operation.owner, token: operation.token };
  }
}

function scopeOf({ account, region, service, type }: Omit<DocumentKey, "id">): Omit<DocumentKey, "id"> {
  return { account, region, service, type };
}
