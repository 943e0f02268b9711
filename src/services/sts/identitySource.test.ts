import { test } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "#kernel/clock.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { createSessionIdentity } from "./identitySource.ts";

test("a session whose end has been cleaned up is narrowed to nothing, not widened to its role", async () => {
  const store = { get: async () => undefined } as unknown as Store;
  const identity = createSessionIdentity({ store, keys: {} as KeyHolder, clock: systemClock });
  const policies = await identity.sessionPolicies("ASIAGONEGONEGONEGONE");
  assert.deepEqual(
    policies?.map(({ document }) => JSON.parse(document).Statement),
    [[{ Effect: "Deny", Action: "*", Resource: "*" }]],
  );
  assert.equal(await identity.credential("ASIAGONEGONEGONEGONE"), undefined);
});
