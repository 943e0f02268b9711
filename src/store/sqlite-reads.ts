import type { SQLInputValue } from "node:sqlite";
import type { Clock } from "#kernel/clock.ts";
import type {
  Change,
  CountQuery,
  Document,
  DocumentKey,
  IndexQuery,
  ListQuery,
  OutboxEntry,
  Page,
} from "./contract.ts";
import type { KeptDocuments } from "./keptDocuments.ts";
import { checkKey } from "./limits.ts";
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

/** Where rows are read from: the owner's file, or another process's view of it. */
export interface RowSource {
  all<Row>(text: string, ...values: SQLInputValue[]): Row[];
  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined;
  /** See `SqliteConnection`. */
  tuples<Row extends readonly unknown[]>(text: string, ...values: SQLInputValue[]): Row[];
}

/**
 * SQLite looks at a parameter that is the whole of a `limit`, and plans the statement anew each time it is bound: ten
 * times what a small page costs. A sum it does not look at.
 */
const limit = (placeholder: string): string => `${placeholder} + 0`;

const dialect: Dialect = { schema: "", placeholder: (position) => `?${position}`, limit };

const sql = {
  get: "select version, value, expires_at from documents where service = ? and type = ? and account = ? and region = ? and id = ?",
  changes: `select sequence, account, region, service, type, id, version from changes where sequence > ? order by sequence limit ${limit("?")}`,
  lastChange: "select coalesce(max(sequence), 0) as last from changes",
  lastOutbox: "select coalesce(max(seq), 0) as last from sqlite_sequence where name = 'outbox'",
  outbox: `select sequence, stream, key, id, event from outbox order by sequence limit ${limit("?")}`,
} as const;

/** The reads of the contract, of a SQLite file. */
export class SqliteReads {
  readonly #rows: RowSource;
  readonly #clock: Clock;
  readonly #kept: KeptDocuments | undefined;

  /** @param kept only for the process through which every write of the file goes */
  constructor(rows: RowSource, clock: Clock, kept?: KeptDocuments) {
    this.#rows = rows;
    this.#clock = clock;
    this.#kept = kept;
  }

  get<T>(key: DocumentKey): Document<T> | undefined {
    checkKey(key);
    const row = this.#kept ? this.#kept.read(key, () => this.#row(key)) : this.#row(key);
    if (!row || (row.expires_at !== null && row.expires_at <= this.#clock.now())) return undefined;
    return toDocument<T>(copyKey(key), row);
  }

  #row({ service, type, account, region, id }: DocumentKey): ValueRow | undefined {
    return this.#rows.get<ValueRow>(sql.get, service, type, account, region, id);
  }

  getMany<T>(keys: readonly DocumentKey[]): (Document<T> | undefined)[] {
    return keys.map((key) => this.get<T>(key));
  }

  list<T>(query: ListQuery): Page<T> {
    const { text, values } = listQuery(query, this.#clock.now(), dialect);
    return toListPage<T>(this.#rows.all<DocumentRow>(text, ...values), query);
  }

  find<T>(query: IndexQuery): Page<T> {
    const { text, values } = findQuery(query, this.#clock.now(), dialect);
    return toFindPage<T>(this.#rows.all<DocumentRow>(text, ...values), query);
  }

  count(query: CountQuery): number {
    const { text, values } = countQuery(query, this.#clock.now(), dialect);
    return this.#rows.get<{ n: number }>(text, ...values)?.n ?? 0;
  }

  changes(after: number, limit: number): Change[] {
    return this.#rows.all<DocumentKey & { sequence: number; version: number }>(sql.changes, after, limit).map(toChange);
  }

  outbox(limit: number): OutboxEntry[] {
    return this.#rows
      .all<Omit<OutboxEntry, "event"> & { event: string }>(sql.outbox, limit)
      .map((row) => ({ ...row, event: JSON.parse(row.event) as unknown }));
  }

  hasOutbox(): boolean {
    return this.#rows.get(sql.outbox, 1) !== undefined;
  }

  lastChange(): number {
    return this.#rows.get<{ last: number }>(sql.lastChange)!.last;
  }

  lastOutbox(): number {
    return this.#rows.get<{ last: number }>(sql.lastOutbox)!.last;
  }
}

export function toChange(row: DocumentKey & { sequence: number; version: number }): Change {
  const { account, region, service, type, id } = row;
  return { sequence: row.sequence, key: { account, region, service, type, id }, version: row.version };
}
