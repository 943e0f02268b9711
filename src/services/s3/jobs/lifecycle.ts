/**
 * Acts on lifecycle configurations. Everything falls due at midnight UTC, so a bucket is walked once a day and
 * whenever its configuration changed.
 * INVARIANT: locked versions stay, whatever a rule says.
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { globalRegion, type Document } from "#store/contract.ts";
import { emitAs } from "../events.ts";
import { History, type Entry } from "../history.ts";
import { entriesOfKey, keyOfEntryId, keyOfObjectId } from "../ids.ts";
import { day, dueAfter, dueNoncurrent, dueUpload, expirationOf, ruleApplies } from "../lifecycle.ts";
import { lockedBy } from "../objectLock.ts";
import { within, type Bucket, type ObjectVersion, type StoredLifecycleRule, type Upload } from "../state.ts";
import { endUpload, partsOf } from "../uploads.ts";
import { inBatch } from "./work.ts";

const scope = { account: "000000000000", region: globalRegion, service: "s3" } as const;
const self = { who: "s3.amazonaws.com", sourceIp: "s3.amazonaws.com", requestId: "" };

export const runLifecycle: Job = {
  name: "s3-lifecycle",
  // A turn without anything new costs one read per bucket that has a configuration.
  everyMs: 10_000,
  async run(ctx) {
    let after: string | undefined;
    do {
      const page = await ctx.store.find<Bucket>({
        ...scope,
        type: "bucket",
        index: "lifecycle",
        limit: 100,
        ...(after === undefined ? {} : { after }),
      });
      for (const bucket of page.items) await runBucket(ctx, bucket);
      after = page.next;
    } while (after !== undefined && !ctx.signal.aborted);
  },
};

async function runBucket(ctx: JobContext, { value: bucket, version }: Document<Bucket>): Promise<void> {
  const rules = bucket.lifecycle ?? [];
  const key = { ...scope, type: "lifecycleRun", id: bucket.uid };
  const mark = `${Math.floor(ctx.clock.now() / day)}/${version}`;
  if ((await ctx.store.get<{ mark: string }>(key))?.value.mark === mark) return;
  await expireCurrent(ctx, bucket, rules);
  await expireVersions(ctx, bucket, rules);
  await abortUploads(ctx, bucket, rules);
  if (!ctx.signal.aborted) await ctx.store.commit([{ op: "put", key, value: { mark } }]);
}

async function* documents<T>(ctx: JobContext, bucket: Bucket, type: string): AsyncGenerator<Document<T>> {
  let after: string | undefined;
  do {
    const page = await ctx.store.list<T>({
      account: bucket.owner,
      region: bucket.region,
      service: "s3",
      type,
      prefix: `${bucket.uid}/`,
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) {
      if (ctx.signal.aborted) return;
      yield item;
    }
    after = page.next;
  } while (after !== undefined);
}

async function expireCurrent(ctx: JobContext, bucket: Bucket, rules: readonly StoredLifecycleRule[]): Promise<void> {
  const isDue = (key: string, version: ObjectVersion) =>
    (expirationOf(rules, key, version)?.at ?? Number.POSITIVE_INFINITY) <= ctx.clock.now();
  for await (const item of documents<ObjectVersion>(ctx, bucket, "object")) {
    const key = keyOfObjectId(item.key.id);
    if (!isDue(key, item.value)) continue;
    await inBatch(ctx, bucket, async (work) => {
      const history = new History(work, bucket, key);
      const current = await history.current();
      if (!current || !isDue(key, current)) return;
      const removal = await history.removeCurrent(bucket.owner);
      const event = removal.deleteMarker ? "LifecycleExpiration:DeleteMarkerCreated" : "LifecycleExpiration:Delete";
      emitAs(work, self, bucket, event, key, current);
    });
  }
}

async function expireVersions(ctx: JobContext, bucket: Bucket, rules: readonly StoredLifecycleRule[]): Promise<void> {
  let key: string | undefined;
  let entries: Entry[] = [];
  const finish = async () => {
    if (key !== undefined) await expireEntries(ctx, bucket, rules, key, entries);
    entries = [];
  };
  for await (const item of documents<Entry>(ctx, bucket, "version")) {
    const itemKey = keyOfEntryId(item.key.id);
    if (itemKey !== key) await finish();
    key = itemKey;
    entries.push(item.value);
  }
  await finish();
}

/** @param entries everything of a key that is not current, newest first */
async function expireEntries(
  ctx: JobContext,
  bucket: Bucket,
  rules: readonly StoredLifecycleRule[],
  key: string,
  entries: readonly Entry[],
): Promise<void> {
  const now = ctx.clock.now();
  const versions = entries.filter((entry) => entry.kind === "object");
  const due = dueNoncurrent(rules, key, versions, now).filter((version) => lockedBy(version, now) === undefined);
  for (const { versionId } of due) {
    await inBatch(ctx, bucket, async (work) => {
      const history = new History(work, bucket, key);
      const version = await history.find(versionId);
      // It may have been locked, or made current again, since it was listed.
      if (!version || lockedBy(version, now) !== undefined) return;
      if ((await history.current())?.versionId === versionId) return;
      await history.removeVersion(versionId);
      emitAs(work, self, bucket, "LifecycleExpiration:Delete", key, version);
    });
  }
  if (due.length < versions.length || !rules.some((rule) => cleansMarker(rule, key, entries[0]!, now))) return;
  await inBatch(ctx, bucket, async (work) => {
    const history = new History(work, bucket, key);
    const newest = await history.newestEntry();
    if ((await history.current()) || newest?.kind !== "deleteMarker") return;
    // With something behind it, removing the marker would bring that back.
    const prefix = entriesOfKey(bucket.uid, key);
    const { items } = await work.state.list("version", { prefix, limit: 2 }, within(bucket));
    if (items.length !== 1) return;
    await history.removeVersion(newest.versionId);
    emitAs(work, self, bucket, "LifecycleExpiration:Delete", key, newest);
  });
}

/** A delete marker with nothing behind it expires by its own rule, or by age like an object. */
function cleansMarker(rule: StoredLifecycleRule, key: string, newest: Entry, now: number): boolean {
  if (newest.kind !== "deleteMarker" || !ruleApplies(rule, { key, tags: {}, size: 0 })) return false;
  const { Days: days, ExpiredObjectDeleteMarker: marker } = rule.Expiration ?? {};
  return marker === true || (days !== undefined && dueAfter(newest.modified, days) <= now);
}

async function abortUploads(ctx: JobContext, bucket: Bucket, rules: readonly StoredLifecycleRule[]): Promise<void> {
  for await (const item of documents<Upload>(ctx, bucket, "upload")) {
    if (!dueUpload(rules, item.value, ctx.clock.now())) continue;
    await inBatch(ctx, bucket, async (work) => {
      const upload = await work.state.get<Upload>("upload", item.key.id, within(bucket));
      if (upload) endUpload(work, bucket, upload.value, await partsOf(work, bucket, upload.value.uploadId));
    });
  }
}
