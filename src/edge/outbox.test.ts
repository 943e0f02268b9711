import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { StreamEvent } from "#stream/contract.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import { Sealing } from "./sealing.ts";

let folder: string;
let down: boolean;
const arrived = new Map<string, unknown>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-outbox-"));
  down = false;
  arrived.clear();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const limits: OutboxLimits = { memory: 1_000, disk: 100_000, callMs: 200, everyMs: 60_000 };

async function outbox(
  more: Partial<OutboxLimits> = {},
  append?: (events: readonly StreamEvent[]) => Promise<void>,
): Promise<Outbox> {
  const made = new Outbox(
    {
      append: async (_, events) => {
        if (append) return append(events);
        if (down) throw new Error("down");
        for (const { id, event } of events) arrived.set(id, event);
      },
      prepare: async (item) => item,
      folder,
      sealing: new Sealing(Buffer.alloc(32, 1), "waiting", systemRandom),
      random: systemRandom,
      log: silentLogger,
      limits: { ...limits, ...more },
    },
    () => {},
  );
  await made.open();
  return made;
}

const line = (index: number): { line: string } => ({ line: `secret line ${index} ${"x".repeat(200)}` });

test("what is put arrives once", async () => {
  const box = await outbox();
  for (let index = 0; index < 120; index++) box.put("s", "k", line(index));
  await box.flush();
  assert.deepEqual(
    [...arrived.values()],
    Array.from({ length: 120 }, (_, index) => line(index)),
  );
  await box.close();
});

test("while nobody takes it, it waits sealed on the disk, and a new process sends it", async () => {
  const box = await outbox();
  down = true;
  for (let turn = 0; turn < 3; turn++) {
    for (let index = 0; index < 10; index++) box.put("s", "k", line(turn * 10 + index));
    await box.flush();
  }
  await box.close();
  const files = await readdir(folder);
  assert.ok(files.length >= 2);
  for (const name of files) assert.ok(!(await readFile(join(folder, name))).includes("secret line"));
  down = false;
  const next = await outbox();
  await next.flush();
  assert.deepEqual(
    [...arrived.values()].map((event) => (event as { line: string }).line),
    Array.from({ length: 30 }, (_, index) => line(index).line),
  );
  assert.deepEqual(await readdir(folder), []);
  await next.close();
});

test("more than the disk may take is dropped and counted", async () => {
  const box = await outbox({ disk: 4_000 });
  down = true;
  for (let turn = 0; turn < 10; turn++) {
    for (let index = 0; index < 10; index++) box.put("s", "k", line(index));
    await box.flush();
  }
  assert.ok(box.dropped > 0);
  await box.close();
});

test("a call without answer fails in time; its events are sent again under the same ids", async () => {
  const ids: string[][] = [];
  const box = await outbox({}, (events) => {
    ids.push(events.map(({ id }) => id));
    return ids.length === 1 ? new Promise(() => {}) : Promise.resolve();
  });
  box.put("s", "k", line(1));
  await box.flush();
  await box.flush();
  assert.equal(ids.length, 2);
  assert.deepEqual(ids[0], ids[1]);
  await box.close();
});
