/**
 * Filters, in the order of their ranks. Those with the action ARCHIVE suppress: what matches when it is found is archived
 * at once, and nobody is told. Source: GuardDuty API Reference, CreateFilter; User Guide, "Suppression rules".
 */
import type { CallContext } from "#gateway/context.ts";
import { requireCriteria } from "../criteria.ts";
import { badRequest, invalidParameter, memberForbidden, noSuchResource } from "../errors.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { administratorOf, putDetector, requireDetector, types, type Detector, type Filter } from "../state.ts";
import { requireTags } from "../tags.ts";
import { idempotent } from "../tokens.ts";

/** "Filters: 100 per AWS account per Region." Source: User Guide, "Amazon GuardDuty quotas". */
const mostFilters = 100;

async function filtersOf(ctx: CallContext, detector: Detector): Promise<Filter[]> {
  const { items } = await ctx.state.list<Filter>(types.filter, { prefix: `${detector.id}/`, limit: mostFilters + 1 });
  return items.map(({ value }) => value).toSorted((a, b) => a.rank - b.rank);
}

/** "Constraints: minimum value is 1 and maximum value is equal to the increment of the total number of current filters." */
function requireRank(rank: number, most: number): number {
  if (rank < 1 || rank > most) throw invalidParameter("rank");
  return rank;
}

/** Puts the filters with the ranks of their order. The detector is written too: two calls cannot both renumber. */
async function putInOrder(ctx: CallContext, detector: Detector, ordered: readonly Filter[]): Promise<void> {
  for (const [index, filter] of ordered.entries()) {
    const id = `${detector.id}/${filter.name}`;
    const before = await ctx.state.get<Filter>(types.filter, id);
    const after = { ...filter, rank: index + 1 };
    if (JSON.stringify(before?.value) !== JSON.stringify(after)) ctx.state.put(types.filter, id, after);
  }
  putDetector(ctx, detector);
}

async function requireMaySuppress(ctx: CallContext, action: string | undefined): Promise<void> {
  if (action === "ARCHIVE" && (await administratorOf(ctx))) throw memberForbidden("create suppression rules");
}

export async function createFilter(input: Input<"CreateFilter">, ctx: CallContext): Promise<Output<"CreateFilter">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  requireTags(input.Tags);
  const name = input.Name!;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) throw invalidParameter("name");
  const criterion = requireCriteria(input.FindingCriteria?.Criterion);
  if (Object.keys(criterion).length === 0) throw invalidParameter("findingCriteria");
  await requireMaySuppress(ctx, input.Action);
  const Name = await idempotent(ctx, input.ClientToken, async () => {
    const filters = await filtersOf(ctx, detector);
    if (filters.some((filter) => filter.name === name)) {
      throw badRequest("The request is rejected because a filter with the given name already exists.");
    }
    if (filters.length >= mostFilters) throw badRequest("The request is rejected because filter limit has exceeded.");
    const rank = requireRank(input.Rank ?? 1, filters.length + 1);
    const filter: Filter = {
      name,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      action: input.Action ?? "NOOP",
      rank,
      criterion,
      tags: { ...input.Tags },
      createdAt: ctx.now,
      updatedAt: ctx.now,
    };
    await putInOrder(ctx, detector, filters.toSpliced(rank - 1, 0, filter));
    return name;
  });
  return { Name };
}

async function requireFilter(ctx: CallContext, detector: Detector, name: string | undefined): Promise<Filter> {
  const document = await ctx.state.get<Filter>(types.filter, `${detector.id}/${name ?? ""}`);
  if (!document) throw noSuchResource();
  return document.value;
}

export async function getFilter(input: Input<"GetFilter">, ctx: CallContext): Promise<Output<"GetFilter">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const filter = await requireFilter(ctx, detector, input.FilterName);
  return {
    Name: filter.name,
    ...(filter.description === undefined ? {} : { Description: filter.description }),
    Action: filter.action,
    Rank: filter.rank,
    FindingCriteria: { Criterion: filter.criterion as Record<string, object> },
    Tags: filter.tags,
  };
}

export async function listFilters(input: Input<"ListFilters">, ctx: CallContext): Promise<Output<"ListFilters">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const { items, next } = pageOf(input, await filtersOf(ctx, detector));
  return { FilterNames: items.map(({ name }) => name), ...next };
}

export async function updateFilter(input: Input<"UpdateFilter">, ctx: CallContext): Promise<Output<"UpdateFilter">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const filter = await requireFilter(ctx, detector, input.FilterName);
  await requireMaySuppress(ctx, input.Action);
  const criterion =
    input.FindingCriteria === undefined ? filter.criterion : requireCriteria(input.FindingCriteria.Criterion);
  if (Object.keys(criterion).length === 0) throw invalidParameter("findingCriteria");
  const filters = await filtersOf(ctx, detector);
  const rank = requireRank(input.Rank ?? filter.rank, filters.length);
  const changed: Filter = {
    ...filter,
    ...(input.Description === undefined ? {} : { description: input.Description }),
    action: input.Action ?? filter.action,
    rank,
    criterion,
    updatedAt: ctx.now,
  };
  const others = filters.filter(({ name }) => name !== filter.name);
  await putInOrder(ctx, detector, others.toSpliced(rank - 1, 0, changed));
  return { Name: filter.name };
}

export async function deleteFilter(input: Input<"DeleteFilter">, ctx: CallContext): Promise<Output<"DeleteFilter">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const filter = await requireFilter(ctx, detector, input.FilterName);
  ctx.state.delete(types.filter, `${detector.id}/${filter.name}`);
  const others = (await filtersOf(ctx, detector)).filter(({ name }) => name !== filter.name);
  await putInOrder(ctx, detector, others);
  return {};
}
