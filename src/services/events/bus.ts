/** Buses by the names and ARNs that callers give. */
import { parseArn, partitionOf } from "#kernel/arn.ts";
import type { CallContext, State } from "#gateway/context.ts";
import { invalidParameter, noBus, noRule } from "./errors.ts";
import { defaultBus, ruleId, scopeOf, types, type Bus, type Place, type Rule } from "./state.ts";

export type BusAddress = Place & { name: string };

export function busArn({ account, region, name }: BusAddress): string {
  return `arn:${partitionOf(region)}:events:${region}:${account}:event-bus/${name}`;
}

export function ruleArn(bus: BusAddress, name: string): string {
  const path = bus.name === defaultBus ? name : `${bus.name}/${name}`;
  return `arn:${partitionOf(bus.region)}:events:${bus.region}:${bus.account}:rule/${path}`;
}

/** Bus and name of a rule's ARN. */
export function ruleOfArn(arn: string): { bus: BusAddress; name: string } | undefined {
  const parsed = parseArn(arn);
  const [, first, second] = /^rule\/([^/]+)(?:\/([^/]+))?$/.exec(parsed?.resource ?? "") ?? [];
  if (parsed?.service !== "events" || first === undefined) return undefined;
  const { account, region } = parsed;
  return second === undefined
    ? { bus: { account, region, name: defaultBus }, name: first }
    : { bus: { account, region, name: first }, name: second };
}

/** A name means a bus of the caller's own account and Region. @throws ValidationException for an ARN of something else */
export function busAddress(
  ctx: Pick<CallContext, "account" | "region">,
  given: string | undefined,
  parameter = "EventBusName",
): BusAddress {
  const here = { account: ctx.account, region: ctx.region };
  if (given === undefined) return { ...here, name: defaultBus };
  if (!given.startsWith("arn:")) return { ...here, name: given };
  const parsed = parseArn(given);
  if (parsed?.service !== "events" || !/^\d{12}$/.test(parsed.account) || !parsed.resource.startsWith("event-bus/")) {
    throw invalidParameter(parameter, "Provided Arn is not in correct format.");
  }
  return { account: parsed.account, region: parsed.region, name: parsed.resource.slice("event-bus/".length) };
}

/** The default bus is always there; it has a document only when something of it was set. */
export async function findBus(state: State, address: BusAddress): Promise<Bus | undefined> {
  const found = await state.get<Bus>(types.bus, address.name, scopeOf(address));
  if (found) return found.value;
  return address.name === defaultBus ? { name: defaultBus, arn: busArn(address), modifiedAt: 0, tags: {} } : undefined;
}

/** A bus of the Region of the call. @throws ResourceNotFoundException */
export async function requireBus(ctx: CallContext, address: BusAddress): Promise<Bus> {
  const bus = address.region === ctx.region ? await findBus(ctx.state, address) : undefined;
  if (!bus) throw noBus(address.name);
  return bus;
}

/** @throws ResourceNotFoundException */
export async function requireRule(ctx: CallContext, address: BusAddress, name: string): Promise<Rule> {
  await requireBus(ctx, address);
  const rule = await ctx.state.get<Rule>(types.rule, ruleId(address.name, name), scopeOf(address));
  if (!rule) throw noRule(name, address.name);
  return rule.value;
}
