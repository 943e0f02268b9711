import assert from "node:assert/strict";
import { test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#kernel/clock.ts";
import { openStore } from "#store/open.ts";
import type { DocumentKey, Store } from "#store/contract.ts";
import { changedSince } from "./changes.ts";

const key = (account: string, service: string, id: string): DocumentKey => ({
  account,
  region: "us-east-1",
  service,
  type: "thing",
  id,
});

async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-changes-"));
  const store = await openStore(`sqlite:${join(folder, "store.sqlite")}`, { clock: systemClock });
  try {
    await work(store);
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

test("only what changed in one's own account, in the services that were named, ends the waiting", () =>
  withStore(async (store) => {
    const put = (account: string, service: string, id: string) =>
      store.commit([{ op: "put", key: key(account, service, id), value: {} }]);
    const { signal } = new AbortController();
    const start = await changedSince(store, "111122223333", new Set(["sqs"]), undefined, signal);
    assert.deepEqual(start.services, []);
    let answered = false;
    const waiting = changedSince(store, "111122223333", new Set(["sqs"]), start.sequence, signal).finally(
      () => (answered = true),
    );
    await put("999999999999", "sqs", "somebody else's");
    await put("111122223333", "iam", "another service");
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, false);
    await put("111122223333", "sqs", "ours");
    assert.deepEqual((await waiting).services, ["sqs"]);
  }));

test("a process that drains lets its waiters go", () =>
  withStore(async (store) => {
    const aborted = AbortSignal.abort();
    assert.deepEqual((await changedSince(store, "111122223333", new Set(["sqs"]), 0, aborted)).services, []);
  }));
