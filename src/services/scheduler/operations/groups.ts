/** Schedule groups and their tags. Source: EventBridge Scheduler API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { groupExists, invalid, noGroup, tooMany } from "../errors.ts";
import { groupArn, requireGroup } from "../groups.ts";
import { withAlways } from "#gateway/pageTokens.ts";
import { nextOf, startOf } from "../paging.ts";
import type { SchedulerHandlers } from "../sdk.ts";
import { defaultGroup, types, type Group, type Schedule } from "../state.ts";

/** "Schedule groups: 500 per Region". */
const mostGroups = 500;

export const groupHandlers: SchedulerHandlers = {
  async CreateScheduleGroup(input, ctx) {
    const name = input.Name ?? "";
    const before = await ctx.state.get<Group>(types.group, name);
    if (before && before.value.clientToken !== undefined && before.value.clientToken === input.ClientToken) {
      return { ScheduleGroupArn: before.value.arn };
    }
    if (before || name === defaultGroup) throw groupExists(name);
    if ((await ctx.state.count(types.group)) >= mostGroups) throw tooMany();
    const group: Group = {
      name,
      arn: groupArn(ctx, name),
      createdAt: ctx.now,
      modifiedAt: ctx.now,
      ...(input.ClientToken === undefined ? {} : { clientToken: input.ClientToken }),
      tags: merged({}, input.Tags),
    };
    ctx.state.put<Group>(types.group, name, group);
    return { ScheduleGroupArn: group.arn };
  },

  /** The schedules of the group go with it. */
  async DeleteScheduleGroup(input, ctx) {
    const name = input.Name ?? "";
    if (name === defaultGroup) throw invalid("The default schedule group cannot be deleted.");
    await requireGroup(ctx, name);
    let after: string | undefined;
    do {
      const query = { prefix: `${name}/`, limit: 1000, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<Schedule>(types.schedule, query);
      for (const { key } of page.items) {
        ctx.state.delete(types.schedule, key.id, { version: "any" });
        ctx.state.delete(types.due, key.id, { version: "any" });
      }
      after = page.next;
    } while (after !== undefined);
    ctx.state.delete(types.group, name);
    return {};
  },

  async GetScheduleGroup(input, ctx) {
    return shown(await requireGroup(ctx, input.Name));
  },

  async ListScheduleGroups(input, ctx) {
    const prefix = input.NamePrefix ?? "";
    const start = startOf(input.NextToken, input.MaxResults);
    const page = await ctx.state.list<Group>(types.group, { prefix, ...start });
    const groups = page.items.map(({ value }) => shown(value));
    const always = shown({ name: defaultGroup, arn: groupArn(ctx, defaultGroup), tags: {} });
    const { items, next } = withAlways({ items: groups, next: page.next }, always, { prefix, ...start });
    return { ScheduleGroups: items, ...nextOf(next) };
  },

  async TagResource(input, ctx) {
    const group = await tagged(ctx, input.ResourceArn);
    ctx.state.put<Group>(types.group, group.name, { ...group, tags: merged(group.tags, input.Tags) });
    return {};
  },

  async UntagResource(input, ctx) {
    const group = await tagged(ctx, input.ResourceArn);
    const removed = new Set(input.TagKeys ?? []);
    const tags = Object.fromEntries(Object.entries(group.tags).filter(([key]) => !removed.has(key)));
    ctx.state.put<Group>(types.group, group.name, { ...group, tags });
    return {};
  },

  async ListTagsForResource(input, ctx) {
    const { tags } = await tagged(ctx, input.ResourceArn);
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  },
};

function shown({ name, arn, createdAt, modifiedAt }: Group) {
  return {
    Name: name,
    Arn: arn,
    State: "ACTIVE" as const,
    ...(createdAt === undefined ? {} : { CreationDate: new Date(createdAt) }),
    ...(modifiedAt === undefined ? {} : { LastModificationDate: new Date(modifiedAt) }),
  };
}

/** "You can only assign tags to schedule groups." */
async function tagged(ctx: CallContext, arn = ""): Promise<Group> {
  const name = arn.split(":schedule-group/")[1] ?? "";
  if (arn !== groupArn(ctx, name)) throw noGroup(name);
  return await requireGroup(ctx, name);
}

function merged(
  tags: Readonly<Record<string, string>>,
  added: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Record<string, string> {
  const all = { ...tags };
  for (const { Key = "", Value = "" } of added ?? []) {
    if (/^aws:/i.test(Key)) throw invalid("Tag keys starting with 'aws:' are reserved for system use.");
    all[Key] = Value;
  }
  if (Object.keys(all).length > 50) throw invalid("The resource has more than 50 tags.");
  return all;
}
