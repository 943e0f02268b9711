import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { StoreUnavailable } from "./contract.ts";

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
export function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** True for what concerns the file and not the one statement. */
export function isEngineFailure(error: unknown): boolean {
  return error instanceof StoreUnavailable || engineFailures.has(resultCode(error) ?? 0);
}

/** An engine failure as `StoreUnavailable`; any other error as it is. */
export function translateFailure(path: string, error: unknown, unknown: boolean): unknown {
  const reason = engineFailures.get(resultCode(error) ?? 0);
  return reason ? new StoreUnavailable(`${path}: ${reason}`, { unknown, cause: error }) : error;
}

/** One connection to a SQLite file, with its prepared statements. Used by one thread. */
export class SqliteConnection {
  readonly raw: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Throws what node:sqlite throws. */
  constructor(path: string, { readOnly = false, cacheKiB = 16_384 }: { readOnly?: boolean; cacheKiB?: number } = {}) {
    this.raw = new DatabaseSync(path, { enableForeignKeyConstraints: false, timeout: 2000, readOnly });
    try {
      this.raw.exec(
        `pragma synchronous = full; pragma foreign_keys = off; pragma temp_store = memory; pragma cache_size = -${cacheKiB}; pragma journal_size_limit = 67108864; pragma trusted_schema = off`,
      );
    } catch (error) {
      this.raw.close();
      throw error;
    }
  }

  /** A prepared statement, kept for the life of the connection. */
  statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.raw.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  all<Row>(text: string, ...values: SQLInputValue[]): Row[] {
    return this.statement(text).all(...values) as Row[];
  }

  /** `all` with each row as the list of its columns: half the price for many rows. A text is read in this way or in the other. */
  tuples<Row extends readonly unknown[]>(text: string, ...values: SQLInputValue[]): Row[] {
    const statement = this.statement(text);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as Row[];
  }

  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.statement(text).get(...values) as Row | undefined;
  }

  run(text: string, ...values: SQLInputValue[]): number {
    return Number(this.statement(text).run(...values).changes);
  }

  close(): void {
    this.#statements.clear();
    this.raw.close();
  }
}
