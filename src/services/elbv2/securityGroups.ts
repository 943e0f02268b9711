/**
 * What load balancers let in, and what they connect to, follows the rules of their security groups: EC2 tells of every
 * change in the stream `security-groups`, and the traffic of the load balancers with these groups is worked out anew.
 *
 * INVARIANT: a change of a group, or of which groups a load balancer has, is followed by an event after it; what the
 * reactor writes was read after that event, so that what is in force at last is what the groups say at last.
 * INVARIANT: when the rules cannot be had for good, nothing is let through.
 */
import { AwsError } from "#kernel/errors.ts";
import { partitionOf } from "#kernel/arn.ts";
import type { CallContext, ReactorContext } from "#gateway/context.ts";
import { Conflict, type DocumentKey } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { edgeDocument, edgeService, type FrontEndDocument } from "../../edge/config.ts";
import { linkedRole, noTraffic, trafficOf, type Traffic } from "./network.ts";
import { serviceId, servicePrincipal, types, type LoadBalancer } from "./state.ts";

export const securityGroupsStream = "security-groups";

interface Place {
  account: string;
  region: string;
}

interface Changed extends Place {
  groups: string[];
}

/** For a load balancer that has other groups from now on: what they let through is looked at again once this is in force. */
export function publishGroups(ctx: CallContext, groups: readonly string[]): void {
  const { account, region } = ctx;
  ctx.state.emit(securityGroupsStream, `${account}/${region}`, { account, region, groups });
}

export async function followSecurityGroups(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const places = Map.groupBy(
    events.map(({ event }) => event as Changed),
    ({ account, region }) => `${account}/${region}`,
  );
  for (const changes of places.values()) {
    const { account, region } = changes[0]!;
    const groups = new Set(changes.flatMap((each) => each.groups));
    for (const each of await loadBalancersWith(ctx, { account, region }, groups)) {
      await resolveAnew(ctx, { account, region }, each);
    }
  }
}

async function loadBalancersWith(
  ctx: ReactorContext,
  { account, region }: Place,
  groups: ReadonlySet<string>,
): Promise<LoadBalancer[]> {
  const query = { account, region, service: serviceId, type: types.loadBalancer, limit: 1_000 };
  const { items } = await ctx.store.list<LoadBalancer>(query);
  return items.map(({ value }) => value).filter((each) => each.groups.some((id) => groups.has(id)));
}

async function resolveAnew(ctx: ReactorContext, place: Place, { arn, name }: LoadBalancer): Promise<void> {
  const key: DocumentKey = { ...place, service: edgeService, type: edgeDocument.frontEnd, id: arn };
  const own: DocumentKey = { ...place, service: serviceId, type: types.loadBalancer, id: name };
  for (;;) {
    const served = await ctx.store.get<FrontEndDocument>(key);
    const current = await ctx.store.get<LoadBalancer>(own);
    if (!served || current?.value.arn !== arn) return;
    const traffic = await resolved(ctx, place, current.value.groups);
    const { ingress, egress } = served.value;
    if (JSON.stringify(traffic) === JSON.stringify({ ingress, egress })) return;
    try {
      await ctx.store.commit([
        { op: "put", key, value: { ...served.value, ...traffic }, ifVersion: served.version },
        { op: "check", key: own, ifVersion: current.version },
      ]);
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
}

async function resolved(ctx: ReactorContext, place: Place, groups: readonly string[]): Promise<Traffic> {
  const role = linkedRole(partitionOf(place.region), place.account);
  const { ec2 } = ctx.asRole(role, "ElasticLoadBalancing", servicePrincipal, place);
  const prefixLists = ctx.asService(servicePrincipal, place).ec2;
  try {
    return await trafficOf({ ec2, prefixLists }, groups);
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    ctx.log.warn({ groups, code: error.code }, "security groups cannot be read: nothing is let through");
    return noTraffic;
  }
}
