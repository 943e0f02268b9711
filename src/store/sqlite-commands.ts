/** The writes of the store on the writer's thread (`sqlite-writer-thread.ts`). */
import type { DocumentKey } from "./contract.ts";
import { changeRetention } from "./limits.ts";
import type { PreparedOperation } from "./operations.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { Refusal, type CommandSet, type WriterShared } from "./sqlite-protocol.ts";

/** Changes removed by one call of `expire`, so that it never holds up the others for long. */
const changesTrimmed = 10_000;

const whereKey = "service = ? and type = ? and account = ? and region = ? and id = ?";

const sql = {
  head: `select rowid, version, expires_at, indexed from documents where ${whereKey}`,
  insert:
    "insert into documents (account, region, service, type, id, version, value, expires_at, indexed) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  update: "update documents set version = ?, value = ?, expires_at = ?, indexed = ? where rowid = ?",
  delete: "delete from documents where rowid = ?",
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
  last: "select seq from sqlite_sequence where name = ?",
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

/** Numbers to announce when the group is durable. */
export interface StoreMarks {
  change: number;
  outbox: number;
}

type IndexRow = readonly [name: string, value: string];

interface HeadRow {
  rowid: number;
  version: number;
  expires_at: number | null;
  /** The document's index rows as JSON; 0 when it has none. */
  indexed: string | number;
}

type KeyValues = [service: string, type: string, account: string, region: string, id: string];

function keyValues(key: DocumentKey): KeyValues {
  return [key.service, key.type, key.account, key.region, key.id];
}

class StoreCommands {
  readonly #db: SqliteConnection;
  readonly #shared: WriterShared;

  constructor(db: SqliteConnection, shared: WriterShared) {
    this.#db = db;
    this.#shared = shared;
  }

  lastSequence(table: "changes" | "outbox"): number {
    return this.#db.get<{ seq: number }>(sql.last, table)?.seq ?? 0;
  }

  /** Refuses with the position of the first operation whose precondition does not hold. */
  commit(now: number, batch: readonly PreparedOperation[]): void {
    batch.forEach((operation, position) => {
      if (!this.#apply(operation, now)) throw new Refusal(position);
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
        if (this.#shared.sink) this.#shared.sink(operation, now);
        else this.#db.run(sql.append, operation.stream, operation.key, operation.id, operation.event);
        return true;
      case "guard":
        return this.#db.get(sql.guard, operation.name, operation.owner, operation.token) !== undefined;
    }
  }

  #head(key: DocumentKey): HeadRow | undefined {
    return this.#db.get<HeadRow>(sql.head, ...keyValues(key));
  }

  #put(operation: PreparedOperation & { op: "put" }, now: number): boolean {
    const { key, value, expiresAt, indexes } = operation;
    const row = this.#head(key);
    const live = liveVersion(row, now);
    if (operation.ifVersion !== null && operation.ifVersion !== live) return false;
    const version = live + 1;
    const indexed = indexes.length > 0 ? JSON.stringify(indexes) : 0;
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
    if (row?.indexed !== indexed) this.#replaceIndexRows(keyValues(key), indexes, row?.indexed);
    this.#recordChange(key, version, now);
    return true;
  }

  /** Writes the difference only: most updates leave the index values as they are. */
  #replaceIndexRows(where: KeyValues, indexes: readonly IndexRow[], had: string | number | undefined): void {
    const missing = new Map(indexes.map((row) => [row.join("\0"), row]));
    for (const [name, value] of indexRows(had)) {
      if (!missing.delete(`${name}\0${value}`)) this.#db.run(sql.deleteIndexRow, ...where, name, value);
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
    for (const [name, value] of indexRows(row.indexed)) {
      this.#db.run(sql.deleteIndexRow, ...keyValues(key), name, value);
    }
    this.#recordChange(key, 0, now);
  }

  #recordChange(key: DocumentKey, version: number, now: number): void {
    this.#db.run(sql.change, key.account, key.region, key.service, key.type, key.id, version, now);
  }

  removeOutbox(sequences: readonly number[]): void {
    for (const sequence of sequences) this.#db.run(sql.removeOutbox, sequence);
  }

  /** The token and end of the lease, or `null` when someone else holds it. */
  lease(now: number, name: string, owner: string, ttlMs: number): { fencingToken: number; expiresAt: number } | null {
    const held = this.#db.get<{ owner: string; token: number; expires_at: number }>(sql.lease, name);
    if (held && held.owner !== owner && held.expires_at > now) return null;
    const fencingToken = held ? (held.owner === owner ? held.token : held.token + 1) : 1;
    const expiresAt = Math.floor(now + ttlMs);
    this.#db.run(sql.takeLease, name, owner, fencingToken, expiresAt);
    return { fencingToken, expiresAt };
  }

  releaseLease(name: string, owner: string, fencingToken: number): void {
    this.#db.run(sql.releaseLease, name, owner, fencingToken);
  }

  expire(now: number, limit: number): number {
    const rows = this.#db.all<DocumentKey & Pick<HeadRow, "rowid" | "indexed">>(sql.expired, now, limit);
    for (const row of rows) this.#remove(row, row, now);
    this.#db.run(sql.trimChanges, now - changeRetention, changesTrimmed);
    return rows.length;
  }
}

export function createCommands(db: SqliteConnection, shared: WriterShared): CommandSet {
  const store = new StoreCommands(db, shared);
  return {
    commands: {
      "store.commit": (now: number, batch: readonly PreparedOperation[]) => store.commit(now, batch),
      "store.removeOutbox": (_now: number, sequences: readonly number[]) => store.removeOutbox(sequences),
      "store.lease": (now: number, name: string, owner: string, ttlMs: number) => store.lease(now, name, owner, ttlMs),
      "store.releaseLease": (_now: number, name: string, owner: string, token: number) =>
        store.releaseLease(name, owner, token),
      "store.expire": (now: number, limit: number) => store.expire(now, limit),
      "store.ping": () => undefined,
    },
    finish: (): StoreMarks => ({ change: store.lastSequence("changes"), outbox: store.lastSequence("outbox") }),
  };
}

function indexRows(indexed: string | number | undefined): readonly IndexRow[] {
  return typeof indexed === "string" ? (JSON.parse(indexed) as IndexRow[]) : [];
}

/** An expired document counts as absent: a new one in its place starts at version 1. */
function liveVersion(row: HeadRow | undefined, now: number): number {
  return row && (row.expires_at === null || row.expires_at > now) ? row.version : 0;
}
