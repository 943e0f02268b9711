/** What is kept of documents is what the file says: beside a reader of the file that keeps nothing. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ManualClock } from "#kernel/clock.ts";
import { Conflict, StoreUnavailable, type DocumentKey, type Operation } from "./contract.ts";
import { KeptDocuments } from "./keptDocuments.ts";
import { prepareOperation } from "./operations.ts";
import type { ValueRow } from "./queries.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { SqliteStore } from "./sqlite.ts";

const key = (id: string): DocumentKey => ({ account: "1", region: "r", service: "s", type: "t", id });
const row = (value: string): ValueRow => ({ version: 1, value, expires_at: null });
const up = (): void => {};

/** Counts how often the file is asked. */
class File {
  readonly rows = new Map<string, ValueRow>();
  asked = 0;
  of = (id: string) => (): ValueRow | undefined => {
    this.asked++;
    return this.rows.get(id);
  };
}

test("a document, and that there is none, is looked up once", () => {
  const kept = new KeptDocuments(up);
  const file = new File();
  file.rows.set("a", row("1"));
  for (let n = 0; n < 3; n++) {
    assert.equal(kept.read(key("a"), file.of("a"))?.value, "1");
    assert.equal(kept.read(key("b"), file.of("b")), undefined);
  }
  assert.equal(file.asked, 2);
});

test("while a document is written, and of none but that one, the file is asked", async () => {
  const kept = new KeptDocuments(up);
  const file = new File();
  file.rows.set("a", row("1"));
  const read = (id: string): string | undefined => kept.read(key(id), file.of(id))?.value;
  read("a");
  read("b");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const first = kept.writing([key("a")], () => promise);
  const second = kept.writing([key("a"), key("a")], () => Promise.resolve());
  file.asked = 0;
  assert.equal(read("a"), "1");
  // Durable, though nobody has been told yet.
  file.rows.set("a", row("2"));
  assert.equal(read("a"), "2");
  await second;
  assert.equal(read("a"), "2");
  assert.equal(file.asked, 3, "the other write is still under way");
  read("b");
  assert.equal(file.asked, 3);
  reject(new Error("nobody knows"));
  await assert.rejects(first);
  resolve();
  read("a");
  read("a");
  assert.equal(file.asked, 4);
});

test("a sweep keeps nothing of anything", async () => {
  const kept = new KeptDocuments(up);
  const file = new File();
  kept.read(key("a"), file.of("a"));
  await kept.sweeping(async () => {
    kept.read(key("a"), file.of("a"));
    kept.read(key("a"), file.of("a"));
  });
  assert.equal(file.asked, 3);
});

test("nothing is given once the file must not be read, and large documents are not kept", () => {
  let down = false;
  const kept = new KeptDocuments(() => {
    if (down) throw new StoreUnavailable("down");
  });
  const file = new File();
  file.rows.set("large", row("x".repeat(100_000)));
  kept.read(key("large"), file.of("large"));
  kept.read(key("large"), file.of("large"));
  assert.equal(file.asked, 2);
  kept.read(key("a"), file.of("a"));
  down = true;
  assert.throws(() => kept.read(key("a"), file.of("a")), StoreUnavailable);
});

test("what has not been read lately makes room", () => {
  const kept = new KeptDocuments(up);
  const file = new File();
  const text = "x".repeat(60_000);
  for (let n = 0; n < 1000; n++) {
    file.rows.set(String(n), row(text));
    kept.read(key(String(n)), file.of(String(n)));
    kept.read(key("0"), file.of("0"));
  }
  assert.equal(file.asked, 1000, "what is read all the time stays");
  kept.read(key("1"), file.of("1"));
  assert.equal(file.asked, 1001);
});

test("the store gives what the file says, whoever writes and however it ends", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kept-"));
  const path = join(folder, "state.db");
  const clock = new ManualClock(1_000_000);
  const store = new SqliteStore(path, { clock });
  const witness = new SqliteConnection(path, { readOnly: true });
  const file = new SqliteReads(witness, clock);
  try {
    let state = 1;
    const below = (n: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const ids = ["a", "b", "c", "d", "e"].map(key);
    const any = (): DocumentKey => ids[below(ids.length)]!;
    const operation = (): Operation => {
      const kind = below(4);
      if (kind === 0) return { op: "delete", key: any() };
      const ifVersion = below(3);
      return {
        op: "put",
        key: any(),
        value: { n: below(1000) },
        ...(kind === 1 ? { ifVersion } : {}),
        ...(kind === 2 ? { expiresAt: clock.now() + below(50) } : {}),
      };
    };
    const running = new Set<Promise<void>>();
    let conflicts = 0;
    let between = 0;
    for (let step = 0; step < 4000; step++) {
      const wanted = any();
      const before = file.get(wanted);
      const given = store.get(wanted);
      const after = file.get(wanted);
      // The writer's thread may commit in between; then it is one of the two.
      if (isDeepStrictEqual(before, after)) assert.deepEqual(await given, after, `step ${step}`);
      else between++;
      if (below(3) === 0) {
        const batch = Array.from({ length: 1 + below(2) }, operation);
        const commit = below(2) === 0 ? store.commit(batch) : store.commitPrepared(batch.map(prepareOperation));
        const done = commit
          .catch((error: unknown) => {
            assert.ok(error instanceof Conflict);
            conflicts++;
          })
          .finally(() => running.delete(done));
        running.add(done);
      }
      if (below(200) === 0) running.add(store.expire(10).then(() => undefined));
      if (below(50) === 0) clock.advance(20);
      if (below(5) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(running);
    assert.ok(conflicts > 10);
    assert.ok(between < 400, `${between} looks say nothing`);
  } finally {
    witness.close();
    await store.close();
    await rm(folder, { recursive: true });
  }
});
