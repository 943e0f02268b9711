/**
 * What GuardDuty does by the clock: updates of findings go out, exported findings become files, what a deleted detector
 * left behind is taken away, accounts that joined the organization get a detector.
 */
import { gzipSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import { administrationTypes, type Member } from "#gateway/administration.ts";
import type { JobContext } from "#gateway/context.ts";
import { enrolling } from "#gateway/enrolment.ts";
import { Conflict, type Document, type DocumentKey, type Operation } from "#store/contract.ts";
import { enrolment } from "./enrolment.ts";
import { folderOf, putExport } from "./exportTarget.ts";
import { findingIndexes, publishing, scheduled } from "./publication.ts";
import {
  detectorArn,
  pad,
  scopeOf,
  serviceId,
  servicePrincipal,
  types,
  type Destination,
  type Detector,
  type ExportFile,
  type PendingExport,
  type StoredFinding,
} from "./state.ts";
import { audienceOf, rulingOver } from "./surroundings.ts";

/** A detector's frequency has changed: what waits in its account and its members' is due at another time. */
async function reschedule(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.list({ service: serviceId, type: types.reschedule, limit: 100 });
  for (const { key } of items) {
    const members = await ctx.store.list<Member>({ ...scopeOf(key), type: administrationTypes.member, limit: 10_000 });
    for (const account of [key.account, ...members.items.map(({ value }) => value.account)]) {
      const at = scopeOf({ account, region: key.region });
      const detector = await ctx.store.get<Detector>({ ...at, type: types.detector, id: types.detector });
      if (!detector) continue;
      const { frequency } = await rulingOver(ctx.store, detector.value);
      let after: string | undefined;
      do {
        const query = { ...at, type: types.finding, prefix: `${detector.value.id}/`, limit: 1000 };
        const page = await ctx.store.list<StoredFinding>({ ...query, ...(after === undefined ? {} : { after }) });
        for (const { key: id, value, version, expiresAt } of page.items) {
          if (value.due === undefined) continue;
          const stored = scheduled(value, { frequency }, ctx.clock.now());
          await unlessChanged(ctx, [findingPut(id, stored, version, expiresAt)]);
        }
        after = page.next;
      } while (after !== undefined);
    }
    await ctx.store.commit([{ op: "delete", key }]);
  }
}

function findingPut(
  key: DocumentKey,
  value: StoredFinding,
  ifVersion: number,
  expiresAt: number | undefined,
): Operation {
  const indexes = findingIndexes(value);
  return { op: "put", key, value, ifVersion, indexes, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/** Updates whose interval is over. Cross-account by design: findings of every account are looked through. */
async function publish(ctx: JobContext): Promise<void> {
  await reschedule(ctx);
  for (;;) {
    const now = ctx.clock.now();
    const query = { service: serviceId, type: types.finding, index: "due", to: pad(now + 1), limit: 100 };
    const { items } = await ctx.store.find<StoredFinding>(query);
    if (items.length === 0 || ctx.signal.aborted) return;
    for (const document of items) await publishOne(ctx, document, now);
  }
}

async function publishOne(ctx: JobContext, document: Document<StoredFinding>, now: number): Promise<void> {
  const { key, version, value, expiresAt } = document;
  const at = { account: key.account, region: key.region };
  const detector = await ctx.store.get<Detector>({ ...scopeOf(at), type: types.detector, id: types.detector });
  const { due: _over, ...rest } = value;
  const current = detector && detector.value.id === value.finding.Service!.DetectorId ? detector.value : undefined;
  const stored: StoredFinding = current ? { ...rest, publishedAt: now } : rest;
  const audience = current && (await audienceOf(ctx.store, current, await rulingOver(ctx.store, current)));
  const told = audience ? publishing(stored, audience, now, ctx.random) : [];
  await unlessChanged(ctx, [findingPut(key, stored, version, expiresAt), ...told]);
}

/** A document that changed meanwhile is looked at again at the next turn. */
async function unlessChanged(ctx: JobContext, operations: readonly Operation[]): Promise<boolean> {
  try {
    await ctx.store.commit(operations);
    return true;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    return false;
  }
}

/** What comes in within this time is one file. */
const gatherMs = 1_000;
const mostInFile = 1_000;

async function exportFindings(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.list<Destination>({ service: serviceId, type: types.destination, limit: 10_000 });
  for (const document of items) {
    if (ctx.signal.aborted) return;
    await exportTo(ctx, document);
  }
}

async function exportTo(ctx: JobContext, document: Document<Destination>): Promise<void> {
  const destination = document.value;
  const scope = scopeOf(document.key);
  const prefix = `${destination.detector}/${destination.id}/`;
  const fileKey = { ...scope, type: types.exportFile, id: `${destination.detector}/${destination.id}` };
  let file = await ctx.store.get<ExportFile>(fileKey);
  if (!file) {
    const query = { ...scope, type: types.pendingExport, prefix, limit: mostInFile };
    const pending = (await ctx.store.list<PendingExport>(query)).items;
    const [first] = pending;
    const now = ctx.clock.now();
    if (!first || (pending.length < mostInFile && now - first.value.at < gatherMs)) return;
    // A file holds findings of one account.
    const { account } = first.value;
    const chosen = pending.filter(({ value }) => value.account === account);
    const day = new Date(first.value.at).toISOString().slice(0, 10).replaceAll("-", "/");
    const key = `${folderOf(destination, account, scope.region)}${day}/${ctx.random.uuid()}.jsonl.gz`;
    const value: ExportFile = { key, pending: chosen.map((each) => each.key.id) };
    await ctx.store.commit([{ op: "put", key: fileKey, value, ifVersion: 0 }]);
    file = { key: fileKey, version: 1, value };
  }
  await writeFile(ctx, document, file);
}

async function writeFile(ctx: JobContext, document: Document<Destination>, file: Document<ExportFile>): Promise<void> {
  const { account, region } = document.key;
  const scope = scopeOf(document.key);
  const keys = file.value.pending.map((id) => ({ ...scope, type: types.pendingExport, id }));
  const lines = (await ctx.store.getMany<PendingExport>(keys)).flatMap((each) => (each ? [each.value.line] : []));
  const sourceArn = detectorArn({ account, region, id: document.value.detector });
  const { s3 } = ctx.asService(servicePrincipal, { account, region, sourceArn });
  try {
    await putExport(s3, document.value, file.value.key, gzipSync(`${lines.join("\n")}\n`));
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    await noteFailure(ctx, document, ctx.clock.now());
    return;
  }
  await ctx.store.commit([
    { op: "delete", key: file.key, ifVersion: file.version },
    ...keys.map((key): Operation => ({ op: "delete", key })),
  ]);
  await noteFailure(ctx, document, undefined);
}

/** A destination that refuses is tried again and again; DescribePublishingDestination says since when. */
async function noteFailure(ctx: JobContext, document: Document<Destination>, at: number | undefined): Promise<void> {
  const { failingSince, ...rest } = document.value;
  if ((failingSince === undefined) === (at === undefined)) return;
  const value: Destination = at === undefined ? rest : { ...rest, failingSince: at };
  await unlessChanged(ctx, [{ op: "put", key: document.key, value, ifVersion: document.version }]);
}

/** Everything that bears the id of a detector that is gone. */
const ofDetectors = [
  types.finding,
  types.filter,
  types.list,
  types.entries,
  types.destination,
  types.pendingExport,
  types.exportFile,
];

async function cleanUp(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.list({ service: serviceId, type: types.removed, limit: 100 });
  for (const { key } of items) {
    const scope = scopeOf(key);
    for (const type of ofDetectors) {
      for (;;) {
        if (ctx.signal.aborted) return;
        const page = await ctx.store.list({ ...scope, type, prefix: `${key.id}/`, limit: 200 });
        if (page.items.length === 0) break;
        await ctx.store.commit(page.items.map((each): Operation => ({ op: "delete", key: each.key })));
      }
    }
    await ctx.store.commit([{ op: "delete", key }]);
  }
}

export const jobs = [
  { name: "publish", everyMs: 1_000, run: publish },
  { name: "export", everyMs: 1_000, run: exportFindings },
  { name: "clean", everyMs: 5_000, run: cleanUp },
  { name: "organizations", everyMs: 2_000, run: enrolling(enrolment) },
];
