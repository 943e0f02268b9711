/** IAM resources of CloudWatch's operations. Source: Service Authorization Reference, CloudWatch. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { type Alarm, alarmArn } from "./alarm.ts";
import { types } from "./state.ts";

export function onAll(action: string, context?: Access["context"]): Access {
  return { action: `cloudwatch:${action}`, resource: "*", ...(context ? { context } : {}) };
}

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** An alarm by its name or ARN. */
export async function onAlarm(
  ctx: CallContext,
  action: string,
  nameOrArn: string | undefined,
  tags: readonly GivenTag[] = [],
): Promise<Access> {
  const given = nameOrArn ?? "";
  const resource = given.startsWith("arn:") ? given : alarmArn(ctx, given);
  const name = resource.split(":alarm:")[1] ?? "";
  const owner = parseArn(resource)?.account || ctx.account;
  const alarm = owner === ctx.account ? await ctx.state.get<Alarm>(types.alarm, name) : undefined;
  const resourceTags = Object.entries(alarm?.value.tags ?? {});
  return {
    action: `cloudwatch:${action}`,
    resource,
    resourceAccount: owner,
    context: {
      ...Object.fromEntries(resourceTags.map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
      ...(tags.length === 0 ? {} : { "aws:TagKeys": tags.map(({ Key = "" }) => Key) }),
    },
  };
}

export function onAlarms(ctx: CallContext, action: string, names: readonly string[] | undefined): Promise<Access[]> {
  return Promise.all((names?.length ? names : ["*"]).map((name) => onAlarm(ctx, action, name)));
}
