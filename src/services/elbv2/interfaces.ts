/**
 * Network interfaces of load balancers: one in each subnet, with the load balancer's groups. What is wanted is written in the
 * batch of the change; the job brings EC2 in line, through the service-linked role, and says then that the load balancer
 * is active.
 *
 * INVARIANT: the wish is taken away only when EC2 is in line with it, or when the load balancer has failed and says why.
 */
import { AwsError } from "#kernel/errors.ts";
import { partitionOf } from "#kernel/arn.ts";
import type { Clients } from "#gateway/clients.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { metricName } from "./arns.ts";
import { linkedRole } from "./network.ts";
import { serviceId, servicePrincipal, types, type InterfacesWork, type LoadBalancer } from "./state.ts";

export function requestInterfaces(ctx: CallContext, loadBalancer: LoadBalancer): void {
  const work: InterfacesWork = {
    subnets: loadBalancer.subnets.map(({ id }) => id),
    groups: loadBalancer.groups,
    name: loadBalancer.name,
    description: `ELB ${metricName(loadBalancer.arn)}`,
  };
  ctx.state.put(types.interfaces, loadBalancer.arn, work, { version: "any" });
}

const mostWork = 1_000;

export async function bringInterfacesInLine(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.list<InterfacesWork>({
    service: serviceId,
    type: types.interfaces,
    limit: mostWork,
  });
  for (const document of items) {
    if (ctx.signal.aborted) return;
    if ((document.value.notBefore ?? 0) <= ctx.clock.now()) await one(ctx, document);
  }
}

async function one(ctx: JobContext, document: Document<InterfacesWork>): Promise<void> {
  const { account, region } = document.key;
  const role = linkedRole(partitionOf(region), account);
  const { ec2 } = ctx.asRole(role, "ElasticLoadBalancing", servicePrincipal, { account, region });
  let reason: string | undefined;
  try {
    await apply(ec2, document.value);
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    // What a deleted load balancer leaves behind is taken away as soon as that can be done.
    if (document.value.subnets.length === 0) return await postpone(ctx, document);
    ctx.log.warn(
      { loadBalancer: document.key.id, code: error.code },
      "a load balancer cannot have its network interfaces",
    );
    reason = error.message;
  }
  await settle(ctx, document, reason);
}

async function apply(ec2: Clients["ec2"], work: InterfacesWork): Promise<void> {
  const filters = [{ Name: "description", Values: [work.description] }];
  const existing = (await ec2.DescribeNetworkInterfaces({ Filters: filters })).NetworkInterfaces ?? [];
  for (const { NetworkInterfaceId: id, SubnetId: subnet, Groups: groups = [] } of existing) {
    if (!work.subnets.includes(subnet!)) await ec2.DeleteNetworkInterface({ NetworkInterfaceId: id });
    else if (
      !sameGroups(
        groups.map(({ GroupId }) => GroupId!),
        work.groups,
      )
    ) {
      await ec2.ModifyNetworkInterfaceAttribute({ NetworkInterfaceId: id, Groups: work.groups });
    }
  }
  for (const subnet of work.subnets) {
    if (existing.some(({ SubnetId }) => SubnetId === subnet)) continue;
    await ec2.CreateNetworkInterface({ SubnetId: subnet, Groups: work.groups, Description: work.description });
  }
}

const patienceMs = 60_000;

async function postpone(ctx: JobContext, { key, version, value }: Document<InterfacesWork>): Promise<void> {
  const later: InterfacesWork = { ...value, notBefore: ctx.clock.now() + patienceMs };
  await commitUnlessReplaced(ctx, [{ op: "put", key, value: later, ifVersion: version }]);
}

async function commitUnlessReplaced(ctx: JobContext, operations: readonly Operation[]): Promise<void> {
  try {
    await ctx.store.commit(operations);
  } catch (error) {
    // The next turn looks again.
    if (!(error instanceof Conflict)) throw error;
  }
}

function sameGroups(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).symmetricDifference(new Set(other)).size === 0;
}

/** A wish that has been replaced meanwhile stays. */
async function settle(ctx: JobContext, { key, version, value }: Document<InterfacesWork>, reason: string | undefined) {
  const loadBalancerKey = { ...key, type: types.loadBalancer, id: value.name };
  const found = await ctx.store.get<LoadBalancer>(loadBalancerKey);
  const operations: Operation[] = [{ op: "delete", key, ifVersion: version }];
  if (found?.value.arn === key.id) {
    const { reason: _, ...rest } = found.value;
    const changed: LoadBalancer =
      reason === undefined ? { ...rest, state: "active" } : { ...rest, state: "failed", reason };
    operations.push({ op: "put", key: loadBalancerKey, value: changed, ifVersion: found.version });
  }
  await commitUnlessReplaced(ctx, operations);
}
