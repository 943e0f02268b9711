/** Lanes, looking past those that wait, failures of our own, and the end. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ManualClock, timeText } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import type { JobContext } from "./context.ts";
import { runDeliveries, type DeliveryKind, type Plan } from "./deliveries.ts";
import { MemoryStore } from "./testing.ts";

const scope = { account: "111122223333", region: "us-east-1", service: "post", type: "parcel" };
let clock: ManualClock;
let store: MemoryStore;
let stopping: AbortController;
/** In the order of their beginning. */
let begun: string[];
/** Ends what has begun. */
let ends: Map<string, () => void>;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryStore(() => clock.now());
  stopping = new AbortController();
  begun = [];
  ends = new Map();
});

function context(log: JobContext["log"] = silentLogger): JobContext {
  return { clock, store, log, signal: stopping.signal } satisfies Partial<JobContext> as unknown as JobContext;
}

async function put(id: string, lane: string, dueAt = clock.now()): Promise<void> {
  const indexes = { due: timeText(dueAt) };
  await store.commit([{ op: "put", key: { ...scope, id }, value: { lane }, indexes }]);
}

/** Delivers once it is told to. */
function kind(more: Partial<Plan> = {}): DeliveryKind<{ lane: string }> {
  return {
    ...scope,
    plan: ({ key, value, version }) => ({
      lane: value.lane,
      most: 1,
      async run() {
        begun.push(key.id);
        await new Promise<void>((resolve) => ends.set(key.id, resolve));
        await store.commit([{ op: "delete", key, ifVersion: version }]);
      },
      ...more,
    }),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

async function stop(running: Promise<void>): Promise<void> {
  stopping.abort();
  for (const end of ends.values()) end();
  await running;
}

test("a lane is no wider than its target bears, and hides no other", async () => {
  for (let i = 0; i < 600; i++) await put(`slow-${String(i).padStart(3, "0")}`, "slow");
  await put("other", "other", clock.now() + 1);
  clock.advance(1);
  const running = runDeliveries(context(), kind());
  await until(() => begun.includes("other"));
  assert.deepEqual(begun, ["slow-000", "other"]);
  ends.get("slow-000")!();
  await until(() => begun.length === 3);
  assert.equal(begun[2], "slow-001");
  await stop(running);
});

test("what is not due waits for the clock, also one that was moved", async () => {
  await put("now", "a");
  await put("later", "b", clock.now() + 60_000);
  const running = runDeliveries(context(), kind());
  await until(() => begun.length === 1);
  clock.advance(60_000);
  await until(() => begun.length === 2);
  assert.deepEqual(begun, ["now", "later"]);
  await stop(running);
});

test("a target that may not be called now is asked when there is a place, and no more is done", async () => {
  await put("one", "a");
  let asked = 0;
  const running = runDeliveries(context(), kind({ mayNow: () => ++asked > 2 }));
  await until(() => begun.length === 1);
  assert.equal(asked, 3);
  await stop(running);
});

test("a failure of our own is told and is nobody's attempt; the others go on", async () => {
  await put("broken", "a");
  await put("sound", "b");
  const told: unknown[] = [];
  const log = { ...silentLogger, error: (fields: object) => told.push(fields) } as unknown as JobContext["log"];
  const sound = kind();
  const running = runDeliveries(context(log), {
    ...sound,
    async plan(document) {
      const plan = await sound.plan(document);
      return document.key.id === "sound" ? plan : { ...plan, run: () => Promise.reject(new Error("ours")) };
    },
  });
  await until(() => told.length > 0 && ends.has("sound"));
  assert.equal((told[0] as { delivery: string }).delivery, "broken");
  await stop(running);
  assert.deepEqual(
    (await store.list({ ...scope, limit: 10 })).items.map(({ key }) => key.id),
    ["broken"],
    "what has begun ends before the job does",
  );
});

test("what ended while a page was looked at is not begun again as the page shows it", async () => {
  await put("b", "b", clock.now());
  const usual = kind();
  const running = runDeliveries(context(), {
    ...usual,
    async plan(document) {
      if (document.key.id === "a") {
        ends.get("b")!();
        await until(() => store.rows.size === 1);
      }
      return await usual.plan(document);
    },
  });
  await until(() => ends.has("b"));
  await put("a", "a", clock.now() - 1);
  await until(() => ends.has("a"));
  await stop(running);
  assert.deepEqual(begun, ["b", "a"]);
});
