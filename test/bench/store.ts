/**
 * The store against the engines it stands on, side by side in one run. A ratio is ours divided by the raw one,
 * in operations per second: 1 is no cost at all.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import postgres from "postgres";
import { connectIpc } from "#ipc/client.ts";
import { serveIpc } from "#ipc/server.ts";
import { systemClock } from "#kernel/clock.ts";
import type { DocumentKey, Store } from "#store/contract.ts";
import { openIpcStore, storeErrors, storeHandlers } from "#store/ipc.ts";
import { openStore } from "#store/open.ts";
import type { SqliteStore } from "#store/sqlite.ts";
import { FollowedFile, followHandlers } from "#store/sqlite-followed.ts";
import { FollowingStore } from "#store/sqlite-following.ts";
import { PostgresStream } from "#stream/postgres.ts";
import { SqliteStream } from "#stream/sqlite.ts";
import type { Stream } from "#stream/contract.ts";
import { findPostgres, PostgresServer } from "../postgres.ts";
import { print, skipped, type Row } from "./parts/row.ts";

const documents = 2000;
const value = { KeyId: "1234abcd", Description: "d".repeat(380), Enabled: true, Tags: [{ Key: "a", Value: "b" }] };
const json = JSON.stringify(value);
const key = (n: number): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "kms",
  type: "key",
  id: `id-${n % documents}`,
});

interface Measured {
  /** Operations per second. */
  rate: number;
  /** Microseconds of CPU of this process, all its threads, per operation. */
  cpu: number;
}

/** With `width` operations in flight, for about `milliseconds`. */
async function rate(width: number, operation: (n: number) => unknown, milliseconds = 400): Promise<Measured> {
  let n = 0;
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - began < milliseconds) await operation(n++);
  };
  await Promise.all(Array.from({ length: width }, worker));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { rate: n / ((performance.now() - began) / 1000), cpu: (user + system) / n };
}

/** The better of two rounds of each, taken in turn so that a noisy moment meets both. */
async function compare(
  name: string,
  ours: () => Promise<Measured>,
  raw: () => Promise<Measured>,
  unit = "/s",
): Promise<Row> {
  const none: Measured = { rate: 0, cpu: 0 };
  let [best, base] = [none, none];
  for (let round = 0; round < 2; round++) {
    base = better(base, await raw());
    best = better(best, await ours());
  }
  const said = (each: Measured) => `${Math.round(each.rate)}${unit} and ${each.cpu.toFixed(1)} µs of CPU here`;
  return { name, ratio: best.rate / base.rate, detail: `${said(best)}; against ${said(base)}` };
}

function better(a: Measured, b: Measured): Measured {
  return a.rate > b.rate ? a : b;
}

async function fill(store: Store): Promise<void> {
  await Promise.all(Array.from({ length: documents }, (_, n) => store.commit([{ op: "put", key: key(n), value }])));
}

const commitTo = (store: Store) => (n: number) => store.commit([{ op: "put", key: key(n), value }]);

async function sqliteRows(folder: string): Promise<Row[]> {
  const store = await openStore(`sqlite:${join(folder, "ours.db")}`, { clock: systemClock });
  await fill(store);
  const raw = new DatabaseSync(join(folder, "raw.db"));
  raw.exec("pragma journal_mode = wal; pragma synchronous = full");
  raw.exec(
    "create table d (account, region, service, type, id, version, doc, primary key (service, type, account, region, id))",
  );
  raw.exec("create table c (sequence integer primary key, id, version)");
  const insert = raw.prepare("insert into d values (?, ?, ?, ?, ?, 1, ?)");
  raw.exec("begin");
  for (let n = 0; n < documents; n++) insert.run("111122223333", "us-east-1", "kms", "key", `id-${n}`, json);
  raw.exec("commit");
  const where = "service = 'kms' and type = 'key' and account = ? and region = ?";
  const update = raw.prepare(`update d set version = version + 1, doc = ? where ${where} and id = ?`);
  const change = raw.prepare("insert into c (id, version) values (?, 1)");
  const get = raw.prepare(`select * from d where ${where} and id = ?`);
  const list = raw.prepare(`select * from d where ${where} and id > ? order by id limit 50`);
  const write = (n: number): void => {
    update.run(JSON.stringify(value), "111122223333", "us-east-1", `id-${n % documents}`);
    change.run(`id-${n % documents}`);
  };
  let waiting: (() => void)[] = [];
  const grouped = (n: number): Promise<void> =>
    new Promise((resolve) => {
      if (waiting.length === 0) {
        setImmediate(() => {
          const group = waiting;
          waiting = [];
          raw.exec("begin immediate");
          group.forEach((_, position) => write(n + position));
          raw.exec("commit");
          for (const wake of group) wake();
        });
      }
      waiting.push(resolve);
    });
  const alone = (n: number): void => {
    raw.exec("begin immediate");
    write(n);
    raw.exec("commit");
  };
  const page = (n: number): unknown[] =>
    list
      .all("111122223333", "us-east-1", `id-${n % documents}`)
      .map((row) => JSON.parse(String(row["doc"])) as unknown);
  const one = (n: number): unknown =>
    JSON.parse(String(get.get("111122223333", "us-east-1", `id-${n % documents}`)!["doc"]));

  const handlers = {
    ...storeHandlers(store),
    ...followHandlers((store as SqliteStore).database),
  };
  const server = await serveIpc(join(folder, "s.sock"), handlers, { errors: storeErrors });
  const remote = openIpcStore(server.path, {});
  const client = connectIpc(server.path, { errors: storeErrors });
  const file = new FollowedFile(client);
  const beside = new FollowingStore(client, file, systemClock);
  while (!file.rows) await new Promise((resolve) => setTimeout(resolve, 1));
  const rows = [
    await compare(
      "sqlite commit, one at a time",
      () => rate(1, commitTo(store)),
      () => rate(1, alone),
    ),
    await compare(
      "sqlite commit, 64 in flight (raw: group commit by hand)",
      () => rate(64, commitTo(store)),
      () => rate(64, grouped),
    ),
    await compare(
      "sqlite get",
      () => rate(1, (n) => store.get(key(n))),
      () => rate(1, one),
    ),
    await compare(
      "sqlite list of 50",
      () => rate(1, (n) => store.list({ ...key(0), after: `id-${n % documents}`, limit: 50 })),
      () => rate(1, page),
    ),
    await compare(
      "get over IPC, 16 in flight (against in process)",
      () => rate(16, (n) => remote.get(key(n))),
      () => rate(16, (n) => store.get(key(n))),
    ),
    await compare(
      "get beside the owner, as other roles do (against in process)",
      () => rate(1, (n) => beside.get(key(n))),
      () => rate(1, (n) => store.get(key(n))),
    ),
    await compare(
      "commit over IPC, 64 in flight (against in process)",
      () => rate(64, commitTo(remote)),
      () => rate(64, commitTo(store)),
    ),
  ];
  await file.close();
  await beside.close();
  await remote.close();
  await server.close();
  await store.close();
  raw.close();
  return rows;
}

async function postgresRows(): Promise<Row[]> {
  const found = findPostgres();
  if ("reason" in found) return [skipped("postgres", found.reason)];
  const server = await PostgresServer.create();
  try {
    const store = await openStore(await server.createDatabase("ours"), { clock: systemClock });
    await fill(store);
    const sql = postgres(await server.createDatabase("raw"), { max: 16, onnotice: () => {}, fetch_types: false });
    await sql.unsafe(
      "create table d (account text, region text, service text, type text, id text, version bigint, doc jsonb, primary key (service, type, account, region, id)); create table c (sequence bigserial primary key, id text, version bigint)",
    );
    await sql.unsafe(
      "insert into d select '111122223333', 'us-east-1', 'kms', 'key', 'id-' || n, 1, $1::text::jsonb from generate_series(0, 1999) n",
      [json],
    );
    const update = (n: number): Promise<unknown> =>
      sql`with u as (update d set version = version + 1, doc = ${JSON.stringify(value)}::text::jsonb where service = 'kms' and type = 'key'
        and account = '111122223333' and region = 'us-east-1' and id = ${`id-${n % documents}`} returning id, version)
        insert into c (id, version) select id, version from u`;
    const get = (n: number): Promise<unknown> =>
      sql`select * from d where service = 'kms' and type = 'key' and account = '111122223333' and region = 'us-east-1' and id = ${`id-${n % documents}`}`;
    const rows = [
      await compare(
        "postgres commit, one at a time",
        () => rate(1, commitTo(store)),
        () => rate(1, update),
      ),
      await compare(
        "postgres commit, 16 in flight",
        () => rate(16, commitTo(store)),
        () => rate(16, update),
      ),
      await compare(
        "postgres commit, 256 in flight",
        () => rate(256, commitTo(store)),
        () => rate(256, update),
      ),
      await compare(
        "postgres get, 16 in flight",
        () => rate(16, (n) => store.get(key(n))),
        () => rate(16, get),
      ),
    ];
    const second = await openStore(server.url("ours"), { clock: systemClock });
    const both = (n: number): Promise<void> => commitTo(n % 2 ? store : second)(n);
    rows.push(
      await compare(
        "postgres commit, 256 in flight from two clients (against one)",
        () => rate(256, both),
        () => rate(256, commitTo(store)),
      ),
    );
    const stream = await PostgresStream.open(server.url("ours"), { clock: systemClock });
    rows.push(
      await streamRow("postgres stream, batches of 100 (against commits of the store)", stream, () =>
        rate(64, commitTo(store)),
      ),
    );
    await stream.close();
    await second.close();
    await store.close();
    await sql.end();
    return rows;
  } finally {
    await server.destroy();
  }
}

const perEvent = ({ rate: batches, cpu }: Measured): Measured => ({ rate: batches * 100, cpu: cpu / 100 });

async function streamRow(name: string, stream: Stream, raw: () => Promise<Measured>): Promise<Row> {
  let batch = 0;
  const append = async (): Promise<Measured> => {
    const batches = await rate(4, () => {
      const own = batch++;
      return stream.append(
        "bench",
        Array.from({ length: 100 }, (_, n) => ({ id: `${own}-${n}`, key: `k${n % 32}`, event: value })),
      );
    });
    return perEvent(batches);
  };
  return compare(name, append, raw, " events/s");
}

export async function bench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-bench-"));
  try {
    const rows = await sqliteRows(folder);
    const stream = await SqliteStream.open(join(folder, "events.db"), { clock: systemClock });
    const raw = new DatabaseSync(join(folder, "raw-events.db"));
    raw.exec(
      "pragma journal_mode = wal; pragma synchronous = full; create table e (p int, o int, id, key, time, event, primary key (p, o)) without rowid",
    );
    const insert = raw.prepare("insert into e values (0, ?, ?, ?, 0, ?)");
    let offset = 0;
    const rawAppend = async (): Promise<Measured> =>
      perEvent(
        await rate(4, () => {
          raw.exec("begin");
          for (let n = 0; n < 100; n++) insert.run(++offset, `${offset}`, `k${n}`, JSON.stringify(value));
          raw.exec("commit");
        }),
      );
    rows.push(await streamRow("sqlite stream, batches of 100", stream, rawAppend));
    await stream.close();
    raw.close();
    return [...rows, ...(await postgresRows())];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) print(await bench());
