/** The event history against a plain list of the same events: order, pages, attributes, days, repeated batches, merges. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { MemoryStore } from "#gateway/testing.ts";
import type { Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { hasAttribute, termOf, type Attribute } from "./attributes.ts";
import { historyKeeper } from "./keep.ts";
import { lookUp } from "./lookup.ts";
import { decodeSegment, encodeSegment, keyOf, termsOf } from "./segment.ts";
import { segmentType, tailType } from "./state.ts";

const account = "111122223333";
const region = "eu-north-1";
const start = Date.parse("2026-03-01T22:00:00Z");

let numbered = 0;
function record(at: number, more: Partial<AuditRecord> = {}): AuditRecord {
  numbered++;
  return {
    eventID: `${String((numbered * 7919) % 100_000).padStart(5, "0")}-${numbered}`,
    eventTime: `${new Date(at).toISOString().slice(0, 19)}Z`,
    eventName: "Encrypt",
    eventSource: "kms.amazonaws.com",
    eventCategory: "Management",
    awsRegion: region,
    recipientAccountId: account,
    readOnly: true,
    userIdentity: { type: "IAMUser", userName: "ana", accessKeyId: "AKIA1" },
    ...more,
  } as AuditRecord;
}

const stored = (records: readonly AuditRecord[]): StoredEvent[] =>
  records.map((event, index) => ({ id: event.eventID, key: account, event, partition: 0, offset: index + 1, time: 0 }));

class World {
  readonly store = new MemoryStore(() => start);
  readonly context = {
    store: this.store,
    clock: new ManualClock(start),
    log: silentLogger,
  } as unknown as ReactorContext;
  keep = historyKeeper();
  readonly all: AuditRecord[] = [];

  async handle(records: AuditRecord[]): Promise<void> {
    this.all.push(...records);
    await this.keep(stored(records), this.context);
  }

  get state() {
    return new UnitOfWork(this.store, { account, region, service: "cloudtrail" }, () => "id");
  }

  count(type: string): Promise<number> {
    return this.store.count({ account, region, service: "cloudtrail", type });
  }

  /** Every page of a lookup. */
  async pages(limit: number, attribute?: Attribute, from = "0000", to = "9999"): Promise<string[][]> {
    const pages: string[][] = [];
    let before: string | undefined = `${to}~`;
    while (before !== undefined) {
      const found = await lookUp(this.state, { from, before, limit, ...(attribute ? { attribute } : {}) });
      pages.push(found.records.map(keyOf));
      before = found.next;
    }
    return pages;
  }

  expected(attribute?: Attribute, from = "0000", to = "9999"): string[] {
    return [
      ...new Set(
        this.all
          .filter((each) => each.awsRegion === region && (!attribute || hasAttribute(each, attribute)))
          .map(keyOf)
          .filter((key) => key >= from && key < `${to}~`),
      ),
    ]
      .sort()
      .reverse();
  }
}

/** Batches of all sizes over three days, with events that come late, of several names and users. */
async function busyWorld(): Promise<World> {
  const world = new World();
  let at = start;
  for (let n = 0; n < 260; n++) {
    const size = n % 50 === 7 ? 600 : 1 + (n % 5);
    at += (n % 11) * 90_000;
    const batch = Array.from({ length: size }, (_, i) =>
      record(at - ((i * 37) % 90) * 1000, {
        eventName: `Name${i % 7}`,
        readOnly: i % 2 === 0,
        ...(i % 13 === 0 ? { userIdentity: { type: "Root" } } : {}),
        ...(i % 5 === 0 ? { resources: [{ ARN: `arn:aws:s3:::bucket-${i % 3}/a"b`, type: "AWS::S3::Bucket" }] } : {}),
        ...(i % 29 === 0 ? { awsRegion: "us-east-1" } : {}),
      }),
    );
    await world.handle(batch);
  }
  return world;
}

describe("event history", () => {
  const attributes: (Attribute | undefined)[] = [
    undefined,
    { name: "EventName", value: "Name3" },
    { name: "ReadOnly", value: "false" },
    { name: "Username", value: "root" },
    { name: "ResourceName", value: 'arn:aws:s3:::bucket-0/a"b' },
    { name: "ResourceName", value: 'a"b' },
    { name: "EventName", value: "NeverHappened" },
  ];

  test("gives every event once, the newest first, whatever the size of the page and of the batches", async () => {
    const world = await busyWorld();
    assert.ok((await world.count(segmentType)) > 5 && (await world.count(tailType)) > 0, "both kinds are read");
    for (const attribute of attributes) {
      for (const limit of [50, 7]) {
        const pages = await world.pages(limit, attribute);
        assert.deepEqual(pages.flat(), world.expected(attribute));
        assert.ok(
          pages.slice(0, -1).every((page) => page.length === limit),
          "only the last page is short",
        );
      }
    }
    const one = world.all[1234]!;
    assert.deepEqual(await world.pages(50, { name: "EventId", value: one.eventID }), [[keyOf(one)]]);
  });

  test("a range of time includes both its seconds", async () => {
    const world = await busyWorld();
    const times = world.expected().map((key) => key.slice(0, 20));
    const [to, from] = [times[Math.floor(times.length / 3)]!, times[Math.floor(times.length / 2)]!];
    for (const attribute of attributes) {
      const found = (await world.pages(50, attribute, from, to)).flat();
      assert.deepEqual(found, world.expected(attribute, from, to));
    }
  });

  test("a batch that is handled again, alone or with what came after it, adds nothing", async () => {
    const world = new World();
    const first = Array.from({ length: 5 }, (_, n) => record(start + n * 1000));
    const more = Array.from({ length: 300 }, (_, n) => record(start + n * 500));
    await world.handle(first);
    await world.handle(first);
    assert.equal(await world.count(tailType), 1);
    world.keep = historyKeeper();
    await world.handle([...first, ...more]);
    await world.handle([...first, ...more]);
    assert.deepEqual((await world.pages(50)).flat(), world.expected());
    assert.equal(world.expected().length, 305);
  });

  test("a merge that another has overtaken changes nothing", async () => {
    const world = new World();
    let writes = 0;
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (batch: readonly Operation[]) => {
      const merge = batch.find((each) => each.op === "delete");
      if (merge?.op === "delete" && writes++ === 0) await commit([{ op: "delete", key: merge.key }]);
      await commit(batch);
    };
    for (let n = 0; n < 140; n++) await world.handle([record(start + n * 1000)]);
    assert.ok(writes > 1, "it was tried again");
    const found = (await world.pages(50)).flat();
    // The one that was taken away under its hands is gone; nothing else is.
    assert.deepEqual(
      found,
      world.expected().filter((key) => key !== keyOf(world.all[0]!)),
    );
  });

  test("a segment is of one day; it and its data go when its newest event is ninety days old", async () => {
    const world = new World();
    await world.handle(Array.from({ length: 400 }, (_, n) => record(Date.parse("2026-03-01T23:57:00Z") + n * 1000)));
    const { items } = await world.state.list<{ newest: string; oldest: string }>(segmentType);
    assert.deepEqual(items.map(({ value }) => value.newest.slice(0, 10)).sort(), ["2026-03-01", "2026-03-02"]);
    for (const { value, expiresAt } of items) {
      assert.equal(value.newest.slice(0, 10), value.oldest.slice(0, 10));
      assert.equal(expiresAt, Date.parse(value.newest.slice(0, 20)) + 90 * 86_400_000);
    }
    assert.equal(await world.count("historyData"), 2);
  });

  test("an answer is bounded: what many segments seem to hold is found after pages that have less than they may", async () => {
    const world = new World();
    const wanted = { name: "EventName", value: "Rare" };
    let n = 0;
    while (termOf({ name: "EventName", value: `Like${n}` }) !== termOf(wanted)) n++;
    const like = (at: number) => record(at, { eventName: `Like${n}` });
    await world.handle(Array.from({ length: 256 }, () => record(start, { eventName: "Rare" })));
    for (let i = 1; i <= 110; i++) await world.handle(Array.from({ length: 256 }, () => like(start + i * 1000)));
    const pages = await world.pages(50, wanted);
    assert.deepEqual(pages[0], [], "a hundred segments were opened in vain");
    assert.deepEqual(pages.flat(), world.expected(wanted));
  });

  test("text of any kind comes back as it was", () => {
    const odd = record(start, { eventName: "a\tb\nc\u2028\ud83d\ude00", requestParameters: { q: "\\n\t" } });
    const segment = encodeSegment([{ key: keyOf(odd), json: JSON.stringify(odd) }], termsOf([odd]));
    assert.deepEqual(JSON.parse(decodeSegment(segment.data)[0]!.json), odd);
  });
});
