/**
 * What happens to keys by the clock: rotation and final deletion. Both are safe to run again after a crash at any
 * point; the store's versions keep them apart from callers.
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { Conflict, type Document, type DocumentKey, type Operation } from "#store/contract.ts";
import { type HsmKeys, isInHsm } from "./keyStores/hsmKeys.ts";
import { claimOf, storeTypes } from "./keyStores/state.ts";
import { otherRegions, withVersion } from "./multiRegion.ts";
import { retiringAccount } from "./operations/grants.ts";
import { serviceEvent } from "./serviceEvents.ts";
import {
  boundTo,
  type DeletedKeyDocument,
  deletedKeyRetentionMs,
  type GrantDocument,
  grantDocumentId,
  type KeyDocument,
  keyIndexes,
  newVersion,
  rotationsOf,
  timeIndex,
  types,
  withoutMaterial,
} from "./state.ts";

const service = "kms";
const dayMs = 86_400_000;
const pageSize = 100;

/** Keys whose index says they are due, oldest first, across accounts and Regions. */
async function* due(
  ctx: JobContext,
  index: "rotateAt" | "deleteAt" | "materialAt",
): AsyncGenerator<Document<KeyDocument>> {
  let after: string | undefined;
  do {
    const page = await ctx.store.find<KeyDocument>({
      service,
      type: types.key,
      index,
      from: "",
      to: timeIndex(ctx.clock.now() + 1),
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      if (ctx.signal.aborted) return;
      yield document;
    }
    after = page.next;
  } while (after !== undefined);
}

/** Runs one key's step; a lost race is left for the next run, any other failure does not stop the other keys. */
async function step(ctx: JobContext, key: KeyDocument, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Conflict) return;
    ctx.log.error({ err: error, key: key.arn }, "a key is left for the next run");
  }
}

async function rotate(ctx: JobContext, document: Document<KeyDocument>): Promise<void> {
  const key = document.value;
  if (!key.rotation || key.state !== "Enabled") return;
  const now = ctx.clock.now();
  const version = await newVersion(ctx, key, now, "AUTOMATIC");
  const periodMs = key.rotation.periodDays * dayMs;
  // After a long pause the next date lies in the future again, without a rotation for each that was missed.
  const missed = Math.floor((now - key.rotation.nextAt) / periodMs);
  const rotation = { ...key.rotation, nextAt: key.rotation.nextAt + (missed + 1) * periodMs };
  const others = await relativesOf(ctx, document);
  const rotated = await withVersion(
    ctx.keys,
    key,
    others.map(({ value }) => value),
    version,
  );
  await ctx.store.commit([
    ...[document, ...others].map((each, index) => put(each, { ...rotated[index]!, rotation })),
    serviceEvent(ctx, key, "RotateKey", { rotationType: "AUTOMATIC", keyMaterialId: version.materialId }),
  ]);
}

function put(document: Document<KeyDocument>, value: KeyDocument): Operation {
  return { op: "put", key: document.key, value, indexes: keyIndexes(value), ifVersion: document.version };
}

/** The documents of a multi-Region key in its other Regions. */
async function relativesOf(ctx: JobContext, { key, value }: Document<KeyDocument>): Promise<Document<KeyDocument>[]> {
  const documents = await Promise.all(
    otherRegions(value).map((region) => ctx.store.get<KeyDocument>({ ...key, region })),
  );
  return documents.flatMap((document) => (document ? [document] : []));
}

/**
 * Imported material: what has expired goes, and what was deleted, replaced or has expired is destroyed for good. The
 * document says first what is to be destroyed, so a crash in between leaves it to the next run.
 */
async function purge(ctx: JobContext, document: Document<KeyDocument>): Promise<void> {
  const now = ctx.clock.now();
  const key = withoutMaterial(document.value, ({ expiresAt = Infinity }) => expiresAt <= now);
  let { version } = document;
  if (key !== document.value) {
    const expired = document.value.versions.filter(({ expiresAt = Infinity }) => expiresAt <= now);
    const records = expired.map(({ materialId }) =>
      serviceEvent(ctx, key, "DeleteExpiredKeyMaterial", { keyMaterialId: materialId }),
    );
    await ctx.store.commit([put(document, key), ...records]);
    version += 1;
  }
  const { condemned = [], ...rest } = key;
  for (const bound of condemned) await ctx.keys.destroy(bound);
  if (condemned.length > 0) await ctx.store.commit([put({ ...document, version }, rest)]);
}

function deletedKey(key: KeyDocument, now: number): DeletedKeyDocument {
  const { keyId, spec, createdAt, deletionScheduledAt = now } = key;
  return { keyId, spec, createdAt, rotations: rotationsOf(key), deletionScheduledAt };
}

/** What the deletion of a replica changes in the others; the last one sets its scheduled primary key's date. */
function withoutReplica(document: Document<KeyDocument>, region: string, now: number): Operation {
  const { value } = document;
  const replicaRegions = value.multiRegion!.replicaRegions.filter((each) => each !== region);
  const next = { ...value, multiRegion: { ...value.multiRegion!, replicaRegions } };
  if (next.state !== "PendingReplicaDeletion" || replicaRegions.length > 0) return put(document, next);
  const { pendingWindowDays, ...rest } = next;
  return put(document, { ...rest, state: "PendingDeletion", deletionDate: now + pendingWindowDays! * dayMs });
}

/**
 * Final deletion in three steps: the key is marked, so that no caller can still cancel; its material is destroyed;
 * its documents are removed. A crash in between leaves the mark and the date, and the next run goes on.
 */
async function destroy(ctx: JobContext, hsm: HsmKeys, document: Document<KeyDocument>): Promise<void> {
  const key = document.value;
  let version = document.version;
  if (key.state !== "Deleting") {
    if (key.state !== "PendingDeletion") return;
    const value: KeyDocument = { ...key, state: "Deleting" };
    await ctx.store.commit([{ op: "put", key: document.key, value, indexes: keyIndexes(value), ifVersion: version }]);
    version += 1;
  }
  if (isInHsm(key)) await hsm.destroy(ctx, key);
  else await ctx.keys.destroy(boundTo(key.arn, 1, key.spec));
  const imported = key.versions.flatMap(({ bound }) => (bound === undefined ? [] : [bound]));
  for (const bound of [...imported, ...(key.condemned ?? [])]) await ctx.keys.destroy(bound);
  const at = (type: string, id: string, account = key.account): DocumentKey => ({ ...document.key, account, type, id });
  for (;;) {
    const grants = await ctx.store.list<GrantDocument>({
      account: key.account,
      region: key.region,
      service,
      type: types.grant,
      prefix: `${key.keyId}/`,
      limit: pageSize,
    });
    const batch = grants.items.flatMap(({ value: grant }): Operation[] => {
      const account = retiringAccount(grant);
      const pointer = account === undefined ? [] : [at(types.retirable, grant.grantId, account)];
      return [at(types.grant, grantDocumentId(key.keyId, grant.grantId)), ...pointer].map((each) => ({
        op: "delete",
        key: each,
      }));
    });
    if (batch.length === 0) break;
    await ctx.store.commit(batch);
  }
  const others = await relativesOf(ctx, document);
  const claim = claimOf(key);
  await ctx.store.commit([
    { op: "delete", key: document.key, ifVersion: version },
    { op: "delete", key: at(types.usage, key.keyId) },
    {
      op: "put",
      key: at(types.deleted, key.keyId),
      value: deletedKey(key, ctx.clock.now()),
      expiresAt: ctx.clock.now() + deletedKeyRetentionMs,
    },
    ...others.map((other) => withoutReplica(other, key.region, ctx.clock.now())),
    ...(claim === undefined ? [] : [{ op: "delete" as const, key: at(storeTypes.key, claim) }]),
    ...key.aliases.map((name): Operation => ({ op: "delete", key: at(types.alias, name) })),
    serviceEvent(ctx, key, "DeleteKey", {}),
  ]);
  ctx.log.info({ key: key.arn }, "a key has been deleted for good");
}

export const jobs = (hsm: HsmKeys): readonly Job[] => [
  {
    name: "kms-material",
    everyMs: 10_000,
    async run(ctx) {
      for await (const document of due(ctx, "materialAt")) await step(ctx, document.value, () => purge(ctx, document));
    },
  },
  {
    name: "kms-rotation",
    everyMs: 60_000,
    async run(ctx) {
      for await (const document of due(ctx, "rotateAt")) await step(ctx, document.value, () => rotate(ctx, document));
    },
  },
  {
    name: "kms-deletion",
    everyMs: 60_000,
    async run(ctx) {
      for await (const document of due(ctx, "deleteAt"))
        await step(ctx, document.value, () => destroy(ctx, hsm, document));
    },
  },
];
