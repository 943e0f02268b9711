/** Every rule of the contract, run against each engine. A new engine is done when it passes. */
import { test } from "node:test";
import { feedRules } from "./conformance-feeds.ts";
import { queryRules } from "./conformance-queries.ts";
import type { Rule, StoreUnderTest } from "./conformance-subject.ts";
import { writeRules } from "./conformance-writes.ts";

/** `skip` is the reason why the engine cannot be tested here. */
export function storeConformance(engine: string, create: () => Promise<StoreUnderTest>, skip?: string): void {
  const rule: Rule = (name, body) => {
    void test(`${engine}: ${name}`, skip === undefined ? {} : { skip }, async () => {
      const t = await create();
      try {
        await body(t);
      } finally {
        await t.dispose();
      }
    });
  };
  writeRules(rule);
  queryRules(rule);
  feedRules(rule);
}
