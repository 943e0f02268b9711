import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock, systemClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import { StoreUnavailable, type Operation, type Store } from "#store/contract.ts";
import { SqliteStore } from "#store/sqlite.ts";
import type { Stream } from "./contract.ts";
import { readAll } from "./conformance.ts";
import { OutboxRelay } from "./outbox.ts";
import { SqliteStream } from "./sqlite.ts";

const append = (id: string, key = "k", stream = "audit"): Operation => ({
  op: "append",
  stream,
  key,
  id,
  event: { id },
});

async function withBoth(body: (store: Store, stream: Stream, clock: ManualClock) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-outbox-"));
  const clock = new ManualClock();
  const store = new SqliteStore(join(folder, "state.db"), { clock });
  const stream = await SqliteStream.open(join(folder, "events.db"), { clock });
  try {
    await body(store, stream, clock);
  } finally {
    await store.close();
    await stream.close();
    rmSync(folder, { recursive: true });
  }
}

async function emptied(store: Store): Promise<void> {
  while ((await store.outbox(1)).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

test("what is appended to the outbox arrives in the stream, in order, once", async () => {
  await withBoth(async (store, stream, clock) => {
    const relay = new OutboxRelay({ store, stream, owner: "a", clock, log: silentLogger, batch: 7 });
    await store.commit([append("before")]);
    relay.start();
    for (let n = 0; n < 50; n++) await store.commit([append(`e${n}`, `k${n % 3}`), append(`o${n}`, "k", "other")]);
    await emptied(store);
    await relay.stop();
    const events = await readAll(stream, "audit");
    assert.equal(events.length, 51);
    for (const key of ["k0", "k1", "k2"]) {
      const numbers = events.filter((event) => event.key === key).map((event) => Number(event.id.slice(1)));
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
    }
    assert.equal((await readAll(stream, "other")).length, 50);
    assert.ok(await store.lease("outbox-relay", "b", 1000), "a relay that stops gives its lease back");
  });
});

test("a stream that fails holds entries back and loses none", async () => {
  await withBoth(async (store, stream, clock) => {
    let failures = 3;
    const failing = new Proxy(stream, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name !== "append") return member.bind(target) as unknown;
        return async (...args: Parameters<Stream["append"]>) => {
          // The first failure comes after the effect: the entries must be sent again and not be doubled.
          if (failures === 3) await target.append(...args);
          if (failures-- > 0) throw new StoreUnavailable("gone", { unknown: true });
          return target.append(...args);
        };
      },
    });
    const relay = new OutboxRelay({ store, stream: failing, owner: "a", clock, log: silentLogger, retryMs: 1 });
    await store.commit([append("a"), append("b")]);
    await assert.rejects(relay.relayOnce(), StoreUnavailable);
    assert.equal((await store.outbox(10)).length, 2);
    relay.start();
    await store.commit([append("c")]);
    await emptied(store);
    await relay.stop();
    assert.deepEqual(
      (await readAll(stream, "audit")).map((event) => event.id),
      ["a", "b", "c"],
    );
  });
});

test("one of two relays works; the other takes over when the lease runs out", async () => {
  await withBoth(async (store, stream, clock) => {
    assert.ok(await store.lease("outbox-relay", "dead", 30));
    const relay = new OutboxRelay({ store, stream, owner: "b", clock, log: silentLogger, leaseMs: 30 });
    await store.commit([append("a")]);
    relay.start();
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await store.outbox(10)).length, 1, "not while another holds the lease");
    clock.advance(30);
    await emptied(store);
    await relay.stop();
    assert.equal((await readAll(stream, "audit")).length, 1);
  });
});

/** A process that appends and relays until it is killed; it prints each number once it is committed. */
const victim = `
import { systemClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { OutboxRelay } from "#stream/outbox.ts";
import { SqliteStream } from "#stream/sqlite.ts";
const [folder, first] = [process.argv[1], Number(process.argv[2])];
const store = new SqliteStore(folder + "/state.db", { clock: systemClock });
const stream = await SqliteStream.open(folder + "/events.db", { clock: systemClock });
new OutboxRelay({ store, stream, owner: String(process.pid), clock: systemClock, log: silentLogger, batch: 5, leaseMs: 50 }).start();
for (let n = first; ; n++) {
  await store.commit([{ op: "append", stream: "audit", key: "k", id: String(n), event: { n } }]);
  process.stdout.write(n + "\\n");
}
`;

test("killed at random, the relay loses nothing and changes no order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-outbox-"));
  let acknowledged = -1;
  for (let round = 0; round < 4; round++) {
    const child = spawn(
      process.execPath,
      ["--input-type=module-typescript", "-e", victim, folder, String(acknowledged + 1000)],
      {
        stdio: ["ignore", "pipe", "inherit"],
        cwd: import.meta.dirname,
      },
    );
    let text = "";
    let seen = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      seen += chunk.toString().split("\n").length - 1;
      if (seen > 60 + round * 37) child.kill("SIGKILL");
    });
    await new Promise((resolve) => child.once("close", resolve));
    acknowledged = Number(text.trimEnd().split("\n").at(-1));
    assert.ok(seen > 60, "the writer has worked");
  }
  const store = new SqliteStore(join(folder, "state.db"), { clock: systemClock });
  const stream = await SqliteStream.open(join(folder, "events.db"), { clock: systemClock });
  const relay = new OutboxRelay({ store, stream, owner: "last", clock: systemClock, log: silentLogger });
  while ((await relay.relayOnce()) > 0);
  const numbers = (await readAll(stream, "audit")).map((event) => Number(event.id));
  assert.ok(numbers.includes(acknowledged));
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(numbers).size, numbers.length);
  // Within each round numbers are consecutive: nothing in the middle is missing.
  const gaps = numbers.filter((n, index) => index > 0 && n !== numbers[index - 1]! + 1).length;
  assert.equal(gaps, 3, "only the jumps between rounds");
  await store.close();
  await stream.close();
  rmSync(folder, { recursive: true });
});
