/** The documents that ARNs name. Those of other accounts and Regions are not found. */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { documentId, listenerOfRule, readArn, type ArnKind } from "./arns.ts";
import { noListener, noLoadBalancer, noRule, noTargetGroup, validation } from "./errors.ts";
import { types, type Listener, type LoadBalancer, type Rule, type TargetGroup } from "./state.ts";

const called: Readonly<Record<ArnKind, string>> = {
  loadbalancer: "load balancer",
  targetgroup: "target group",
  listener: "listener",
  "listener-rule": "listener rule",
};

/** @throws ValidationError */
function idOf(arn: string, kind: ArnKind): string {
  const named = readArn(arn);
  if (named?.kind !== kind) throw validation(`'${arn}' is not a valid ${called[kind]} ARN`);
  return documentId(named);
}

async function byArn<T extends { arn: string }>(
  ctx: CallContext,
  type: string,
  kind: ArnKind,
  arn: string,
): Promise<T | undefined> {
  const found = await ctx.state.get<T>(type, idOf(arn, kind));
  return found?.value.arn === arn ? found.value : undefined;
}

export async function requireLoadBalancer(ctx: CallContext, arn: string): Promise<LoadBalancer> {
  const found = await byArn<LoadBalancer>(ctx, types.loadBalancer, "loadbalancer", arn);
  if (!found) throw noLoadBalancer(arn);
  return found;
}

export async function requireListener(ctx: CallContext, arn: string): Promise<Listener> {
  const found = await byArn<Listener>(ctx, types.listener, "listener", arn);
  if (!found) throw noListener(arn);
  return found;
}

export async function requireTargetGroup(ctx: CallContext, arn: string): Promise<TargetGroup> {
  const found = await byArn<TargetGroup>(ctx, types.targetGroup, "targetgroup", arn);
  if (!found) throw noTargetGroup(arn);
  return found;
}

export async function requireRule(ctx: CallContext, arn: string): Promise<{ listener: Listener; rule: Rule }> {
  if (readArn(arn)?.kind !== "listener-rule") throw validation(`'${arn}' is not a valid listener rule ARN`);
  const listener = await byArn<Listener>(ctx, types.listener, "listener", listenerOfRule(arn));
  const rule = listener?.rules.find((each) => each.arn === arn);
  if (!listener || !rule) throw noRule();
  return { listener, rule };
}

/** Every document of a type, in the order of ids. */
export async function all<T>(ctx: CallContext, type: string, prefix?: string): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const query = { ...(prefix === undefined ? {} : { prefix }), ...(after === undefined ? {} : { after }) };
    const page: { items: Document<T>[]; next?: string } = await ctx.state.list<T>(type, query);
    found.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return found;
}

export function listenersOf(ctx: CallContext, loadBalancer: string): Promise<Listener[]> {
  return all<Listener>(ctx, types.listener, `${readArn(loadBalancer)!.path}/`);
}

export const listenerId = (arn: string): string => readArn(arn)!.path;

/** Target groups that the rules of listeners forward to. */
export function forwardedTo(rules: readonly Pick<Rule, "actions">[]): Set<string> {
  const arns = rules.flatMap(({ actions }) =>
    actions.flatMap((action) => (action.type === "forward" ? action.targetGroups.map(({ arn }) => arn) : [])),
  );
  return new Set(arns);
}
