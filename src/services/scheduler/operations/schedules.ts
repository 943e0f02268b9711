/** Schedules. Source: EventBridge Scheduler API Reference, CreateSchedule, UpdateSchedule, GetSchedule, ListSchedules, DeleteSchedule. */
import { AwsError } from "#kernel/errors.ts";
import { ScheduleError } from "#engines/schedule/schedule.ts";
import { isZone, parseZoned } from "#engines/schedule/zoned.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { invalid, invalidExpression, noSchedule, notServed, scheduleExists } from "../errors.ts";
import { groupArn, requireGroup, scheduleArn } from "../groups.ts";
import { nextOf, startOf } from "../paging.ts";
import type { In, SchedulerHandlers } from "../sdk.ts";
import { defaultGroup, putDue, scheduleId, schedulerPrincipal, types, type Schedule } from "../state.ts";
import { keptTarget } from "../targets.ts";

export const scheduleHandlers: SchedulerHandlers = {
  async CreateSchedule(input, ctx) {
    const { name, group, id } = addressOf(input);
    const { name: known } = await requireGroup(ctx, group);
    const before = (await ctx.state.get<Schedule>(types.schedule, id))?.value;
    if (before && before.clientToken !== undefined && before.clientToken === input.ClientToken) {
      return { ScheduleArn: before.arn };
    }
    if (before) throw scheduleExists(name);
    // The group must still be there when the schedule becomes part of it.
    if (known !== defaultGroup) ctx.state.check(types.group, known);
    const uid = await ctx.once("uid", async () => ctx.random.uuid());
    const own = { name, group, arn: scheduleArn(ctx, group, name), uid, createdAt: ctx.now };
    // "If you do not provide a StartDate, your schedule starts invoking the target immediately."
    return { ScheduleArn: await save(ctx, own, input, ctx.now - 1) };
  },

  /** "All parameters are replaced": what is left out is as if it had never been set. */
  async UpdateSchedule(input, ctx) {
    const { value } = await requireSchedule(ctx, input);
    const { name, group, arn, uid, createdAt } = value;
    return { ScheduleArn: await save(ctx, { name, group, arn, uid, createdAt }, input, ctx.now) };
  },

  async DeleteSchedule(input, ctx) {
    const { key } = await requireSchedule(ctx, input);
    ctx.state.delete(types.schedule, key.id);
    ctx.state.delete(types.due, key.id, { version: "any" });
    return {};
  },

  async GetSchedule(input, ctx) {
    const { value: schedule } = await requireSchedule(ctx, input);
    return {
      ...common(schedule),
      ScheduleExpression: schedule.expression,
      ScheduleExpressionTimezone: schedule.zone,
      ...(schedule.startAt === undefined ? {} : { StartDate: new Date(schedule.startAt) }),
      ...(schedule.endAt === undefined ? {} : { EndDate: new Date(schedule.endAt) }),
      ...(schedule.description === undefined ? {} : { Description: schedule.description }),
      Target: {
        ...schedule.target,
        RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185, ...schedule.target.RetryPolicy },
      },
      FlexibleTimeWindow:
        schedule.windowMinutes === 0
          ? { Mode: "OFF" as const }
          : { Mode: "FLEXIBLE" as const, MaximumWindowInMinutes: schedule.windowMinutes },
      ActionAfterCompletion: schedule.afterCompletion,
    };
  },

  async ListSchedules(input, ctx) {
    const { GroupName, NamePrefix = "", State } = input;
    if (GroupName !== undefined) await requireGroup(ctx, GroupName);
    const prefix = GroupName === undefined ? "" : scheduleId(GroupName, NamePrefix);
    const page = await ctx.state.list<Schedule>(types.schedule, {
      prefix,
      ...startOf(input.NextToken, input.MaxResults),
    });
    const found = page.items.filter(
      ({ value }) => value.name.startsWith(NamePrefix) && (State === undefined || value.state === State),
    );
    return {
      Schedules: found.map(({ value }) => ({ ...common(value), Target: { Arn: value.target.Arn! } })),
      ...nextOf(page.next),
    };
  },
};

function addressOf(input: { Name?: string | undefined; GroupName?: string | undefined }) {
  const { Name: name = "", GroupName: group = defaultGroup } = input;
  return { name, group, id: scheduleId(group, name) };
}

async function requireSchedule(
  ctx: CallContext,
  input: { Name?: string | undefined; GroupName?: string | undefined },
): Promise<Document<Schedule>> {
  const { name, group, id } = addressOf(input);
  await requireGroup(ctx, group);
  const found = await ctx.state.get<Schedule>(types.schedule, id);
  if (!found) throw noSchedule(name);
  return found;
}

async function save(
  ctx: CallContext,
  own: Pick<Schedule, "name" | "group" | "arn" | "uid" | "createdAt">,
  input: In<"CreateSchedule">,
  after: number,
): Promise<string> {
  if (input.KmsKeyArn !== undefined) throw notServed("KmsKeyArn", "Schedules under a key of your own");
  const zone = input.ScheduleExpressionTimezone ?? "UTC";
  if (!isZone(zone)) throw invalid(`Invalid ScheduleExpressionTimezone ${zone}.`);
  const { Mode, MaximumWindowInMinutes } = input.FlexibleTimeWindow ?? {};
  if (Mode === "FLEXIBLE" && MaximumWindowInMinutes === undefined) {
    throw invalid("MaximumWindowInMinutes must be provided when Mode is set to FLEXIBLE.");
  }
  if (Mode === "OFF" && MaximumWindowInMinutes !== undefined) {
    throw invalid("MaximumWindowInMinutes must not be provided when Mode is set to OFF.");
  }
  checkExpression(input.ScheduleExpression ?? "", zone);
  const [startAt, endAt] = [input.StartDate?.getTime(), input.EndDate?.getTime()];
  if (endAt !== undefined && endAt <= (startAt ?? ctx.now))
    throw invalid("The EndDate you specify must come after the StartDate, and lie in the future.");
  const schedule: Schedule = {
    ...own,
    expression: input.ScheduleExpression!,
    zone,
    ...(startAt === undefined ? {} : { startAt }),
    ...(endAt === undefined ? {} : { endAt }),
    ...(input.Description === undefined ? {} : { description: input.Description }),
    state: input.State ?? "ENABLED",
    target: keptTarget(input.Target!),
    windowMinutes: MaximumWindowInMinutes ?? 0,
    afterCompletion: input.ActionAfterCompletion ?? "NONE",
    modifiedAt: ctx.now,
    ...(input.ClientToken === undefined ? {} : { clientToken: input.ClientToken }),
  };
  await checkRole(ctx, schedule);
  ctx.state.put<Schedule>(types.schedule, scheduleId(own.group, own.name), schedule);
  await putDue(ctx.state, schedule, after, (max) => ctx.random.below(max));
  return schedule.arn;
}

function checkExpression(text: string, zone: string): void {
  try {
    parseZoned(text, zone);
  } catch (error) {
    throw error instanceof ScheduleError ? invalidExpression(text) : error;
  }
}

/** A role that does not trust the scheduler is found now. */
async function checkRole(ctx: CallContext, { group, target }: Schedule): Promise<void> {
  const source = { sourceArn: groupArn(ctx, group), sourceAccount: ctx.account };
  await ctx.once("role", async () => {
    try {
      const { sts } = ctx.asService(schedulerPrincipal, source);
      await sts.AssumeRole({ RoleArn: target.RoleArn!, RoleSessionName: "validation" });
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      throw invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
    }
  });
}

function common(schedule: Schedule) {
  return {
    Arn: schedule.arn,
    Name: schedule.name,
    GroupName: schedule.group,
    State: schedule.state,
    CreationDate: new Date(schedule.createdAt),
    LastModificationDate: new Date(schedule.modifiedAt),
  };
}
