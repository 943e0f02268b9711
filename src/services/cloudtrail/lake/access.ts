/** IAM resources of the lake's operations, with the policies of the resources. Source: Service Authorization Reference, CloudTrail. */
import { parseArn } from "#kernel/arn.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { parse, storesOf } from "#engines/eventSql/parse.ts";
import { QueryError } from "#engines/eventSql/queryError.ts";
import { onAll } from "../access.ts";
import { invalidQuery } from "./errors.ts";
import {
  addressIn,
  storeArn,
  type Channel,
  type EventDataStore,
  type LakeQuery,
  type ResourcePolicy,
} from "./state.ts";

type Tagged = Pick<EventDataStore | Channel, "arn" | "account" | "region" | "tags">;

/** A store or channel as it is named; what is not there is refused by the handler, after authorization. */
export async function onResource(
  action: string,
  ctx: CallContext,
  type: "eventdatastore" | "channel",
  given: string | undefined,
  context: Access["context"] = {},
): Promise<Access> {
  const address = addressIn(ctx, type, given ?? "");
  if (!address) return { ...onAll(action), context };
  const { account, region, id } = address;
  const document = type === "channel" ? "channel" : "eventDataStore";
  const found = (await ctx.state.get<Tagged>(document, id, { account, region }))?.value;
  const arn = `arn:${ctx.partition}:cloudtrail:${region}:${account}:${type}/${id}`;
  return found
    ? onFound(action, ctx, found, context)
    : { action: `cloudtrail:${action}`, resource: arn, resourceAccount: account, context };
}

async function onFound(action: string, ctx: CallContext, found: Tagged, context: Access["context"]): Promise<Access> {
  const { arn, account, region, tags } = found;
  const kept = (await ctx.state.get<ResourcePolicy>("resourcePolicy", arn, { account, region }))?.value;
  return {
    action: `cloudtrail:${action}`,
    resource: arn,
    resourceAccount: account,
    ...(kept === undefined ? {} : { resourcePolicies: attachedPolicy(arn, kept) }),
    context: {
      ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      ...context,
    },
  };
}

export const onStore = (action: string, ctx: CallContext, given: string | undefined, context?: Access["context"]) =>
  onResource(action, ctx, "eventdatastore", given, context);

export const onChannel = (action: string, ctx: CallContext, given: string | undefined, context?: Access["context"]) =>
  onResource(action, ctx, "channel", given, context);

/** Either, by ARN. */
export async function onEither(
  action: string,
  ctx: CallContext,
  given: string | undefined,
  context?: Access["context"],
) {
  const type = parseArn(given ?? "")?.resource.startsWith("channel/") ? "channel" : "eventdatastore";
  return onResource(action, ctx, type, given, context);
}

/** Every store that a statement reads. @throws InvalidQueryStatementException */
export async function onStatement(
  action: string,
  ctx: CallContext,
  statement: string | undefined,
  owner: string | undefined,
): Promise<Access[]> {
  const ids = storesIn(statement ?? "");
  return Promise.all(ids.map((id) => onStore(action, ctx, storeArn(ctx, id, { account: owner ?? ctx.account }))));
}

/** @throws InvalidQueryStatementException */
export function storesIn(statement: string): string[] {
  try {
    return storesOf(parse(statement));
  } catch (error) {
    throw error instanceof QueryError ? invalidQuery(error.message) : error;
  }
}

/** Every store of a query that was started; none that is there, the account. */
export async function onQuery(action: string, ctx: CallContext, id: string | undefined): Promise<Access | Access[]> {
  const query = id === undefined ? undefined : (await ctx.state.get<LakeQuery>("query", id))?.value;
  if (!query) return onAll(action);
  return Promise.all(query.stores.map((store) => onStore(action, ctx, storeArn(ctx, store.id, store))));
}
