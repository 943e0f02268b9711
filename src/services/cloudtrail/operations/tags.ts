/** AddTags, RemoveTags, ListTags. Source: CloudTrail API Reference: at most 50 tags. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidTag, reservedToken } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { putTrail, requireTrail } from "../state.ts";

const mostTags = 50;

export async function addTags(input: Input<"AddTags">, ctx: CallContext): Promise<Output<"AddTags">> {
  const trail = await requireTrail(ctx, input.ResourceId!);
  const all = new Map(Object.entries(trail.tags));
  for (const { Key: key = "", Value: value = "" } of input.TagsList ?? []) {
    if (key === "" || key.length > 128 || value.length > 256) throw invalidTag("The tag key or value is not valid.");
    all.set(key, value);
  }
  const tags = Object.fromEntries(all);
  if (all.size > mostTags) {
    throw new AwsError(
      "TagsLimitExceededException",
      `The number of tags per trail has exceeded the limit of ${mostTags}.`,
      400,
    );
  }
  putTrail(ctx, { ...trail, tags });
  return {};
}

export async function removeTags(input: Input<"RemoveTags">, ctx: CallContext): Promise<Output<"RemoveTags">> {
  const trail = await requireTrail(ctx, input.ResourceId!);
  const removed = new Set((input.TagsList ?? []).map(({ Key }) => Key));
  const tags = Object.fromEntries(Object.entries(trail.tags).filter(([key]) => !removed.has(key)));
  putTrail(ctx, { ...trail, tags });
  return {};
}

export async function listTags(input: Input<"ListTags">, ctx: CallContext): Promise<Output<"ListTags">> {
  if (input.NextToken !== undefined) throw reservedToken();
  const list = [];
  for (const id of input.ResourceIdList ?? []) {
    const { tags } = await requireTrail(ctx, id);
    list.push({ ResourceId: id, TagsList: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) });
  }
  return { ResourceTagList: list };
}
