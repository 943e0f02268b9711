import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { JobContext } from "#gateway/context.ts";
import { MemoryStore } from "#gateway/testing.ts";
import { SettingAside } from "./pending.ts";
import type { Pending, Trail } from "./state.ts";

const clock = new ManualClock();
const trail = { name: "t", account: "111122223333", homeRegion: "eu-north-1" } as Trail;
const record = (n: number, region = "eu-north-1") =>
  ({
    eventID: `event-${n}`,
    eventTime: "2026-03-01T10:00:00Z",
    awsRegion: region,
    recipientAccountId: "111122223333",
  }) as AuditRecord;
const records = (count: number, from = 0) => Array.from({ length: count }, (_, n) => record(from + n));

function subject() {
  const store = new MemoryStore(() => clock.now());
  const ctx = { store, clock } as unknown as JobContext;
  return {
    async handle(all: readonly AuditRecord[], size = 100) {
      const aside = new SettingAside();
      for (const each of all) aside.add("pending", trail, each, size);
      await aside.commit(ctx, []);
    },
    async documents() {
      const scope = { account: trail.account, region: trail.homeRegion, service: "cloudtrail", type: "pending" };
      return (await store.list<Pending>({ ...scope, limit: 1000 })).items;
    },
  };
}

describe("records that wait for delivery", () => {
  test("what comes in together is one document for each account and Region", async () => {
    const { handle, documents } = subject();
    await handle([record(1), record(2), record(3, "us-east-1"), record(4)]);
    assert.deepEqual(
      (await documents()).map(({ key, value }) => [key.id, value.records.length]),
      [
        ["t/111122223333/eu-north-1/2026-03-01T10:00:00Z/event-1", 3],
        ["t/111122223333/us-east-1/2026-03-01T10:00:00Z/event-3", 1],
      ],
    );
  });

  test("a document is bounded by records and by size", async () => {
    const many = subject();
    await many.handle(records(600));
    const counts = (await many.documents()).map(({ value }) => value.records.length);
    assert.deepEqual(counts.toSorted(), [100, 250, 250]);
    const large = subject();
    await large.handle(records(30), 320 * 1024);
    assert.equal((await large.documents()).length, 10);
  });

  test("a batch that comes again adds only what it did not have, and changes no document", async () => {
    const { handle, documents } = subject();
    await handle(records(5));
    await handle(records(5));
    assert.equal((await documents()).length, 1);
    await handle(records(300));
    await handle(records(300));
    const found = await documents();
    assert.ok(found.every(({ version }) => version === 1));
    const ids = found.flatMap(({ value }) => value.records.map(({ eventID }) => eventID));
    assert.deepEqual(new Set(ids), new Set(records(300).map(({ eventID }) => eventID)));
    assert.equal(ids.length, 300, "none twice");
  });
});
