/**
 * Trusted and threat lists of both generations: IPSet, ThreatIntelSet, TrustedEntitySet, ThreatEntitySet. Four kinds,
 * one life: made, activated (read), changed, deleted.
 * Source: GuardDuty API Reference; User Guide, "Customizing threat detection with entity lists and IP address lists".
 */
import { hexId } from "#kernel/ids.ts";
import type { CallContext } from "#gateway/context.ts";
import type { ListFormat } from "#engines/guard/lists.ts";
import { badRequest, invalidParameter, noSuchResource } from "../errors.ts";
import { forgetEntries, readList } from "../listReading.ts";
import { parseLocation } from "../location.ts";
import { pageOf } from "../paging.ts";
import {
  putDetector,
  requireDetector,
  requireNoAdministrator,
  types,
  type Detector,
  type EntityList,
  type ListKind,
} from "../state.ts";
import { requireTags } from "../tags.ts";
import { idempotent } from "../tokens.ts";

/** "Only one uploaded trusted list", "up to six uploaded threat lists per AWS account per Region". */
const mostLists: Readonly<Record<ListKind, number>> = {
  ipset: 1,
  trustedentityset: 1,
  threatintelset: 6,
  threatentityset: 6,
};

/** How long a list that is gone is still shown as DELETED to those who wait for it. */
const tombstoneMs = 10 * 60_000;

interface Sent {
  DetectorId: string | undefined;
  Name?: string | undefined;
  Location?: string | undefined;
  Activate?: boolean | undefined;
  ExpectedBucketOwner?: string | undefined;
}

interface SentNew extends Sent {
  Format: ListFormat | undefined;
  ClientToken?: string | undefined;
  Tags?: Record<string, string> | undefined;
}

async function listsOf(ctx: CallContext, detector: Detector, kind: ListKind): Promise<EntityList[]> {
  const { items } = await ctx.state.list<EntityList>(types.list, { prefix: `${detector.id}/${kind}/`, limit: 1000 });
  return items.map(({ value }) => value).filter(({ status }) => status !== "DELETED");
}

function requireName(name: string, kind: ListKind, lists: readonly EntityList[]): void {
  if (lists.some((list) => list.name === name)) {
    throw badRequest(`The request is rejected because a ${kind} with the given name already exists.`);
  }
}

export async function createList(kind: ListKind, input: SentNew, ctx: CallContext): Promise<string> {
  const detector = await requireDetector(ctx, input.DetectorId);
  await requireNoAdministrator(ctx, "manage IPSets or ThreatIntelSets");
  requireTags(input.Tags);
  parseLocation(input.Location!);
  requireOwner(input.ExpectedBucketOwner);
  return await idempotent(ctx, input.ClientToken, async () => {
    const lists = await listsOf(ctx, detector, kind);
    requireName(input.Name!, kind, lists);
    if (lists.length >= mostLists[kind]) {
      throw badRequest(
        `The request is rejected because the current account cannot have more than ${mostLists[kind]} ${kind}.`,
      );
    }
    // Two calls cannot both be the last that there is room for.
    putDetector(ctx, detector);
    const list: EntityList = {
      kind,
      id: hexId("", 32, ctx.random),
      name: input.Name!,
      format: input.Format!,
      location: input.Location!,
      ...(input.ExpectedBucketOwner === undefined ? {} : { expectedBucketOwner: input.ExpectedBucketOwner }),
      status: "INACTIVE",
      generation: 0,
      parts: 0,
      tags: { ...input.Tags },
      createdAt: ctx.now,
      updatedAt: ctx.now,
    };
    put(ctx, detector, input.Activate === true ? await readList(ctx, detector.id, list) : list);
    return list.id;
  });
}

function requireOwner(owner: string | undefined): void {
  if (owner !== undefined && !/^\d{12}$/.test(owner)) throw invalidParameter("expectedBucketOwner");
}

function put(ctx: CallContext, detector: Detector, list: EntityList): void {
  ctx.state.put(types.list, `${detector.id}/${list.kind}/${list.id}`, list);
}

async function requireList(
  ctx: CallContext,
  detector: Detector,
  kind: ListKind,
  id: string | undefined,
): Promise<EntityList> {
  const document = await ctx.state.get<EntityList>(types.list, `${detector.id}/${kind}/${id ?? ""}`);
  if (!document) throw noSuchResource();
  return document.value;
}

export async function getList(
  kind: ListKind,
  detectorId: string | undefined,
  id: string | undefined,
  ctx: CallContext,
): Promise<EntityList> {
  return await requireList(ctx, await requireDetector(ctx, detectorId), kind, id);
}

/** Members that all four kinds show. */
export function shownList(list: EntityList) {
  return {
    Name: list.name,
    Format: list.format,
    Location: list.location,
    Status: list.status,
    Tags: list.tags,
    ...(list.expectedBucketOwner === undefined ? {} : { ExpectedBucketOwner: list.expectedBucketOwner }),
  };
}

/** Members that only entity sets show. */
export function shownEntitySet(list: EntityList) {
  return {
    ...shownList(list),
    CreatedAt: new Date(list.createdAt),
    UpdatedAt: new Date(list.updatedAt),
    ...(list.error === undefined ? {} : { ErrorDetails: list.error }),
  };
}

export async function listIds(
  kind: ListKind,
  input: { DetectorId: string | undefined; MaxResults?: number | undefined; NextToken?: string | undefined },
  ctx: CallContext,
): Promise<{ ids: string[]; next: { NextToken?: string } }> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const { items, next } = pageOf(input, await listsOf(ctx, detector, kind));
  return { ids: items.map(({ id }) => id), next };
}

export async function updateList(kind: ListKind, input: Sent, id: string | undefined, ctx: CallContext): Promise<void> {
  const detector = await requireDetector(ctx, input.DetectorId);
  await requireNoAdministrator(ctx, "manage IPSets or ThreatIntelSets");
  const list = await requireList(ctx, detector, kind, id);
  if (list.status === "DELETED") throw noSuchResource();
  if (input.Location !== undefined) parseLocation(input.Location);
  requireOwner(input.ExpectedBucketOwner);
  if (input.Name !== undefined && input.Name !== list.name) {
    requireName(input.Name, kind, await listsOf(ctx, detector, kind));
  }
  const changed: EntityList = {
    ...list,
    name: input.Name ?? list.name,
    location: input.Location ?? list.location,
    ...(input.ExpectedBucketOwner === undefined ? {} : { expectedBucketOwner: input.ExpectedBucketOwner }),
    updatedAt: ctx.now,
  };
  put(ctx, detector, await activated(ctx, detector, changed, input));
}

/** "You must update this list and reactivate it in order for GuardDuty to use the latest version of the list." */
async function activated(ctx: CallContext, detector: Detector, list: EntityList, input: Sent): Promise<EntityList> {
  if (input.Activate === false) {
    forgetEntries(ctx, detector.id, list);
    const { error: _before, ...rest } = list;
    return { ...rest, parts: 0, status: "INACTIVE" };
  }
  const wasWanted = list.status !== "INACTIVE";
  const readAgain = input.Activate === true || (input.Location !== undefined && wasWanted);
  return readAgain ? await readList(ctx, detector.id, list) : list;
}

export async function deleteList(
  kind: ListKind,
  detectorId: string | undefined,
  id: string | undefined,
  ctx: CallContext,
): Promise<void> {
  const detector = await requireDetector(ctx, detectorId);
  await requireNoAdministrator(ctx, "manage IPSets or ThreatIntelSets");
  const list = await requireList(ctx, detector, kind, id);
  if (list.status === "DELETED") throw noSuchResource();
  forgetEntries(ctx, detector.id, list);
  const gone: EntityList = { ...list, parts: 0, status: "DELETED", updatedAt: ctx.now };
  ctx.state.put(types.list, `${detector.id}/${kind}/${list.id}`, gone, { expiresAt: ctx.now + tombstoneMs });
}
