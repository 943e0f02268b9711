/**
 * The process that runs one query: started without network, files or children, fed over its standard input, ended
 * from outside. Lines of JSON come in (the job, then rows) and go out (rows, then how it went).
 *
 * INVARIANT: once the rows are loaded the connection may only read: the authorizer refuses everything but SELECT,
 * reading a column and calling a function.
 */
import { createInterface } from "node:readline";
import { constants, DatabaseSync, type StatementSync } from "node:sqlite";
import { nativeFunctions } from "#engines/eventSql/runtime.ts";
import type { Answer, Feed, QueryJob } from "./queryProtocol.ts";

const loadBatch = 1_000;

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const job = JSON.parse((await lines.next()).value as string) as QueryJob;
  const database = open(job);
  const inserts = new Map<string, StatementSync>();
  let loaded = 0;
  database.exec("BEGIN");
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const [table, row] = JSON.parse(line) as Feed;
    let insert = inserts.get(table);
    if (!insert) inserts.set(table, (insert = insertInto(database, table, row.length)));
    insert.run(...row);
    if (++loaded % loadBatch === 0) database.exec("COMMIT; BEGIN");
  }
  database.exec("COMMIT");
  database.setAuthorizer((action) => (readOnly.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY));
  await answer(database, job);
}

const readOnly = new Set([constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_FUNCTION]);

function open(job: QueryJob): DatabaseSync {
  const database = new DatabaseSync(":memory:", { allowExtension: false });
  // Temporary tables of sorts stay in memory; LIKE tells case apart, as Trino's does.
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA case_sensitive_like = ON; PRAGMA trusted_schema = OFF");
  for (const [name, work] of Object.entries(nativeFunctions())) database.function(name, { varargs: true }, work);
  for (const { name, columns } of job.tables) {
    database.exec(`CREATE TABLE ${name} (${Array.from({ length: columns }, (_, i) => `k${i}`).join(", ")})`);
  }
  return database;
}

function insertInto(database: DatabaseSync, table: string, columns: number): StatementSync {
  return database.prepare(`INSERT INTO ${table} VALUES (${Array.from({ length: columns }, () => "?").join(", ")})`);
}

async function answer(database: DatabaseSync, job: QueryJob): Promise<void> {
  const statement = database.prepare(job.sql);
  statement.setReturnArrays(true);
  statement.setAllowUnknownNamedParameters(true);
  let rows = 0;
  let bytes = 0;
  for (const row of statement.iterate({ now: job.now }) as Iterable<unknown>) {
    const text = JSON.stringify({ row } satisfies Answer);
    rows++;
    bytes += text.length;
    if (rows > job.mostRows || bytes > job.mostBytes) {
      throw new Error(
        `The result is larger than ${job.mostRows} rows or ${job.mostBytes} bytes. Narrow the query, or use LIMIT.`,
      );
    }
    await say(text);
  }
  await say(JSON.stringify({ done: true, ...counted(database, job) } satisfies Answer));
}

function counted(database: DatabaseSync, { matched, now }: QueryJob): { matched?: number } {
  if (matched === undefined) return {};
  const statement = database.prepare(matched);
  statement.setReturnArrays(true);
  statement.setAllowUnknownNamedParameters(true);
  return { matched: (statement.get({ now }) as unknown as number[])[0]! };
}

function say(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

try {
  await main();
} catch (error) {
  await say(JSON.stringify({ error: (error as Error).message } satisfies Answer));
}
