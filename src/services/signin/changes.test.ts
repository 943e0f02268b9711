import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "#gateway/testing.ts";
import type { DocumentKey } from "#store/contract.ts";
import { changedSince } from "./changes.ts";

const key = (account: string, service: string, id: string): DocumentKey => ({
  account,
  region: "us-east-1",
  service,
  type: "thing",
  id,
});

test("only what changed in one's own account, in the services that were named, ends the waiting", async () => {
  const store = new MemoryStore(() => 0);
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
});

test("a process that drains lets its waiters go", async () => {
  const store = new MemoryStore(() => 0);
  const aborted = AbortSignal.abort();
  assert.deepEqual((await changedSince(store, "111122223333", new Set(["sqs"]), 0, aborted)).services, []);
});
