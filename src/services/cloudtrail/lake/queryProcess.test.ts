import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Feed } from "./queryProtocol.ts";
import { QueryFailed, runInProcess } from "./queryProcess.ts";

const signal = new AbortController().signal;

async function* feed(rows: number): AsyncGenerator<Feed> {
  for (let i = 0; i < rows; i++) yield ["s_a", [i, `row ${i}`]];
}

const job = (sql: string, more: object = {}) => ({
  sql,
  tables: [{ name: "s_a", columns: 2 }],
  now: "2026-01-01 00:00:00.000",
  mostRows: 10_000,
  mostBytes: 1_000_000,
  ...more,
});

async function run(sql: string, more: object = {}, rows = 3, stop = signal): Promise<unknown[][]> {
  return Array.fromAsync(runInProcess(job(sql, more), feed(rows), stop));
}

test("rows go in and come out", async () => {
  assert.deepEqual(await run("SELECT k1, :now FROM s_a WHERE k0 > 0 ORDER BY k0"), [
    ["row 1", "2026-01-01 00:00:00.000"],
    ["row 2", "2026-01-01 00:00:00.000"],
  ]);
  assert.deepEqual(await run("SELECT count(*) FROM s_a", {}, 5_000), [[5_000]]);
});

// What no statement becomes is refused all the same: the second line of defence.
describe("the process only reads", () => {
  const forbidden = [
    "DELETE FROM s_a",
    "INSERT INTO s_a VALUES (1, 2)",
    "UPDATE s_a SET k1 = 'x'",
    "DROP TABLE s_a",
    "CREATE TABLE t (x)",
    "ATTACH DATABASE '/tmp/jikimi-query-escape' AS x",
    "PRAGMA journal_mode",
    "VACUUM INTO '/tmp/jikimi-query-escape'",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
  ];
  for (const sql of forbidden) {
    test(sql, async () => {
      await assert.rejects(
        run(sql),
        (error) => error instanceof QueryFailed && /not authorized|authorization denied/.test(error.message),
      );
    });
  }
});

test("a result is bounded", async () => {
  await assert.rejects(run("SELECT * FROM s_a", { mostRows: 2 }), /larger than 2 rows/);
  await assert.rejects(run("SELECT * FROM s_a", { mostBytes: 10 }), /or 10 bytes/);
});

test("memory is bounded", async () => {
  await assert.rejects(
    run("SELECT length(group_concat(hex(zeroblob(100000000)))) FROM s_a", {}, 50),
    (error) => error instanceof QueryFailed && /memory|too big/.test(error.message),
  );
});

test("an endless statement ends when it is told to", { timeout: 30_000 }, async () => {
  const stop = new AbortController();
  const running = run(
    `SELECT count(*) FROM ${"abcdefgh"
      .split("")
      .map((name) => `s_a ${name}`)
      .join(", ")}`,
    {},
    500,
    stop.signal,
  );
  setTimeout(() => stop.abort(), 300);
  assert.deepEqual(await running, []);
});

test("what fails while it is fed fails the query", async () => {
  async function* broken(): AsyncGenerator<Feed> {
    yield ["s_a", [1, "x"]];
    throw new Error("the key refused");
  }
  await assert.rejects(Array.fromAsync(runInProcess(job("SELECT 1"), broken(), signal)), /the key refused/);
});
