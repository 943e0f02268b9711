import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import { MemoryStore } from "#gateway/testing.ts";
import type { Stream } from "#stream/contract.ts";
import { housekeeping } from "./housekeeping.ts";

const clock = new ManualClock();

function context(store: MemoryStore): JobContext {
  return { store, clock, signal: new AbortController().signal } as unknown as JobContext;
}

test("documents that have run out are removed, however many", async () => {
  const store = new MemoryStore(() => clock.now());
  const key = (id: string) => ({ account: "1", region: "r", service: "s", type: "t", id });
  for (let i = 0; i < 2500; i++) {
    await store.commit([{ op: "put", key: key(`old-${i}`), value: i, expiresAt: clock.now() + 1000 }]);
  }
  await store.commit([{ op: "put", key: key("kept"), value: 0 }]);
  clock.advance(1000);
  const [expire] = housekeeping({} as Stream, []);
  await expire!.job.run(context(store));
  assert.deepEqual(
    [...store.rows.values()].map((row) => row.key.id),
    ["kept"],
  );
});

test("events are let go of when all consumers of their stream have handled them, a week later", async () => {
  const trimmed: unknown[] = [];
  const stream = { trim: async (...args: unknown[]) => void trimmed.push(args) } as unknown as Stream;
  const reactor = (service: string, name: string, of: string) => ({
    service,
    reactor: { name, stream: of, handle: async () => {} },
  });
  const [, trim] = housekeeping(stream, [
    reactor("cloudtrail", "follow", "audit"),
    reactor("guardduty", "detect", "audit"),
    reactor("macie2", "scan", "s3-events"),
  ]);
  await trim!.job.run(context(new MemoryStore()));
  const before = clock.now() - 7 * 24 * 3600_000;
  assert.deepEqual(trimmed, [
    ["audit", ["cloudtrail.follow", "guardduty.detect"], before],
    ["s3-events", ["macie2.scan"], before],
  ]);
});
