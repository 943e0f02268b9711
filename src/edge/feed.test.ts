import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { DocumentKey, Store } from "#store/contract.ts";
import { openStore } from "#store/open.ts";
import { edgeDocument, edgeService } from "./config.ts";
import { Feed } from "./feed.ts";
import { LastKnown } from "./lastKnown.ts";
import { Sealing } from "./sealing.ts";
import { account, region } from "./testing.ts";

let folder: string;
let store: Store;
let current: Store;
let feed: Feed;
let told: string[][];

/** The store behind the feed may be away, or be another one. */
const switching = new Proxy({} as Store, {
  get:
    (_, name: keyof Store) =>
    (...args: never[]) =>
      (current[name] as (...given: never[]) => unknown)(...args),
});

const away = new Proxy({} as Store, {
  get: () => async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error("away");
  },
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-feed-"));
  current = store = await openStore(`sqlite:${join(folder, "store.sqlite")}`, { clock: systemClock });
  told = [];
  feed = new Feed(switching, silentLogger, async (keys) => void told.push(keys.map(({ id }) => id)));
});

afterEach(async () => {
  await feed.close();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const key = (id: string, type: string = edgeDocument.listener): DocumentKey => ({
  account,
  region,
  service: edgeService,
  type,
  id,
});
const put = (id: string, value: unknown, type?: string) => store.commit([{ op: "put", key: key(id, type), value }]);
const ids = () => [...feed.documents.values()].map((document) => document.key.id).toSorted();

async function until(condition: () => boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; !condition();) {
    if (performance.now() > limit) throw new Error("never");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("everything once, then what changes, and nothing that is not followed", async () => {
  await put("a", 1);
  feed.start();
  await until(() => told.length === 1);
  assert.deepEqual(told, [["a"]]);
  await put("b", 1);
  await put("s", 1, edgeDocument.status);
  await until(() => feed.documents.size === 2);
  await put("a", 2);
  await until(() => [...feed.documents.values()].some(({ value }) => value === 2));
  await store.commit([{ op: "delete", key: key("b") }]);
  await until(() => feed.documents.size === 1);
  assert.ok(!told.flat().includes("s"));
});

test("while the store is away what is known stays; afterwards everything is made good", async () => {
  await put("a", 1);
  await put("b", 1);
  feed.start();
  await until(() => feed.documents.size === 2);
  current = away;
  await put("c", 1);
  await store.commit([{ op: "delete", key: key("a") }]);
  await until(() => !feed.reached);
  assert.deepEqual(ids(), ["a", "b"]);
  current = store;
  await until(() => ids().join() === "b,c");
});

test("another, younger store takes the place of the old one: what it does not have is gone", async () => {
  for (let turn = 0; turn < 5; turn++) await put("a", turn);
  feed.start();
  await until(() => feed.documents.size === 1);
  const other = await openStore(`sqlite:${join(folder, "other.sqlite")}`, { clock: systemClock });
  await other.commit([{ op: "put", key: key("z"), value: 1 }]);
  current = other;
  await put("a", 9);
  await until(() => ids().join() === "z");
  current = store;
  await feed.close();
  await other.close();
});

test("the last configuration is read back under the same secret only", async () => {
  const path = join(folder, "configuration");
  const sealing = (fill: number) => new Sealing(Buffer.alloc(32, fill), "configuration", systemRandom);
  const documents = [{ key: key("a"), version: 3, value: { port: 80 } }];
  assert.equal(await new LastKnown(path, sealing(1)).read(), undefined);
  await new LastKnown(path, sealing(1)).write(documents, new Map([["sealed", "clear"]]));
  const read = await new LastKnown(path, sealing(1)).read();
  assert.deepEqual(read, { documents, secrets: new Map([["sealed", "clear"]]) });
  assert.equal(await new LastKnown(path, sealing(2)).read(), undefined);
});
