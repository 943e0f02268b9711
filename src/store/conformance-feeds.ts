/** Change feed, outbox and leases. */
import assert from "node:assert/strict";
import { Conflict, type Operation } from "./contract.ts";
import { key, put, type Rule } from "./conformance-subject.ts";

export function feedRules(rule: Rule): void {
  rule("changes older than seven days are trimmed, the count goes on", async ({ store, clock }) => {
    await store.commit([put("a", 1), put("b", 1)]);
    clock.advance(7 * 86_400_000 + 1);
    await store.commit([put("c", 1)]);
    await store.expire(100);
    assert.deepEqual(
      (await store.changes(0, 10)).map((change) => change.sequence),
      [3],
    );
    clock.advance(8 * 86_400_000);
    await store.expire(100);
    assert.equal(await store.lastChange(), 3);
    await store.commit([put("d", 1)]);
    assert.equal(await store.lastChange(), 4);
  });

  rule("the change feed is dense, complete and in commit order under 8 writers", async ({ store, other }) => {
    const perWriter = 40;
    const seen: { sequence: number; id: string; version: number }[] = [];
    const total = 8 * perWriter * 2;
    const reader = (async () => {
      let after = 0;
      while (seen.length < total) {
        const changes = await other.changes(after, 37);
        for (const change of changes) {
          assert.equal(change.sequence, after + 1, "dense, and never filled in behind the reader");
          after = change.sequence;
          seen.push({ sequence: after, id: change.key.id, version: change.version });
        }
        if (changes.length === 0) await other.waitForChange(after, 2000);
      }
    })();
    const writer = async (n: number): Promise<void> => {
      for (let i = 0; i < perWriter; i++) await (n % 2 ? store : other).commit([put(`own-${n}`, i), put("shared", i)]);
    };
    await Promise.all(Array.from({ length: 8 }, (_, n) => writer(n)));
    await reader;
    assert.equal(await store.lastChange(), total);
    for (const id of ["own-0", "own-7"]) {
      assert.deepEqual(
        seen.filter((change) => change.id === id).map((change) => change.version),
        Array.from({ length: perWriter }, (_, n) => n + 1),
      );
    }
    assert.deepEqual(
      seen.filter((change) => change.id === "shared").map((change) => change.version),
      Array.from({ length: 8 * perWriter }, (_, n) => n + 1),
    );
  });

  rule("waitForChange ends with a change made by another client, and with its time", async ({ store, other }) => {
    await store.commit([put("a", 1)]);
    await store.waitForChange(0, 60_000);
    let ended = false;
    const waiting = store.waitForChange(1, 60_000).then(() => (ended = true));
    assert.equal(await store.lastChange(), 1);
    assert.equal(ended, false);
    await other.commit([put("a", 2)]);
    await waiting;
    await store.waitForChange(2, 1);
  });

  rule("the outbox keeps commit order per key and gives each entry until it is removed", async ({ store, other }) => {
    const append = (writer: number, n: number): Operation => ({
      op: "append",
      stream: "audit",
      key: `k${writer}`,
      id: `${writer}-${n}`,
      event: { n },
    });
    let ended = false;
    const waiting = other.waitForOutbox(60_000).then(() => (ended = true));
    assert.deepEqual(await store.outbox(10), []);
    assert.equal(ended, false);
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 20; n += 2)
          await (writer % 2 ? store : other).commit([append(writer, n), put(`d${writer}`, n), append(writer, n + 1)]);
      }),
    );
    await waiting;
    const entries = await store.outbox(1000);
    assert.deepEqual(
      entries.map((entry) => entry.sequence),
      Array.from({ length: 80 }, (_, n) => n + 1),
    );
    for (let writer = 0; writer < 4; writer++) {
      const own = entries.filter((entry) => entry.key === `k${writer}`);
      assert.deepEqual(
        own.map((entry) => entry.event),
        Array.from({ length: 20 }, (_, n) => ({ n })),
      );
    }
    await store.removeOutbox(entries.slice(0, 79).map((entry) => entry.sequence));
    await store.removeOutbox([1, 2, 3]);
    assert.deepEqual(
      (await store.outbox(10)).map((entry) => entry.sequence),
      [80],
    );
    await store.waitForOutbox(60_000);
    await store.removeOutbox([80]);
    await store.waitForOutbox(1);
    await store.commit([append(9, 9)]);
    assert.equal((await store.outbox(10))[0]?.sequence, 81, "numbers are not used again");
  });

  rule("one lease of many who ask, renewed by its owner, passed on after its time", async ({ store, other, clock }) => {
    const asked = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 ? store : other).lease("job", `o${n}`, 1000)),
    );
    const held = asked.filter((lease) => lease !== undefined);
    assert.equal(held.length, 1);
    const first = held[0]!;
    assert.equal(first.expiresAt, clock.now() + 1000);
    clock.advance(600);
    const renewed = (await store.lease("job", first.owner, 1000))!;
    assert.deepEqual(renewed, { ...first, expiresAt: clock.now() + 1000 });
    clock.advance(999);
    assert.equal(await store.lease("job", "next", 1000), undefined);
    clock.advance(1);
    const second = (await other.lease("job", "next", 1000))!;
    assert.ok(second.fencingToken > first.fencingToken);
    await store.releaseLease(first);
    assert.equal(await store.lease("job", first.owner, 1000), undefined, "a former holder releases nothing");
    await store.releaseLease(second);
    const third = (await store.lease("job", "next", 1000))!;
    assert.ok(third.fencingToken > second.fencingToken);
    await assert.rejects(store.lease("job", "", 1000));
    await assert.rejects(store.lease("job", "x", 0));
  });

  rule("writes guarded by a lease are refused for a former holder", async ({ store, other, clock }) => {
    const first = (await store.lease("job", "a", 1000))!;
    await store.commit([{ op: "guard", lease: first }, put("w", 1)]);
    clock.advance(1000);
    const second = (await other.lease("job", "b", 1000))!;
    await assert.rejects(store.commit([{ op: "guard", lease: first }, put("w", 2)]), Conflict);
    await store.commit([{ op: "guard", lease: second }, put("w", 3)]);
    await store.releaseLease(second);
    await assert.rejects(store.commit([{ op: "guard", lease: second }, put("w", 4)]), Conflict);
    await assert.rejects(
      store.commit([put("w", 5), { op: "guard", lease: { name: "none", owner: "a", fencingToken: 1 } }]),
      Conflict,
    );
    assert.equal((await store.get(key("w")))?.value, 3);
  });

  rule("an empty batch changes nothing, ping answers", async ({ store }) => {
    await store.commit([]);
    assert.equal(await store.lastChange(), 0);
    await store.ping();
  });
}
