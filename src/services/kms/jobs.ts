/**
 * What happens to keys by the clock: rotation and final deletion. Both are safe to run again after a crash at any
 * point; the store's versions keep them apart from callers.
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { Conflict, type Document, type DocumentKey, type Operation } from "#store/contract.ts";
import { retiringAccount } from "./operations/grants.ts";
import { serviceEvent } from "./serviceEvents.ts";
import {
  boundTo,
  type GrantDocument,
  grantDocumentId,
  type KeyDocument,
  keyIndexes,
  newVersion,
  timeIndex,
  types,
} from "./state.ts";

const service = "kms";
const dayMs = 86_400_000;
const pageSize = 100;

/** Keys whose index says they are due, oldest first, across accounts and Regions. */
async function* due(ctx: JobContext, index: "rotateAt" | "deleteAt"): AsyncGenerator<Document<KeyDocument>> {
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
  const next: KeyDocument = { ...key, rotation, versions: [...key.versions, version] };
  await ctx.store.commit([
    { op: "put", key: document.key, value: next, indexes: keyIndexes(next), ifVersion: document.version },
    serviceEvent(ctx, key, "RotateKey", { rotationType: "AUTOMATIC", keyMaterialId: version.materialId }),
  ]);
}

/**
 * Final deletion in three steps: the key is marked, so that no caller can still cancel; its material is destroyed;
 * its documents are removed. A crash in between leaves the mark and the date, and the next run goes on.
 */
async function destroy(ctx: JobContext, document: Document<KeyDocument>): Promise<void> {
  const key = document.value;
  let version = document.version;
  if (key.state !== "Deleting") {
    if (key.state !== "PendingDeletion") return;
    const value: KeyDocument = { ...key, state: "Deleting" };
    await ctx.store.commit([{ op: "put", key: document.key, value, indexes: keyIndexes(value), ifVersion: version }]);
    version += 1;
  }
  await ctx.keys.destroy(boundTo(key.arn, 1, key.spec));
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
  await ctx.store.commit([
    { op: "delete", key: document.key, ifVersion: version },
    ...key.aliases.map((name): Operation => ({ op: "delete", key: at(types.alias, name) })),
    serviceEvent(ctx, key, "DeleteKey", {}),
  ]);
  ctx.log.info({ key: key.arn }, "a key has been deleted for good");
}

export const jobs: readonly Job[] = [
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
      for await (const document of due(ctx, "deleteAt")) await step(ctx, document.value, () => destroy(ctx, document));
    },
  },
];
