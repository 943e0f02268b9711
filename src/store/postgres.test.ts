import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import postgres from "postgres";
import { ManualClock } from "#kernel/clock.ts";
import { findPostgres, PostgresServer } from "../../test/postgres.ts";
import { StoreUnavailable, type DocumentKey, type Operation } from "./contract.ts";
import { openStore } from "./open.ts";
import { parsePostgresUrl } from "./postgres-address.ts";
import { classifyFailure } from "./postgres-failure.ts";

test("URLs with one host, several, a socket, and with TLS", () => {
  assert.deepEqual(parsePostgresUrl("postgres://u:p%40ss@h1:5433,h2/db?target_session_attrs=read-write"), {
    hosts: [
      { host: "h1", port: 5433 },
      { host: "h2", port: 5432 },
    ],
    user: "u",
    password: "p@ss",
    database: "db",
  });
  assert.deepEqual(parsePostgresUrl("postgresql:///db?host=/run/postgresql&port=5433").hosts, [
    { host: "/run/postgresql", port: 5433 },
  ]);
  assert.deepEqual(parsePostgresUrl("postgres://[::1]:5433/db").hosts, [{ host: "::1", port: 5433 }]);
  assert.deepEqual(parsePostgresUrl("postgres://h/db?sslmode=verify-full").ssl, { rejectUnauthorized: true });
  for (const bad of [
    "mysql://h/db",
    "postgres://h:0/db",
    "postgres://h:99999/db",
    "postgres://h/db?sslmode=prefer",
    "postgres://h/db?sslmod=require",
    "postgres://h/db?target_session_attrs=any",
  ]) {
    assert.throws(() => parsePostgresUrl(bad), TypeError, bad);
  }
});

test("what a failure means, by SQLSTATE", () => {
  const server = (code: string): unknown => ({ code, severity: "ERROR" });
  for (const [error, expected] of [
    [server("40001"), "retry"],
    [server("40P01"), "retry"],
    [server("25006"), "readOnly"],
    [server("57P01"), "lost"],
    [server("08006"), "lost"],
    [server("53100"), "unavailable"],
    [server("57014"), "unavailable"],
    [server("57P03"), "unavailable"],
    [server("22P02"), "statement"],
    [{ code: "ECONNRESET" }, "lost"],
    [{ code: "CONNECTION_CLOSED" }, "lost"],
    [new TypeError("bug"), "statement"],
  ] as const) {
    assert.equal(classifyFailure(error), expected, JSON.stringify(error));
  }
});

const found = findPostgres();
const skip = "reason" in found ? found.reason : false;
let server: PostgresServer;
const clock = new ManualClock();
const key = (id: string): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "kms",
  type: "key",
  id,
});
const put = (id: string, value: unknown): Operation => ({ op: "put", key: key(id), value });

before(async () => {
  if (!skip) server = await PostgresServer.create();
});
after(async () => {
  await server?.destroy();
});

test("eight processes that start at once make the schema once", { skip }, async () => {
  const url = await server.createDatabase("together");
  const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(url, { clock })));
  await Promise.all(stores.map((store, n) => store.commit([put(`d${n}`, n)])));
  assert.equal(await stores[0]!.lastChange(), 8);
  await Promise.all(stores.map((store) => store.close()));
});

test("a database of a newer release, or of another encoding, is refused", { skip }, async () => {
  const url = await server.createDatabase("newer");
  await (await openStore(url, { clock })).close();
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`insert into jikimi.migrations values ('store', 999, 'future')`;
  await assert.rejects(openStore(url, { clock }), { name: "SchemaTooNew" });
  await sql.unsafe("create database latin template template0 encoding 'SQL_ASCII' locale 'C'");
  await sql.end();
  await assert.rejects(openStore(server.url("latin"), { clock }), {
    name: "StoreUnavailable",
    message: /encoding must be UTF8/,
  });
});

test("a server that turns read-only refuses, and nothing is applied", { skip }, async () => {
  const url = await server.createDatabase("readonly");
  const store = await openStore(url, { clock });
  await store.commit([put("a", 1)]);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe("alter database readonly set default_transaction_read_only = on");
  await sql.unsafe(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'readonly' and pid <> pg_backend_pid()",
  );
  const results = [];
  for (let n = 0; n < 3; n++) results.push(...(await Promise.allSettled([store.commit([put("a", 2)])])));
  for (const result of results) assert.ok(result.status === "rejected" && result.reason instanceof StoreUnavailable);
  await sql.unsafe("set default_transaction_read_only = off");
  await sql.unsafe("alter database readonly reset default_transaction_read_only");
  assert.equal((await store.get(key("a")))?.value, 1);
  await store.commit([put("a", 3)]);
  await sql.end();
  await store.close();
});

test("an operator's own lock delays a commit; the wait is bounded and nothing is applied later", { skip }, async () => {
  const url = await server.createDatabase("locked");
  const store = await openStore(url, { clock, timeoutMs: 1_000 });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.begin(async (transaction) => {
    await transaction`select * from jikimi.head for update`;
    await assert.rejects(store.commit([put("a", 1)]), StoreUnavailable);
  });
  await store.commit([put("b", 1)]);
  assert.equal(await store.get(key("a")), undefined);
  await sql.end();
  await store.close();
});

test("deadlocks with other transactions are tried again inside", { skip }, async () => {
  const url = await server.createDatabase("deadlock");
  const store = await openStore(url, { clock });
  await store.commit([put("a", 0)]);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`set deadlock_timeout = '10s'`;
  let commit: Promise<void> | undefined;
  await sql.begin(async (transaction) => {
    // The row first and the head second: the opposite order of a commit.
    await transaction`update jikimi.documents set value = value where id = 'a'`;
    commit = store.commit([put("a", 1)]);
    let waiting = 0;
    while (waiting === 0) {
      const rows =
        await transaction`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'jikimi'`;
      waiting = Number(rows[0]!["n"]);
    }
    await transaction`select * from jikimi.head for update`;
  });
  await commit;
  assert.equal((await store.get(key("a")))?.value, 1);
  await sql.end();
  await store.close();
});

test("TLS is verified: the right authority and the right name, or nothing", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-tls-"));
  const secure = await PostgresServer.create();
  const openssl = (...args: string[]): unknown => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const install = async (name: string): Promise<void> => {
    writeFileSync(join(folder, "san"), `subjectAltName=${name}\n`);
    openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "server.key",
      "-out",
      "server.csr",
      "-subj",
      "/CN=localhost",
    );
    openssl(
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      "server.crt",
      "-days",
      "2",
      "-extfile",
      "san",
    );
    secure.installFile("server.key", readFileSync(join(folder, "server.key")));
    secure.installFile("server.crt", readFileSync(join(folder, "server.crt")));
    const sql = postgres(secure.url(), { max: 1, onnotice: () => {} });
    await sql.unsafe("alter system set ssl = on");
    await sql.unsafe("alter system set ssl_min_protocol_version = 'TLSv1.2'");
    await sql.end();
    // A restart, since a reload takes effect at a time that cannot be seen from outside.
    await secure.stop();
    await secure.start();
  };
  try {
    for (const ca of ["ca", "other"]) {
      openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        `${ca}.key`,
        "-out",
        `${ca}.crt`,
        "-days",
        "2",
        "-subj",
        `/CN=${ca}`,
      );
    }
    const url = (ca: string): string => `${secure.url()}?sslmode=verify-full&sslrootcert=${join(folder, `${ca}.crt`)}`;
    await install("IP:127.0.0.1");
    const store = await openStore(url("ca"), { clock });
    await store.commit([put("a", 1)]);
    await store.get(key("a"));
    const sql = postgres(secure.url(), { max: 1, onnotice: () => {} });
    const plain =
      await sql`select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name = 'jikimi'`;
    assert.ok(plain.length >= 2 && plain.every((row) => row["ssl"] === true), "all our connections are encrypted");
    await sql.end();
    await store.close();
    await assert.rejects(openStore(url("other"), { clock }), StoreUnavailable, "another authority");
    await install("DNS:localhost");
    await assert.rejects(openStore(url("ca"), { clock }), StoreUnavailable, "a certificate for another name");
    await (await openStore(url("ca").replace("127.0.0.1", "localhost"), { clock })).close();
  } finally {
    await secure.destroy();
    rmSync(folder, { recursive: true });
  }
});

test("backup names the tools to use", { skip }, async () => {
  const store = await openStore(await server.createDatabase("backup"), { clock });
  await assert.rejects(store.backup("/tmp/none"), /pg_basebackup/);
  await store.close();
});
