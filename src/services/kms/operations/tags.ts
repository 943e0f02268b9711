import type { CallContext } from "#gateway/context.ts";
import { pageOfNamed } from "#gateway/pageTokens.ts";
import { keyAccess, requestTagKeys } from "../access.ts";
import { identify } from "../identify.ts";
import { pageFields, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { writeKey } from "../state.ts";
import { withTags } from "../tags.ts";
import { customerKey } from "./keys.ts";

async function tagResource(input: In<"TagResource">, ctx: CallContext) {
  const key = await customerKey(ctx, "TagResource", input.KeyId);
  writeKey(ctx, { ...key, tags: withTags(key.tags, input.Tags ?? []) });
  return {};
}

async function untagResource(input: In<"UntagResource">, ctx: CallContext) {
  const key = await customerKey(ctx, "UntagResource", input.KeyId);
  const removed = new Set(input.TagKeys ?? []);
  writeKey(ctx, { ...key, tags: Object.fromEntries(Object.entries(key.tags).filter(([name]) => !removed.has(name))) });
  return {};
}

async function listResourceTags(input: In<"ListResourceTags">, ctx: CallContext) {
  const { key } = await identify(ctx, "ListResourceTags", input.KeyId ?? "");
  const names = Object.keys(key.tags).sort();
  const page = pageOfNamed(names, pagingOf(input, { limit: 50, max: 50 }), (name) => name);
  return { Tags: page.items.map((name) => ({ TagKey: name, TagValue: key.tags[name]! })), ...pageFields(page) };
}

export const tagHandlers = {
  TagResource: tagResource,
  UntagResource: untagResource,
  ListResourceTags: listResourceTags,
} satisfies KmsHandlers;

export const tagAccess = {
  TagResource: (input, ctx) =>
    keyAccess(ctx, "TagResource", input.KeyId, { context: requestTagKeys(input.Tags ?? []) }),
  UntagResource: (input, ctx) =>
    keyAccess(ctx, "UntagResource", input.KeyId, { context: { "aws:TagKeys": [...(input.TagKeys ?? [])] } }),
  ListResourceTags: (input, ctx) => keyAccess(ctx, "ListResourceTags", input.KeyId),
} satisfies KmsAccess;
