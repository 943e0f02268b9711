/** Tags of the hub and of automation rules. Source: Security Hub API Reference, TagResource. */
import type { CallContext } from "#gateway/context.ts";
import { notFound } from "../errors.ts";
import type { HubHandlers } from "../sdk.ts";
import { arnOf, requireHub, types, type Hub, type StoredRule } from "../state.ts";
import { checkedTags } from "../tags.ts";

export const taggingHandlers: HubHandlers = {
  async TagResource(input, ctx) {
    await change(ctx, input.ResourceArn!, (tags) => checkedTags(input.Tags, tags));
    return {};
  },

  async UntagResource(input, ctx) {
    const removed = new Set(input.TagKeys ?? []);
    await change(ctx, input.ResourceArn!, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.has(key))),
    );
    return {};
  },

  async ListTagsForResource(input, ctx) {
    const { document } = await tagged(ctx, input.ResourceArn!);
    return { Tags: document.tags };
  },
};

/** The document that has the tags. @throws ResourceNotFoundException */
export async function tagged(
  ctx: CallContext,
  arn: string,
): Promise<{ type: string; id: string; document: Hub | StoredRule }> {
  const hub = await requireHub(ctx);
  if (arn === hub.arn) return { type: types.hub, id: types.hub, document: hub };
  const id = arn.startsWith(arnOf(ctx, "automation-rule/")) ? arn.split("/").at(-1)! : "";
  const rule = id === "" ? undefined : await ctx.state.get<StoredRule>(types.rule, id);
  if (!rule) throw notFound(`The resource ${arn} was not found`);
  return { type: types.rule, id, document: rule.value };
}

async function change(
  ctx: CallContext,
  arn: string,
  by: (tags: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const { type, id, document } = await tagged(ctx, arn);
  ctx.state.put(type, id, { ...document, tags: by(document.tags) });
}
