/** Tags of alarms. Source: CloudWatch API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { type Alarm, alarmArn } from "../alarm.ts";
import { noResource } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { types } from "../state.ts";
import { withTags } from "../tags.ts";

async function tagged(ctx: CallContext, arn: string): Promise<Alarm> {
  const name = arn.split(":alarm:")[1] ?? "";
  const alarm = name === "" ? undefined : await ctx.state.get<Alarm>(types.alarm, name);
  if (!alarm || alarmArn(ctx, name) !== arn) throw noResource(arn);
  return alarm.value;
}

export async function tagResource(input: Input<"TagResource">, ctx: CallContext): Promise<Output<"TagResource">> {
  const alarm = await tagged(ctx, input.ResourceARN!);
  ctx.state.put(types.alarm, alarm.name, { ...alarm, tags: withTags(alarm.tags, input.Tags) });
  return {};
}

export async function untagResource(input: Input<"UntagResource">, ctx: CallContext): Promise<Output<"UntagResource">> {
  const alarm = await tagged(ctx, input.ResourceARN!);
  const gone = new Set(input.TagKeys);
  const tags = Object.fromEntries(Object.entries(alarm.tags).filter(([key]) => !gone.has(key)));
  ctx.state.put(types.alarm, alarm.name, { ...alarm, tags });
  return {};
}

export async function listTagsForResource(
  input: Input<"ListTagsForResource">,
  ctx: CallContext,
): Promise<Output<"ListTagsForResource">> {
  const { tags } = await tagged(ctx, input.ResourceARN!);
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}
