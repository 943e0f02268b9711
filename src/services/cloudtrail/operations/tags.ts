/** AddTags, RemoveTags, ListTags. Source: CloudTrail API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";
import { requireTagged, tagList, tagsOf } from "../tagged.ts";

export async function addTags(input: Input<"AddTags">, ctx: CallContext): Promise<Output<"AddTags">> {
  const resource = await requireTagged(ctx, input.ResourceId!);
  resource.put(tagsOf(input.TagsList, resource.tags));
  return {};
}

export async function removeTags(input: Input<"RemoveTags">, ctx: CallContext): Promise<Output<"RemoveTags">> {
  const resource = await requireTagged(ctx, input.ResourceId!);
  const removed = new Set((input.TagsList ?? []).map(({ Key }) => Key));
  resource.put(Object.fromEntries(Object.entries(resource.tags).filter(([key]) => !removed.has(key))));
  return {};
}

export async function listTags(input: Input<"ListTags">, ctx: CallContext): Promise<Output<"ListTags">> {
  const list = [];
  for (const id of input.ResourceIdList ?? []) {
    list.push({ ResourceId: id, TagsList: tagList((await requireTagged(ctx, id)).tags) });
  }
  return { ResourceTagList: list };
}
