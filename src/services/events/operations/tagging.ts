/** Tags of buses and rules. Source: EventBridge API Reference, TagResource, UntagResource, ListTagsForResource. */
import type { CallContext } from "#gateway/context.ts";
import { busAddress, requireBus, requireRule, ruleOfArn } from "../bus.ts";
import type { EventsHandlers } from "../sdk.ts";
import { ruleId, scopeOf, types } from "../state.ts";
import { mergeTags } from "../tags.ts";

export const taggingHandlers: EventsHandlers = {
  async TagResource(input, ctx) {
    const tagged = await requireTagged(ctx, input.ResourceARN);
    tagged.put(mergeTags(tagged.tags, input.Tags));
    return {};
  },

  async UntagResource(input, ctx) {
    const tagged = await requireTagged(ctx, input.ResourceARN);
    const removed = new Set(input.TagKeys ?? []);
    tagged.put(Object.fromEntries(Object.entries(tagged.tags).filter(([key]) => !removed.has(key))));
    return {};
  },

  async ListTagsForResource(input, ctx) {
    const { tags } = await requireTagged(ctx, input.ResourceARN);
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  },
};

interface Tagged {
  tags: Record<string, string>;
  put(tags: Record<string, string>): void;
}

async function requireTagged(ctx: CallContext, arn = ""): Promise<Tagged> {
  const named = ruleOfArn(arn);
  if (named) {
    const rule = await requireRule(ctx, named.bus, named.name);
    const put = (tags: Record<string, string>) =>
      ctx.state.put(types.rule, ruleId(rule.bus, rule.name), { ...rule, tags }, { at: scopeOf(named.bus) });
    return { tags: rule.tags, put };
  }
  const address = busAddress(ctx, arn, "ResourceARN");
  const bus = await requireBus(ctx, address);
  return {
    tags: bus.tags,
    put: (tags) => ctx.state.put(types.bus, bus.name, { ...bus, tags }, { at: scopeOf(address) }),
  };
}
