/** The writes of the store on the writer's thread (`sqlite-writer-thread.ts`). */
import type { DocumentKey } from "./contract.ts";
import { changeRetention } from "./limits.ts";
import { unpackBatch, type PackedBatch, type WriterOperation } from "./sqlite-batch.ts";
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
  lastChange: "select coalesce(max(sequence), 0) as last from changes",
  lastOutbox: "select coalesce(max(seq), 0) as last from sqlite_sequence where name = 'outbox'",
  removeOutbox: "delete from outbox where sequence = ?",
  lease: "select owner, token, expires_at from leases where name = ?",
  takeLease:
    "insert into leases (name, owner, token, expires_at) values (?, ?, ?, ?) on conflict (name) do update set owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at",
  releaseLease: "update leases set owner = '', expires_at = 0 where name = ? and owner = ? and token = ?",
  expired:
    "select rowid, account, region, service, type, id, indexed from documents where expires_at <= ? order by expires_at, id limit ? + 0",
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
  /** The last sequence of the outbox, where it is known. */
  #lastOutbox: number | undefined;

  constructor(db: SqliteConnection, shared: WriterShared) {
    this.#db = db;
    this.#shared = shared;
  }

  marks(): StoreMarks {
    const lastChange = this.#db.get<{ last: number }>(sql.lastChange)!.last;
    this.#lastOutbox ??= this.#db.get<{ last: number }>(sql.lastOutbox)!.last;
    return { change: lastChange, outbox: this.#lastOutbox };
  }

  /**
   * Refuses with the position of the first operation whose precondition does not hold: before anything is written,
   * where no operation can change what another one of the batch asks.
   */
  commit(now: number, packed: PackedBatch): void {
    const batch = unpackBatch(packed);
    if (areIndependent(batch)) {
      const heads = batch.map((operation, position) => {
        const head = headOf(operation) && this.#head(headOf(operation)!);
        if (!this.#holds(operation, head, now)) throw new Refusal(position, true);
        return head;
      });
      batch.forEach((operation, position) => this.#apply(operation, heads[position], now));
      return;
    }
    batch.forEach((operation, position) => {
      const head = headOf(operation) && this.#head(headOf(operation)!);
      if (!this.#holds(operation, head, now)) throw new Refusal(position, position === 0);
      this.#apply(operation, head, now);
    });
  }

  /** Whether the operation's precondition holds. */
  #holds(operation: WriterOperation, head: HeadRow | undefined, now: number): boolean {
    switch (operation.op) {
      case "put":
      case "delete":
      case "check":
        return operation.ifVersion === null || operation.ifVersion === liveVersion(head, now);
      case "checkNone": {
        const { service, type, account, region } = operation.key;
        const scope = [service, type, account, region, operation.prefix, now] as const;
        return operation.until === null
          ? this.#db.get(sql.anyFrom, ...scope) === undefined
          : this.#db.get(sql.anyBetween, ...scope, operation.until) === undefined;
      }
      case "guard":
        return this.#db.get(sql.guard, operation.name, operation.owner, operation.token) !== undefined;
      case "append":
        return true;
    }
  }

  #apply(operation: WriterOperation, head: HeadRow | undefined, now: number): void {
    if (operation.op === "put") this.#put(operation, head, now);
    else if (operation.op === "delete") {
      if (head) this.#remove(operation.key, head, now);
    } else if (operation.op === "append") this.#append(operation, now);
  }

  #append(operation: WriterOperation & { op: "append" }, now: number): void {
    if (this.#shared.sink) return this.#shared.sink(operation, now);
    this.#db.run(sql.append, operation.stream, operation.key, operation.id, operation.event);
    this.#lastOutbox = undefined;
  }

  #head(key: DocumentKey): HeadRow | undefined {
    return this.#db.get<HeadRow>(sql.head, ...keyValues(key));
  }

  #put(operation: WriterOperation & { op: "put" }, row: HeadRow | undefined, now: number): void {
    const { key, value, expiresAt, indexed } = operation;
    const version = liveVersion(row, now) + 1;
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
    if ((row?.indexed ?? 0) !== indexed) this.#replaceIndexRows(keyValues(key), indexRows(indexed), row?.indexed);
    this.#recordChange(key, version, now);
  }

  /** Writes the difference only: most updates leave the index values as they are. */
  #replaceIndexRows(where: KeyValues, indexes: readonly IndexRow[], had: string | number | undefined): void {
    const missing = new Map(indexes.map((row) => [row.join("\0"), row]));
    for (const [name, value] of indexRows(had)) {
      if (!missing.delete(`${name}\0${value}`)) this.#db.run(sql.deleteIndexRow, ...where, name, value);
    }
    for (const [name, value] of missing.values()) this.#db.run(sql.insertIndexRow, ...where, name, value);
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

  /** What was written is undone. */
  forget(): void {
    this.#lastOutbox = undefined;
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
      "store.commit": (now: number, batch: PackedBatch) => store.commit(now, batch),
      "store.removeOutbox": (_now: number, sequences: readonly number[]) => store.removeOutbox(sequences),
      "store.lease": (now: number, name: string, owner: string, ttlMs: number) => store.lease(now, name, owner, ttlMs),
      "store.releaseLease": (_now: number, name: string, owner: string, token: number) =>
        store.releaseLease(name, owner, token),
      "store.expire": (now: number, limit: number) => store.expire(now, limit),
      "store.ping": () => undefined,
    },
    finish: () => store.marks(),
    lost: () => store.forget(),
  };
}

function headOf(operation: WriterOperation): DocumentKey | undefined {
  return operation.op === "put" || operation.op === "delete" || operation.op === "check" ? operation.key : undefined;
}

/** More operations than this are applied one after the other. */
const mostCompared = 16;

/** Whether no operation changes what a later one asks: each document is named once, and no absence is asked for beside a write. */
function areIndependent(batch: readonly WriterOperation[]): boolean {
  if (batch.length === 1) return true;
  if (batch.length > mostCompared || batch.some(({ op }) => op === "checkNone")) return false;
  const keys = batch.map(headOf).filter((key) => key !== undefined);
  return keys.every((key, position) => !keys.some((other, later) => later > position && isSame(key, other)));
}

function isSame(a: DocumentKey, b: DocumentKey): boolean {
  return (
    a.id === b.id && a.type === b.type && a.account === b.account && a.region === b.region && a.service === b.service
  );
}

function indexRows(indexed: string | number | undefined): readonly IndexRow[] {
  return typeof indexed === "string" ? (JSON.parse(indexed) as IndexRow[]) : [];
}

/** An expired document counts as absent: a new one in its place starts at version 1. */
function liveVersion(row: HeadRow | undefined, now: number): number {
  return row && (row.expires_at === null || row.expires_at > now) ? row.version : 0;
}
