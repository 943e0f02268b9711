/** Groups by name. */
import { partitionOf } from "#kernel/arn.ts";
import type { CallContext, State } from "#gateway/context.ts";
import { noGroup } from "./errors.ts";
import { defaultGroup, types, type Group } from "./state.ts";

type Here = Pick<CallContext, "account" | "region">;

export function groupArn({ account, region }: Here, name: string): string {
  return `arn:${partitionOf(region)}:scheduler:${region}:${account}:schedule-group/${name}`;
}

export function scheduleArn({ account, region }: Here, group: string, name: string): string {
  return `arn:${partitionOf(region)}:scheduler:${region}:${account}:schedule/${group}/${name}`;
}

/** The default group is always there. */
export async function findGroup(state: State, here: Here, name: string): Promise<Group | undefined> {
  const found = await state.get<Group>(types.group, name);
  if (found) return found.value;
  return name === defaultGroup ? { name, arn: groupArn(here, name), tags: {} } : undefined;
}

/** @throws ResourceNotFoundException */
export async function requireGroup(ctx: CallContext, name = defaultGroup): Promise<Group> {
  const group = await findGroup(ctx.state, ctx, name);
  if (!group) throw noGroup(name);
  return group;
}
