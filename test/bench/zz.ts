import { systemClock } from "#kernel/clock.ts";
import { openStore } from "#store/open.ts";
import postgres from "postgres";
import { PostgresServer } from "../postgres.ts";
const server = await PostgresServer.create();
const url = await server.createDatabase("x");
const a = await openStore(url, { clock: systemClock });
const b = await openStore(url, { clock: systemClock });
const key = (n: number) => ({ account: "1", region: "r", service: "s", type: "t", id: `id-${n % 2000}` });
const value = { d: "d".repeat(400) };
async function rate(stores: any[], width: number) {
  let n = 0;
  const t = performance.now();
  await Promise.all(
    Array.from({ length: width }, async (_, w) => {
      while (performance.now() - t < 1500)
        await stores[w % stores.length].commit([{ op: "put", key: key(n++), value }]);
    }),
  );
  return Math.round(n / ((performance.now() - t) / 1000));
}
await rate([a], 64);
const sql = postgres(url, { max: 1, onnotice() {} });
for (let i = 0; i < 2; i++) {
  console.log(
    "row lock: one",
    await rate([a], 256),
    "two",
    await rate([a, b], 256),
    "one16",
    await rate([a], 16),
    "two16",
    await rate([a, b], 16),
  );
}
const src = (await sql`select pg_get_functiondef('jikimi.commit_group'::regproc) d`)[0]!.d as string;
await sql.unsafe(
  src.replace(
    "select h.change, h.outbox into change, outbox from jikimi.head h for update;",
    "perform pg_advisory_xact_lock(7420516); select h.change, h.outbox into change, outbox from jikimi.head h;",
  ),
);
for (let i = 0; i < 2; i++) {
  console.log(
    "advisory: one",
    await rate([a], 256),
    "two",
    await rate([a, b], 256),
    "one16",
    await rate([a], 16),
    "two16",
    await rate([a, b], 16),
  );
}
await a.close();
await b.close();
await sql.end();
await server.destroy();
