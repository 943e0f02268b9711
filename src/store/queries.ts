import {
  InvalidKey,
  type CountQuery,
  type Document,
  type DocumentKey,
  type IndexQuery,
  type ListQuery,
  type Page,
} from "./contract.ts";
import { afterPrefix, checkText, keyLimits } from "./limits.ts";

/**
 * The read statements, which are the same in both engines but for the placeholder and the table prefix.
 * Text columns compare by UTF-8 bytes (SQLite BINARY in a UTF-8 file, PostgreSQL COLLATE "C").
 */
export interface Dialect {
  /** "" or "jikimi." */
  schema: string;
  /** Placeholder of the n-th parameter, from 1. */
  placeholder(position: number): string;
  /** The operand of `limit`, of a placeholder. */
  limit(placeholder: string): string;
}

export interface Query {
  text: string;
  values: (string | number)[];
}

/** A row of `list` or `find`. What the query has fixed is not read again for each row. */
export interface DocumentRow {
  account?: string;
  region?: string;
  id: string;
  version: number;
  value: string;
  expires_at: number | null;
  /** Only in rows of `find`: the index value that was met. */
  index_value?: string;
}

/** A row of which the key is known. */
export type ValueRow = Pick<DocumentRow, "version" | "value" | "expires_at">;

/** Largest page. */
const maxPage = 10_000;

class Builder {
  readonly values: (string | number)[] = [];
  readonly where: string[] = [];
  readonly #dialect: Dialect;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add(value: string | number): string {
    this.values.push(value);
    return this.#dialect.placeholder(this.values.length);
  }

  equal(column: string, value: string | undefined): void {
    if (value !== undefined) this.where.push(`${column} = ${this.add(value)}`);
  }

  compare(columns: readonly string[], operator: string, values: readonly string[]): void {
    const left = columns.length === 1 ? columns[0]! : `(${columns.join(", ")})`;
    const places = values.map((value) => this.add(value));
    this.where.push(`${left} ${operator} ${places.length === 1 ? places[0]! : `(${places.join(", ")})`}`);
  }

  /**
   * @param start where the query begins within the prefix, when another condition says so. An index is entered at
   *   one lower bound only, and SQLite may choose the wider one: the narrower must be alone.
   */
  prefix(column: string, prefix: string | undefined, start?: string): void {
    if (!prefix) return;
    const startsInside = start !== undefined && Buffer.compare(Buffer.from(start), Buffer.from(prefix)) >= 0;
    if (!startsInside) this.compare([column], ">=", [prefix]);
    const end = afterPrefix(prefix);
    if (end !== undefined) this.compare([column], "<", [end]);
  }
}

function columnsOf(query: ListQuery | IndexQuery): string {
  const open = (["account", "region"] as const).filter((column) => query[column] === undefined);
  return [...open, "id", "version", "value", "expires_at"].map((column) => `d.${column}`).join(", ");
}

function checkQuery(query: ListQuery | IndexQuery): void {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1 || query.limit > maxPage) {
    throw new InvalidKey(`limit must be 1 to ${maxPage}, got ${query.limit}`);
  }
  checkText("service", query.service, keyLimits.service);
  checkText("type", query.type, keyLimits.type);
  if (query.account !== undefined) checkText("account", query.account, keyLimits.account);
  if (query.region !== undefined) checkText("region", query.region, keyLimits.region);
}

export function listQuery(query: ListQuery, now: number, dialect: Dialect): Query {
  checkQuery(query);
  if (query.prefix !== undefined) checkText("prefix", query.prefix, keyLimits.id);
  if (query.from !== undefined) checkText("from", query.from, keyLimits.id);
  const b = new Builder(dialect);
  const scoped = query.account !== undefined && query.region !== undefined;
  b.equal("d.service", query.service);
  b.equal("d.type", query.type);
  b.equal("d.account", query.account);
  b.equal("d.region", query.region);
  b.prefix("d.id", query.prefix, query.reverse || !scoped ? undefined : (query.after ?? query.from));
  if (query.from !== undefined) b.compare(["d.id"], query.reverse ? "<=" : ">=", [query.from]);
  if (query.after !== undefined) {
    const parts = query.after.split("\0");
    for (const part of parts) checkText("after", part, keyLimits.id);
    if (parts.length !== 1 && parts.length !== 3) throw new InvalidKey("after is not a cursor of this query");
    const by = parts.length === 3 ? ["d.id", "d.account", "d.region"] : ["d.id"];
    b.compare(by, query.reverse ? "<" : ">", parts);
  }
  b.where.push(`(d.expires_at is null or d.expires_at > ${b.add(now)})`);
  const direction = query.reverse ? " desc" : "";
  const order = (scoped ? ["d.id"] : ["d.id", "d.account", "d.region"]).map((column) => column + direction).join(", ");
  const limit = dialect.limit(b.add(query.limit + 1));
  const text = `select ${columnsOf(query)} from ${dialect.schema}documents d where ${b.where.join(" and ")} order by ${order} limit ${limit}`;
  return { text, values: b.values };
}

export function countQuery(query: CountQuery, now: number, dialect: Dialect): Query {
  checkQuery({ ...query, limit: 1 });
  if (query.index) return countIndexQuery(query, query.index, now, dialect);
  if (query.prefix !== undefined) checkText("prefix", query.prefix, keyLimits.id);
  const b = new Builder(dialect);
  b.equal("service", query.service);
  b.equal("type", query.type);
  b.equal("account", query.account);
  b.equal("region", query.region);
  b.prefix("id", query.prefix);
  b.where.push(`(expires_at is null or expires_at > ${b.add(now)})`);
  return {
    text: `select count(*) as n from ${dialect.schema}documents where ${b.where.join(" and ")}`,
    values: b.values,
  };
}

function countIndexQuery(
  query: CountQuery,
  index: NonNullable<CountQuery["index"]>,
  now: number,
  dialect: Dialect,
): Query {
  checkText("index", index.name, keyLimits.index);
  for (const side of ["from", "to"] as const) {
    if (index[side] !== undefined) checkText(side, index[side], keyLimits.valueAndId);
  }
  const b = new Builder(dialect);
  b.equal("i.service", query.service);
  b.equal("i.type", query.type);
  b.equal("i.name", index.name);
  b.equal("i.account", query.account);
  b.equal("i.region", query.region);
  if (index.from !== undefined) b.compare(["i.value"], ">=", [index.from]);
  if (index.to !== undefined) b.compare(["i.value"], "<", [index.to]);
  b.prefix("i.id", query.prefix);
  b.where.push(`(d.expires_at is null or d.expires_at > ${b.add(now)})`);
  const text =
    `select count(*) as n from ${dialect.schema}index_rows i join ${dialect.schema}documents d ` +
    `on d.service = i.service and d.type = i.type and d.account = i.account and d.region = i.region and d.id = i.id ` +
    `where ${b.where.join(" and ")}`;
  return { text, values: b.values };
}

export function findQuery(query: IndexQuery, now: number, dialect: Dialect): Query {
  checkQuery(query);
  checkText("index", query.index, keyLimits.index);
  for (const side of ["value", "from", "to"] as const) {
    if (query[side] !== undefined) checkText(side, query[side], keyLimits.valueAndId);
  }
  const b = new Builder(dialect);
  b.equal("i.service", query.service);
  b.equal("i.type", query.type);
  b.equal("i.name", query.index);
  b.equal("i.account", query.account);
  b.equal("i.region", query.region);
  b.equal("i.value", query.value);
  if (query.from !== undefined) b.compare(["i.value"], ">=", [query.from]);
  if (query.to !== undefined) b.compare(["i.value"], "<", [query.to]);
  if (query.after !== undefined) {
    b.compare(["i.value", "i.id", "i.account", "i.region"], query.reverse ? "<" : ">", readCursor(query.after));
  }
  b.where.push(`(d.expires_at is null or d.expires_at > ${b.add(now)})`);
  const order = ["i.value", "i.id", "i.account", "i.region"]
    .map((column) => (query.reverse ? `${column} desc` : column))
    .join(", ");
  const limit = dialect.limit(b.add(query.limit + 1));
  const text =
    `select ${columnsOf(query)}, i.value as index_value from ${dialect.schema}index_rows i join ${dialect.schema}documents d ` +
    `on d.service = i.service and d.type = i.type and d.account = i.account and d.region = i.region and d.id = i.id ` +
    `where ${b.where.join(" and ")} order by ${order} limit ${limit}`;
  return { text, values: b.values };
}

/** Index cursors are base64url JSON of [value, id, account, region]; anything else is refused. */
function readCursor(cursor: string): string[] {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    throw new InvalidKey("after is not a cursor of this query");
  }
  if (!Array.isArray(parts) || parts.length !== 4) throw new InvalidKey("after is not a cursor of this query");
  for (const part of parts) checkText("after", part, keyLimits.valueAndId);
  return parts as string[];
}

export function toDocument<T>(key: DocumentKey, row: ValueRow): Document<T> {
  const document: Document<T> = { key, version: row.version, value: JSON.parse(row.value) as T };
  if (row.expires_at !== null) document.expiresAt = row.expires_at;
  return document;
}

/** The key alone, whatever else the object carries. */
export function copyKey({ account, region, service, type, id }: DocumentKey): DocumentKey {
  return { account, region, service, type, id };
}

export function toListPage<T>(rows: readonly DocumentRow[], query: ListQuery): Page<T> {
  const scoped = query.account !== undefined && query.region !== undefined;
  return toPage(rows, query, ({ key }) => (scoped ? key.id : [key.id, key.account, key.region].join("\0")));
}

export function toFindPage<T>(rows: readonly DocumentRow[], query: IndexQuery): Page<T> {
  return toPage(rows, query, ({ key }, row) =>
    Buffer.from(JSON.stringify([row.index_value, key.id, key.account, key.region])).toString("base64url"),
  );
}

/** One row more than the page was asked for: its presence means there is a next page. */
function toPage<T>(
  rows: readonly DocumentRow[],
  query: ListQuery | IndexQuery,
  cursor: (item: Document<T>, row: DocumentRow) => string,
): Page<T> {
  const { service, type, limit } = query;
  const items = rows.slice(0, limit).map((row) => {
    const account = query.account ?? row.account ?? "";
    const region = query.region ?? row.region ?? "";
    return toDocument<T>({ account, region, service, type, id: row.id }, row);
  });
  return rows.length > limit ? { items, next: cursor(items[limit - 1]!, rows[limit - 1]!) } : { items };
}
