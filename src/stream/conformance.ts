/** Every rule of the contract, run against each engine. A new engine is done when it passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManualClock } from "#kernel/clock.ts";
import { InvalidKey } from "#store/contract.ts";
import { LeaseLost, type Stream, type StreamEvent, type StoredEvent } from "./contract.ts";
import { partitionOf } from "./partition.ts";

export interface StreamUnderTest {
  stream: Stream;
  /** Another client of the same data, where the engine allows several; else the same. */
  other: Stream;
  clock: ManualClock;
  dispose(): Promise<void>;
}

const event = (id: string, key = "k", value: unknown = { id }): StreamEvent => ({ id, key, event: value });

export async function readAll(stream: Stream, name: string, limit = 100): Promise<StoredEvent<{ id: string }>[]> {
  const all: StoredEvent<{ id: string }>[] = [];
  for (let partition = 0; partition < stream.partitions; partition++) {
    for (let after = 0; ;) {
      const events = await stream.read<{ id: string }>(name, partition, after, limit);
      if (events.length === 0) break;
      all.push(...events);
      after = events.at(-1)!.offset;
    }
  }
  return all;
}

export function streamConformance(engine: string, create: () => Promise<StreamUnderTest>, skip?: string): void {
  const rule = (name: string, body: (t: StreamUnderTest) => Promise<void>): void => {
    void test(`${engine}: ${name}`, skip === undefined ? {} : { skip }, async () => {
      const t = await create();
      try {
        await body(t);
      } finally {
        await t.dispose();
      }
    });
  };

  rule("events come back with offset, time and content", async ({ stream, other, clock }) => {
    const value = { text: "한국어 \u0000 \ud800 \"'\\", n: null };
    await stream.append("audit", [event("e1", "키", value)]);
    const partition = partitionOf("키", stream.partitions);
    const expected = { partition, offset: 1, id: "e1", key: "키", time: clock.now(), event: value };
    assert.deepEqual(await other.read("audit", partition, 0, 10), [expected]);
    assert.deepEqual(await stream.read("audit", partition, 1, 10), []);
    assert.deepEqual(await stream.read("nothing", partition, 0, 10), []);
    await stream.append("audit", []);
  });

  rule("events of a key keep their order, offsets are dense, under 8 appenders", async ({ stream, other }) => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; n < 30; n += 3) {
          const batch = [n, n + 1, n + 2].map((each) => event(`${writer}-${each}`, `key-${writer}`));
          await (writer % 2 ? stream : other).append("audit", batch);
        }
      }),
    );
    const all = await readAll(stream, "audit", 7);
    assert.equal(all.length, 240);
    for (let partition = 0; partition < stream.partitions; partition++) {
      const own = all.filter((each) => each.partition === partition);
      assert.deepEqual(
        own.map((each) => each.offset),
        own.map((_, n) => n + 1),
      );
    }
    for (let writer = 0; writer < 8; writer++) {
      const ids = all.filter((each) => each.key === `key-${writer}`).map((each) => each.id);
      assert.deepEqual(
        ids,
        Array.from({ length: 30 }, (_, n) => `${writer}-${n}`),
      );
    }
    assert.ok(new Set(all.map((each) => each.partition)).size > 1, "keys are spread");
  });

  rule("a reader beside appenders sees every event once and in order", async ({ stream, other }) => {
    const partition = partitionOf("k", stream.partitions);
    const seen: number[] = [];
    const reader = (async () => {
      while (seen.length < 100) {
        const after = seen.at(-1) ?? 0;
        const events = await other.read("audit", partition, after, 9);
        for (const each of events) seen.push(each.offset);
        if (events.length === 0) await other.wait("audit", partition, after, 2_000);
      }
    })();
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 25; n++) await stream.append("audit", [event(`${writer}-${n}`)]);
      }),
    );
    await reader;
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  });

  rule("an id that is there already is not added again", async ({ stream, other }) => {
    await stream.append("audit", [event("a"), event("b"), event("a")]);
    await Promise.all([
      other.append("audit", [event("b"), event("c")]),
      stream.append("audit", [event("c"), event("a")]),
    ]);
    const all = await readAll(stream, "audit");
    assert.deepEqual(
      all.map((each) => [each.offset, each.id]),
      [
        [1, "a"],
        [2, "b"],
        [3, "c"],
      ],
    );
    await stream.append("other", [event("a")]);
    assert.equal((await readAll(stream, "other")).length, 1, "streams are apart");
  });

  rule("wait ends with an append by another client, and with its time", async ({ stream, other }) => {
    const partition = partitionOf("k", stream.partitions);
    let ended = false;
    const waiting = stream.wait("audit", partition, 0, 60_000).then(() => (ended = true));
    assert.deepEqual(await stream.read("audit", partition, 0, 1), []);
    assert.equal(ended, false);
    await other.append("audit", [event("a")]);
    await waiting;
    await stream.wait("audit", partition, 0, 60_000);
    await stream.wait("audit", partition, 1, 1);
  });

  rule("one holder of a partition; its commits are refused once it has passed on", async ({ stream, other, clock }) => {
    const partition = partitionOf("k", stream.partitions);
    await stream.append(
      "audit",
      ["a", "b", "c"].map((id) => event(id)),
    );
    const asked = await Promise.all(
      Array.from({ length: 6 }, (_, n) => (n % 2 ? stream : other).lease("audit", "detect", partition, `o${n}`, 1000)),
    );
    const held = asked.filter((lease) => lease !== undefined);
    assert.equal(held.length, 1);
    const first = held[0]!;
    await stream.commit(first, 2);
    assert.equal(await other.committed("audit", "detect", partition), 2);
    await stream.commit(first, 1);
    assert.equal(await other.committed("audit", "detect", partition), 2, "a late commit does not go back");
    assert.equal(await other.committed("audit", "elsewhere", partition), 0);
    await assert.rejects(stream.commit(first, 4), InvalidKey, "an offset that was never given out");

    clock.advance(500);
    const renewed = await stream.lease("audit", "detect", partition, first.owner, 1000);
    assert.equal(renewed?.fencingToken, first.fencingToken);
    clock.advance(1000);
    const second = (await other.lease("audit", "detect", partition, "next", 1000))!;
    assert.ok(second.fencingToken > first.fencingToken);
    await assert.rejects(stream.commit(first, 3), LeaseLost);
    await stream.release(first);
    await other.commit(second, 3);
    assert.equal(await stream.committed("audit", "detect", partition), 3);
    await other.release(second);
    await assert.rejects(other.commit(second, 3), LeaseLost);
    assert.ok((await stream.lease("audit", "detect", partition, "third", 1000))!.fencingToken > second.fencingToken);
    const apart = [
      stream.lease("audit", "detect", (partition + 1) % stream.partitions, "x", 1000),
      stream.lease("audit", "config", partition, "x", 1000),
      stream.lease("other", "detect", partition, "x", 1000),
    ];
    assert.equal((await Promise.all(apart)).filter(Boolean).length, 3, "other partitions, groups and streams are free");
  });

  rule("trim removes what is old and committed by every group named, and nothing else", async ({ stream, clock }) => {
    const partition = partitionOf("k", stream.partitions);
    await stream.append(
      "audit",
      ["a", "b", "c"].map((id) => event(id)),
    );
    clock.advance(10 * 60_000);
    await stream.append("audit", [event("young")]);
    const commit = async (group: string, offset: number): Promise<void> => {
      const lease = (await stream.lease("audit", group, partition, "o", 1000))!;
      await stream.commit(lease, offset);
    };
    await commit("detect", 4);
    assert.equal(await stream.trim("audit", ["detect", "config"], clock.now() - 1000), 0, "config has not begun");
    await commit("config", 2);
    assert.equal(await stream.trim("audit", ["detect", "config"], clock.now() - 1000), 2);
    assert.deepEqual(
      (await readAll(stream, "audit")).map((each) => each.offset),
      [3, 4],
    );
    assert.equal(await stream.trim("audit", ["detect"], clock.now() + 1), 1, "an id is known for two minutes");
    assert.deepEqual(
      (await readAll(stream, "audit")).map((each) => each.id),
      ["young"],
    );
    await stream.append("audit", [event("next")]);
    assert.deepEqual(
      (await readAll(stream, "audit")).map((each) => each.offset),
      [4, 5],
    );
  });

  rule("bad input is refused", async ({ stream }) => {
    const bad: [string, () => Promise<unknown>][] = [
      ["stream name", () => stream.append("a b.>", [event("a")])],
      ["empty id", () => stream.append("audit", [event("")])],
      ["NUL in the key", () => stream.append("audit", [event("a", "k\0")])],
      ["not JSON", () => stream.append("audit", [event("a", "k", 1n)])],
      ["too large", () => stream.append("audit", [event("a", "k", "x".repeat(400_000))])],
      ["partition", () => stream.read("audit", stream.partitions, 0, 1)],
      ["after", () => stream.read("audit", 0, -1, 1)],
      ["limit", () => stream.read("audit", 0, 0, 0)],
      ["group name", () => stream.lease("audit", "a/b", 0, "o", 1000)],
    ];
    for (const [name, call] of bad) await assert.rejects(call, InvalidKey, name);
    await stream.append("audit", [event("a", "k", "가".repeat(300_000))]);
    await stream.append("with.dots-and_more", [event("a")]);
    assert.equal((await readAll(stream, "with.dots-and_more")).length, 1);
  });
}
