/** What the rules of the conformance suite work with. */
import assert from "node:assert/strict";
import type { ManualClock } from "#kernel/clock.ts";
import { Conflict, type DocumentKey, type ListQuery, type Operation, type Store } from "./contract.ts";

export interface StoreUnderTest {
  store: Store;
  /** Another client of the same data, where the engine allows several; else the same. */
  other: Store;
  clock: ManualClock;
  dispose(): Promise<void>;
}

export const key = (id: string, more: Partial<DocumentKey> = {}): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "kms",
  type: "key",
  id,
  ...more,
});

export const put = (id: string, value: unknown, more: Partial<Operation & { op: "put" }> = {}): Operation => ({
  op: "put",
  key: key(id),
  value,
  ...more,
});

export const scope = { account: "111122223333", region: "us-east-1", service: "kms", type: "key" };

/** How many of the promises were refused with `Conflict`; any other rejection fails the test. */
export async function conflicts(work: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(work);
  const refused = results.filter((result) => result.status === "rejected");
  for (const { reason } of refused) assert.ok(reason instanceof Conflict, String(reason));
  return refused.length;
}

export async function listAll(store: Store, query: Omit<ListQuery, "limit">, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let after = query.after;
  for (;;) {
    const page = await store.list({ ...query, limit, ...(after === undefined ? {} : { after }) });
    assert.ok(page.items.length <= limit);
    ids.push(...page.items.map((item) => item.key.id));
    if (page.next === undefined) return ids;
    after = page.next;
  }
}

/** Declares one rule; the body gets a fresh, empty store. */
export type Rule = (name: string, body: (t: StoreUnderTest) => Promise<void>) => void;
