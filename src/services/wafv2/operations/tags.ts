/** Tags. Source: AWS WAF API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { nonexistent } from "../errors.ts";
import type { WafHandlers } from "../sdk.ts";
import { findByArn, kindOfArn, type TagsDocument, types } from "../state.ts";
import { tagList, withTags } from "../tags.ts";

export const tagHandlers = {
  async TagResource(input, ctx) {
    const { arn, tags } = await require(ctx, input.ResourceARN);
    ctx.state.put<TagsDocument>(types.tags, arn, { tags: withTags(tags, input.Tags) });
    return {};
  },

  async UntagResource(input, ctx) {
    const { arn, tags } = await require(ctx, input.ResourceARN);
    const gone = new Set(input.TagKeys);
    ctx.state.put<TagsDocument>(types.tags, arn, {
      tags: Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))),
    });
    return {};
  },

  /** At most 50 tags: one page always. */
  async ListTagsForResource(input, ctx) {
    const { arn, tags } = await require(ctx, input.ResourceARN);
    return { TagInfoForResource: { ResourceARN: arn, TagList: tagList(tags) } };
  },
} satisfies WafHandlers;

async function require(
  ctx: CallContext,
  arn: string | undefined,
): Promise<{ arn: string; tags: Record<string, string> }> {
  const kind = kindOfArn(arn ?? "");
  if (!kind || !(await findByArn(ctx, kind, arn))) throw nonexistent();
  const found = await ctx.state.get<TagsDocument>(types.tags, arn!);
  return { arn: arn!, tags: found?.value.tags ?? {} };
}
