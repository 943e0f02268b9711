/** What every Describe operation does: by id, by filter, a page at a time. */
import type { CallContext } from "#gateway/context.ts";
import { filtered, type Fields } from "./filters.ts";
import { paged, type PageInput } from "./paging.ts";
import { all, notFound, requireForm } from "./resources.ts";
import type { Filter } from "./sdk.ts";
import type { Documents, ResourceType } from "./state.ts";

export interface DescribeInput extends PageInput {
  Filters?: Filter[] | undefined;
}

/** @throws Invalid….NotFound for an id of nothing, InvalidParameterValue for an unknown filter */
export async function lookup<T extends ResourceType>(
  ctx: CallContext,
  type: T,
  ids: readonly string[] | undefined,
  input: DescribeInput,
  fields: Fields<Documents[T]>,
  page: { least: number; most: number; idsName: string },
): Promise<{ items: Documents[T][]; NextToken?: string }> {
  for (const id of ids ?? []) requireForm(type, id);
  const everything = await all(ctx, type);
  const wanted = ids?.length ? new Set(ids) : undefined;
  const named = wanted ? everything.filter(({ id }) => wanted.has(id)) : everything;
  for (const id of wanted ?? []) {
    if (!named.some((each) => each.id === id)) throw notFound(type, id);
  }
  return paged(filtered(named, input.Filters, fields), input, { ...page, ids });
}
