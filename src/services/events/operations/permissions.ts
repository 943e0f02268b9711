/** The resource policy of a bus. Source: EventBridge API Reference, PutPermission, RemovePermission. */
import { isAccountId } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { busAddress, requireBus } from "../bus.ts";
import { invalid, noStatement, tooLongPolicy } from "../errors.ts";
import type { EventsHandlers } from "../sdk.ts";
import { scopeOf, types, type Bus } from "../state.ts";

/** "Size of the event bus policy: 10,240 characters". */
const longestPolicy = 10_240;

interface PolicyText {
  Version: string;
  Statement: { Sid?: string; [member: string]: unknown }[];
}

export const permissionHandlers: EventsHandlers = {
  async PutPermission(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    const bus = await requireBus(ctx, address);
    const { Policy, StatementId, Principal, Action, Condition } = input;
    if (Policy !== undefined) {
      if (StatementId !== undefined || Principal !== undefined || Action !== undefined || Condition !== undefined) {
        throw invalid("Parameter Policy cannot be used together with Action, StatementId, Principal or Condition.");
      }
      await save(ctx, bus, Policy);
      return {};
    }
    if (StatementId === undefined || Principal === undefined || Action === undefined) {
      throw invalid("Parameters Action, StatementId and Principal must be specified.");
    }
    if (Action !== "events:PutEvents") throw invalid("Provided value in parameter 'action' is not supported.");
    if (Principal !== "*" && !isAccountId(Principal))
      throw invalid("Provided value in parameter 'principal' is not valid.");
    if (Condition && (Condition.Type !== "StringEquals" || Condition.Key !== "aws:PrincipalOrgID")) {
      throw invalid("Provided value in parameter 'condition' is not supported.");
    }
    const policy = await read(ctx, bus);
    const statement = {
      Sid: StatementId,
      Effect: "Allow",
      Principal: Principal === "*" ? "*" : { AWS: `arn:${ctx.partition}:iam::${Principal}:root` },
      Action,
      Resource: bus.arn,
      ...(Condition ? { Condition: { [Condition.Type!]: { [Condition.Key!]: Condition.Value } } } : {}),
    };
    // A statement under a known id takes the place of that.
    const Statement = [...policy.Statement.filter(({ Sid }) => Sid !== StatementId), statement];
    await save(ctx, bus, JSON.stringify({ ...policy, Statement }));
    return {};
  },

  async RemovePermission(input, ctx) {
    const bus = await requireBus(ctx, busAddress(ctx, input.EventBusName));
    const policy = await read(ctx, bus);
    const Statement = input.RemoveAllPermissions ? [] : policy.Statement.filter(({ Sid }) => Sid !== input.StatementId);
    if (!input.RemoveAllPermissions && Statement.length === policy.Statement.length) throw noStatement();
    await save(ctx, bus, Statement.length === 0 ? undefined : JSON.stringify({ ...policy, Statement }));
    return {};
  },
};

/** As it is shown: what named a user or role that is gone names its unique id, and is not bound to a new one of that name. */
async function read(ctx: CallContext, bus: Bus): Promise<PolicyText> {
  if (bus.policy === undefined) return { Version: "2012-10-17", Statement: [] };
  const parsed = JSON.parse(await shownPolicy(ctx.identity, bus.policy, bus.boundPolicy)) as {
    Version: string;
    Statement: PolicyText["Statement"] | PolicyText["Statement"][number];
  };
  return { ...parsed, Statement: Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement] };
}

async function save(ctx: CallContext, before: Bus, policy: string | undefined): Promise<void> {
  const { policy: _, boundPolicy: _bound, ...bus } = before;
  const at = scopeOf({ account: bus.arn.split(":")[4]!, region: ctx.region });
  if (policy === undefined) {
    ctx.state.put<Bus>(types.bus, bus.name, { ...bus, modifiedAt: ctx.now }, { at });
    return;
  }
  if (Buffer.byteLength(policy) > longestPolicy) throw tooLongPolicy();
  try {
    parsePolicy(policy, "resource");
  } catch (error) {
    throw error instanceof AwsError ? invalid(`Invalid policy document: ${error.message}`) : error;
  }
  const kept = await keepPolicy(ctx.identity, policy, (principal) =>
    invalid(`Invalid principal in policy: ${principal}`),
  );
  ctx.state.put<Bus>(types.bus, bus.name, { ...bus, ...kept, modifiedAt: ctx.now }, { at });
}
