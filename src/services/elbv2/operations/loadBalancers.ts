/** Load balancers. Source: Elastic Load Balancing API Reference, 2015-12-01. */
import type { CallContext } from "#gateway/context.ts";
import { globalRegion } from "#store/contract.ts";
import { edgeDocument, ownAddress, type StatusDocument } from "../../../edge/config.ts";
import { newLoadBalancerArn } from "../arns.ts";
import { attributeOf, loadBalancerAttributes } from "../attributes.ts";
import { atEdge, putFrontEnd } from "../edgeDocuments.ts";
import { duplicateLoadBalancer, noLoadBalancer, notPermitted, tooMany, unsupported, validation } from "../errors.ts";
import { all, listenersOf, requireLoadBalancer } from "../find.ts";
import { hostedZones } from "../hostedZones.ts";
import { requestInterfaces } from "../interfaces.ts";
import { checkName } from "../names.ts";
import { chooseGroups, chooseSubnets, trafficOf, network } from "../network.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { removeListener } from "../save.ts";
import type { ElbHandlers, In } from "../sdk.ts";
import { publishGroups } from "../securityGroups.ts";
import { types, type LoadBalancer } from "../state.ts";
import { withTags } from "../tags.ts";

const installation = { account: "000000000000", region: globalRegion };
/** There are some four million addresses; so many collisions in a row do not happen. */
const mostAttempts = 64;

/** Claims a loopback address that no other load balancer of the installation has. */
async function claimAddress(ctx: CallContext, arn: string): Promise<string> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const address = ownAddress(arn, attempt);
    if (await ctx.state.get(types.address, address, installation)) continue;
    ctx.state.put(types.address, address, { arn }, { at: installation });
    return address;
  }
  throw tooMany("LoadBalancers", "No address is left for a load balancer");
}

/**
 * Ten digits behind the name, as AWS has them; below a suffix of this installation.
 * `internal-` says that it does not face the internet.
 */
function dnsNameOf(ctx: CallContext, name: string, scheme: LoadBalancer["scheme"]): string {
  const number = String(1_000_000_000 + ctx.random.below(2_000_000_000));
  const suffix = ctx.config.hostSuffixes[0] ?? "localhost";
  return `${scheme === "internal" ? "internal-" : ""}${name}-${number}.${ctx.region}.elb.${suffix}`;
}

export function subnetIds(input: Pick<In<"SetSubnets">, "Subnets" | "SubnetMappings">): string[] {
  const { Subnets: subnets, SubnetMappings: mappings } = input;
  if (subnets?.length && mappings?.length) {
    throw validation("You must specify either subnets or subnet mappings, not both");
  }
  for (const { AllocationId, PrivateIPv4Address, IPv6Address } of mappings ?? []) {
    if (AllocationId ?? PrivateIPv4Address ?? IPv6Address) {
      throw validation("Subnet mappings with addresses are not supported for load balancers of type 'application'");
    }
  }
  return subnets ?? (mappings ?? []).map(({ SubnetId }) => SubnetId ?? "");
}

function requireApplication(input: In<"CreateLoadBalancer">): void {
  const type = input.Type ?? "application";
  if (type !== "application") throw unsupported(`Load balancers of type '${type}' are`);
  const addresses = input.IpAddressType ?? "ipv4";
  if (addresses !== "ipv4") throw unsupported(`IP address type '${addresses}' is`);
  if (input.CustomerOwnedIpv4Pool) throw unsupported("Customer-owned address pools are");
  if (input.IpamPools) throw unsupported("IPAM pools are");
  if (input.EnablePrefixForIpv6SourceNat) throw unsupported("Prefixes for IPv6 source NAT are");
}

const sameItems = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((each) => other.includes(each));

export const loadBalancerHandlers: ElbHandlers = {
  /** The same call again gives the load balancer that there is. */
  async CreateLoadBalancer(input, ctx) {
    const name = input.Name ?? "";
    checkName(name, "Load balancer");
    requireApplication(input);
    const scheme = input.Scheme ?? "internet-facing";
    const tags = withTags({}, input.Tags);
    const net = await network(ctx);
    const { vpcId, subnets } = await chooseSubnets(net, subnetIds(input), scheme === "internet-facing");
    const groups = await chooseGroups(net, input.SecurityGroups, vpcId);
    const existing = (await ctx.state.get<LoadBalancer>(types.loadBalancer, name))?.value;
    if (existing) {
      const same =
        existing.scheme === scheme &&
        sameItems(
          existing.subnets.map(({ id }) => id),
          subnets.map(({ id }) => id),
        ) &&
        sameItems(existing.groups, groups);
      if (!same) throw duplicateLoadBalancer(name);
      return { LoadBalancers: [await show(ctx, existing)] };
    }
    const most = quotas["application-load-balancers"];
    if ((await ctx.state.count(types.loadBalancer)) >= most) {
      throw tooMany("LoadBalancers", "The maximum number of load balancers has been reached");
    }
    const arn = newLoadBalancerArn(ctx, name);
    const created: LoadBalancer = {
      arn,
      name,
      scheme,
      vpcId,
      subnets,
      groups,
      dnsName: dnsNameOf(ctx, name, scheme),
      address: await claimAddress(ctx, arn),
      attributes: {},
      createdAt: ctx.now,
      state: "provisioning",
      tags,
    };
    ctx.state.put(types.loadBalancer, name, created);
    putFrontEnd(ctx, created, await trafficOf(net, groups));
    requestInterfaces(ctx, created);
    publishGroups(ctx, groups);
    return { LoadBalancers: [await show(ctx, created)] };
  },

  async DescribeLoadBalancers(input, ctx) {
    const { LoadBalancerArns: arns, Names: names } = input;
    if (arns?.length && names?.length) throw validation("Load balancer names and ARNs cannot be specified together");
    const everything = (await all<LoadBalancer>(ctx, types.loadBalancer)).toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
    const found = everything.filter(
      (each) => (!arns?.length || arns.includes(each.arn)) && (!names?.length || names.includes(each.name)),
    );
    const missing = arns?.find((arn) => !found.some((each) => each.arn === arn));
    if (missing !== undefined) {
      await requireLoadBalancer(ctx, missing);
    }
    if (names?.some((name) => !found.some((each) => each.name === name))) {
      throw noLoadBalancer();
    }
    const { items, NextMarker } = paged(found, input);
    return {
      LoadBalancers: await Promise.all(items.map((each) => show(ctx, each))),
      ...(NextMarker === undefined ? {} : { NextMarker }),
    };
  },

  /** Its listeners go with it; deleting what is not there succeeds. */
  async DeleteLoadBalancer(input, ctx) {
    const found = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "").catch((error: unknown) => {
      if ((error as { code?: unknown }).code === noLoadBalancer().code) return undefined;
      throw error;
    });
    if (!found) return {};
    if (attributeOf(loadBalancerAttributes, found.attributes, "deletion_protection.enabled") === "true") {
      throw notPermitted(`Load balancer '${found.arn}' cannot be deleted because deletion protection is enabled`);
    }
    for (const listener of await listenersOf(ctx, found.arn)) removeListener(ctx, listener);
    ctx.state.delete(types.loadBalancer, found.name);
    ctx.state.delete(edgeDocument.frontEnd, found.arn, { at: atEdge });
    ctx.state.delete(types.address, found.address, { at: installation });
    requestInterfaces(ctx, { ...found, subnets: [] });
    return {};
  },
};

export function zonesOf(loadBalancer: LoadBalancer) {
  return loadBalancer.subnets.map(({ id, zone }) => ({ ZoneName: zone, SubnetId: id, LoadBalancerAddresses: [] }));
}

async function show(ctx: CallContext, each: LoadBalancer) {
  const zone = hostedZones[ctx.region];
  return {
    LoadBalancerArn: each.arn,
    LoadBalancerName: each.name,
    DNSName: each.dnsName,
    ...(zone === undefined ? {} : { CanonicalHostedZoneId: zone }),
    CreatedTime: new Date(each.createdAt),
    Scheme: each.scheme,
    VpcId: each.vpcId,
    State: await stateOf(ctx, each),
    Type: "application" as const,
    AvailabilityZones: zonesOf(each),
    SecurityGroups: each.groups,
    IpAddressType: "ipv4" as const,
  };
}

/** A listener that the edge cannot serve, because its port is taken for instance, impairs the load balancer. */
async function stateOf(ctx: CallContext, { arn, state, reason }: LoadBalancer) {
  const why = reason === undefined ? {} : { Reason: reason };
  if (state !== "active") return { Code: state, ...why };
  const listeners = (await listenersOf(ctx, arn)).map((each) => each.arn);
  const statuses = await ctx.state.getMany<StatusDocument>(edgeDocument.status, listeners, atEdge);
  const bad = statuses.find((status) => status !== undefined && status.value.state !== "active")?.value;
  if (!bad) return { Code: state };
  return { Code: "active_impaired" as const, ...(bad.reason === undefined ? {} : { Reason: bad.reason }) };
}
