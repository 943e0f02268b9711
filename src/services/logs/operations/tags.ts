/** Tags of log groups, in both generations of the API. Source: CloudWatch Logs API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";
import { type Group, types } from "../state.ts";
import { withoutTags, withTags } from "../tags.ts";
import { groupName, requireGroup } from "../target.ts";

async function retag(
  ctx: CallContext,
  name: string,
  edit: (tags: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const { value: group } = await requireGroup(ctx, name);
  ctx.state.put<Group>(types.group, group.name, { ...group, tags: edit(group.tags) });
}

export async function tagResource(input: Input<"TagResource">, ctx: CallContext): Promise<Output<"TagResource">> {
  await retag(ctx, groupName(input.resourceArn!), (tags) => withTags(tags, input.tags));
  return {};
}

export async function untagResource(input: Input<"UntagResource">, ctx: CallContext): Promise<Output<"UntagResource">> {
  await retag(ctx, groupName(input.resourceArn!), (tags) => withoutTags(tags, input.tagKeys ?? []));
  return {};
}

export async function listTagsForResource(
  input: Input<"ListTagsForResource">,
  ctx: CallContext,
): Promise<Output<"ListTagsForResource">> {
  return { tags: (await requireGroup(ctx, groupName(input.resourceArn!))).value.tags };
}

export async function tagLogGroup(input: Input<"TagLogGroup">, ctx: CallContext): Promise<Output<"TagLogGroup">> {
  await retag(ctx, input.logGroupName!, (tags) => withTags(tags, input.tags));
  return {};
}

export async function untagLogGroup(input: Input<"UntagLogGroup">, ctx: CallContext): Promise<Output<"UntagLogGroup">> {
  await retag(ctx, input.logGroupName!, (tags) => withoutTags(tags, input.tags ?? []));
  return {};
}

export async function listTagsLogGroup(
  input: Input<"ListTagsLogGroup">,
  ctx: CallContext,
): Promise<Output<"ListTagsLogGroup">> {
  return { tags: (await requireGroup(ctx, input.logGroupName!)).value.tags };
}
