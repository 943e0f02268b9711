/** The authorization questions of EventBridge Scheduler. Source: Service Authorization Reference, Amazon EventBridge Scheduler. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { findGroup, groupArn, scheduleArn } from "./groups.ts";
import type { SchedulerAccess } from "./sdk.ts";
import { defaultGroup, schedulerPrincipal } from "./state.ts";

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

interface Named {
  Name?: string | undefined;
  GroupName?: string | undefined;
}

const bySchedule =
  (action: string) =>
  ({ Name = "", GroupName = defaultGroup }: Named, ctx: CallContext): Access => ({
    action: `scheduler:${action}`,
    resource: scheduleArn(ctx, GroupName, Name),
  });

async function onGroup(
  ctx: CallContext,
  action: string,
  name: string,
  tags: readonly GivenTag[] = [],
  keys: readonly string[] = [],
): Promise<Access> {
  const group = await findGroup(ctx.state, ctx, name);
  const named = [...keys, ...tags.map(({ Key = "" }) => Key)];
  return {
    action: `scheduler:${action}`,
    resource: groupArn(ctx, name),
    context: {
      ...Object.fromEntries(Object.entries(group?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
      ...(named.length === 0 ? {} : { "aws:TagKeys": named }),
    },
  };
}

const nameOf = (arn: string | undefined): string => arn?.split(":schedule-group/")[1] ?? "";

/** Whoever names a role for the scheduler to take must be allowed to. */
function passing(roleArn: string | undefined): Access[] {
  const account = parseArn(roleArn ?? "")?.account;
  if (roleArn === undefined || account === undefined) return [];
  const context = { "iam:PassedToService": schedulerPrincipal };
  return [{ action: "iam:PassRole", resource: roleArn, resourceAccount: account, context }];
}

const everywhere = (action: string) => (): Access => ({ action: `scheduler:${action}`, resource: "*" });

export const access: SchedulerAccess = {
  CreateSchedule: (input, ctx) => [bySchedule("CreateSchedule")(input, ctx), ...passing(input.Target?.RoleArn)],
  async CreateScheduleGroup(input, ctx) {
    const name = input.Name ?? "";
    const create = await onGroup(ctx, "CreateScheduleGroup", name, input.Tags);
    return (input.Tags?.length ?? 0) > 0 ? [create, await onGroup(ctx, "TagResource", name, input.Tags)] : create;
  },
  DeleteSchedule: bySchedule("DeleteSchedule"),
  DeleteScheduleGroup: (input, ctx) => onGroup(ctx, "DeleteScheduleGroup", input.Name ?? ""),
  GetSchedule: bySchedule("GetSchedule"),
  GetScheduleGroup: (input, ctx) => onGroup(ctx, "GetScheduleGroup", input.Name ?? ""),
  ListScheduleGroups: everywhere("ListScheduleGroups"),
  ListSchedules: everywhere("ListSchedules"),
  ListTagsForResource: (input, ctx) => onGroup(ctx, "ListTagsForResource", nameOf(input.ResourceArn)),
  TagResource: (input, ctx) => onGroup(ctx, "TagResource", nameOf(input.ResourceArn), input.Tags),
  UntagResource: (input, ctx) => onGroup(ctx, "UntagResource", nameOf(input.ResourceArn), [], input.TagKeys),
  UpdateSchedule: (input, ctx) => [bySchedule("UpdateSchedule")(input, ctx), ...passing(input.Target?.RoleArn)],
};
