/** IAM resources of CloudTrail's operations. Source: Service Authorization Reference, CloudTrail. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";

/** A trail given by name or ARN; a name that cannot be one is refused by the handler, with CloudTrail's text. */
export function onTrail(
  action: string,
  nameOrArn: string | undefined,
  ctx: CallContext,
  context?: Access["context"],
): Access {
  const given = nameOrArn ?? "";
  const resource = given.startsWith("arn:")
    ? given
    : `arn:${ctx.partition}:cloudtrail:${ctx.region}:${ctx.account}:trail/${given}`;
  return {
    action: `cloudtrail:${action}`,
    resource,
    resourceAccount: parseArn(resource)?.account ?? ctx.account,
    ...(context ? { context } : {}),
  };
}

export function onAll(action: string): Access {
  return { action: `cloudtrail:${action}`, resource: "*" };
}

/** GuardDuty asks as the service itself whether a bucket that was deleted held the logs of a trail. */
export function readByGuardDuty(access: Access, ctx: CallContext): Access {
  if (ctx.principal.kind !== "service") return access;
  const statement = {
    Effect: "Allow",
    Principal: { Service: "guardduty.amazonaws.com" },
    Action: access.action,
    Resource: "*",
    Condition: { StringEquals: { "aws:SourceAccount": ctx.account } },
  };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: statement });
  return { ...access, resourcePolicies: [{ name: "service-access", document }] };
}

interface SentTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

export function requestTags(tags: readonly SentTag[] | undefined): Record<string, string | string[]> {
  if (!tags || tags.length === 0) return {};
  return {
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
  };
}
