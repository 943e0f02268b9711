/**
 * Custom actions, under whose ARN findings and results of insights are sent to EventBridge (`../sending.ts`).
 * Source: Security Hub API Reference, CreateActionTarget ("the ID … can be up to 20 alphanumeric characters"); User Guide,
 * "Creating a custom action" (fewer than 20 characters of a name), "You can create up to 50 custom actions".
 */
import type { CallContext } from "#gateway/context.ts";
import { conflict, invalidInput, limitExceeded, notFound } from "../errors.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers } from "../sdk.ts";
import { arnOf, each, requireHub, types, type ActionTarget } from "../state.ts";

const mostTargets = 50;
const longestName = 20;
const longestDescription = 500;

export const actionTargetHandlers: HubHandlers = {
  async CreateActionTarget(input, ctx) {
    await requireHub(ctx);
    const id = input.Id!;
    if (!/^[A-Za-z0-9]{1,20}$/.test(id)) throw invalidInput("Invalid parameter 'Id': 1 to 20 letters and digits");
    const { name, description } = checked({ name: input.Name!, description: input.Description! });
    if (await ctx.state.get(types.actionTarget, id)) throw conflict(`The custom action ${id} exists already`);
    if ((await ctx.state.count(types.actionTarget)) >= mostTargets) {
      throw limitExceeded(`An account can have at most ${mostTargets} custom actions in a Region`);
    }
    const arn = arnOf(ctx, `action/custom/${id}`);
    ctx.state.put<ActionTarget>(types.actionTarget, id, { id, arn, name, description, createdAt: ctx.now });
    return { ActionTargetArn: arn };
  },

  async UpdateActionTarget(input, ctx) {
    await requireHub(ctx);
    const target = await requireActionTarget(ctx, input.ActionTargetArn!);
    const { name = target.name, description = target.description } = {
      name: input.Name,
      description: input.Description,
    };
    ctx.state.put<ActionTarget>(types.actionTarget, target.id, { ...target, ...checked({ name, description }) });
    return {};
  },

  async DeleteActionTarget(input, ctx) {
    await requireHub(ctx);
    const target = await requireActionTarget(ctx, input.ActionTargetArn!);
    ctx.state.delete(types.actionTarget, target.id);
    return { ActionTargetArn: target.arn };
  },

  async DescribeActionTargets(input, ctx) {
    await requireHub(ctx);
    const all: ActionTarget[] = [];
    if (input.ActionTargetArns && input.ActionTargetArns.length > 0) {
      for (const arn of input.ActionTargetArns) all.push(await requireActionTarget(ctx, arn));
    } else {
      for await (const target of each<ActionTarget>(ctx.state, types.actionTarget, ctx)) all.push(target);
      all.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    }
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 100);
    const ActionTargets = all.slice(start, end).map(({ arn, name, description }) => ({
      ActionTargetArn: arn,
      Name: name,
      Description: description,
    }));
    return { ActionTargets, ...tokenAfter(end, all.length) };
  },
};

/** @throws InvalidInputException */
function checked(given: Pick<ActionTarget, "name" | "description">): Pick<ActionTarget, "name" | "description"> {
  const { name, description } = given;
  if (!/\S/.test(name) || name.length > longestName) {
    throw invalidInput(`Invalid parameter 'Name': 1 to ${longestName} characters`);
  }
  if (!/\S/.test(description) || description.length > longestDescription) {
    throw invalidInput(`Invalid parameter 'Description': 1 to ${longestDescription} characters`);
  }
  return given;
}

/** @throws ResourceNotFoundException */
export async function requireActionTarget(ctx: CallContext, arn: string): Promise<ActionTarget> {
  const prefix = arnOf(ctx, "action/custom/");
  const found = arn.startsWith(prefix)
    ? await ctx.state.get<ActionTarget>(types.actionTarget, arn.slice(prefix.length))
    : undefined;
  if (!found) throw notFound(`The custom action ${arn} was not found`);
  return found.value;
}
