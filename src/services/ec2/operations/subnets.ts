/** Subnets. Source: EC2 API Reference; Amazon VPC User Guide, "Subnet CIDR blocks" (/16 to /28, five addresses are reserved). */
import type { CallContext } from "#gateway/context.ts";
import { addressText, addressValue, cidrText, contains, overlaps, parseCidr, size } from "../cidr.ts";
import type { Network } from "../defaults.ts";
import { dependency, failure, invalidCombination, invalidValue, missing, unsupported, valueFor } from "../errors.ts";
import { kinds } from "../kinds.ts";
import { lookup } from "../lookup.ts";
import { all, arnOf, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { NetworkInterface, ResourceType, Subnet, Vpc } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";
import { zonesOf, type Zone } from "../zones.ts";

/** Source: Amazon VPC User Guide, "Amazon VPC quotas". */
const mostSubnets = 200;
/** The first four and the last. */
const reserved = 5;
const reservedFirst = 4n;

export function putNetwork(ctx: CallContext, network: Network): void {
  for (const [type, documents] of Object.entries(network) as [ResourceType, { id: string }[]][]) {
    for (const document of documents) save(ctx, type, document as never);
  }
}

export async function showSubnet(ctx: CallContext, subnet: Subnet, interfaces: readonly NetworkInterface[]) {
  const used = interfaces.filter(({ subnetId }) => subnetId === subnet.id).length;
  return {
    SubnetId: subnet.id,
    SubnetArn: arnOf(ctx, "subnet", subnet.id),
    VpcId: subnet.vpcId,
    OwnerId: ctx.account,
    State: "available" as const,
    CidrBlock: subnet.cidr,
    AvailabilityZone: subnet.zone,
    AvailabilityZoneId: subnet.zoneId,
    AvailableIpAddressCount: Number(size(parseCidr(subnet.cidr)!)) - reserved - used,
    DefaultForAz: subnet.isDefault,
    MapPublicIpOnLaunch: subnet.mapPublicIp,
    AssignIpv6AddressOnCreation: false,
    MapCustomerOwnedIpOnLaunch: false,
    EnableDns64: false,
    Ipv6Native: false,
    Ipv6CidrBlockAssociationSet: [],
    PrivateDnsNameOptionsOnLaunch: {
      HostnameType: "ip-name" as const,
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    Tags: shownTags(subnet.tags),
  };
}

/** The lowest address of the subnet that nothing has, or the one that was asked for. @throws InvalidParameterValue, … */
export function freeAddress(subnet: Subnet, interfaces: readonly NetworkInterface[], wanted?: string): string {
  const block = parseCidr(subnet.cidr)!;
  const taken = new Set(interfaces.filter(({ subnetId }) => subnetId === subnet.id).map(({ ip }) => ip));
  const last = block.first + size(block) - 2n;
  if (wanted !== undefined) {
    const address = addressValue(wanted);
    if (address?.family !== 4) throw valueFor(wanted, "address", "Invalid IPv4 address.");
    if (address.value < block.first + reservedFirst || address.value > last) {
      throw invalidValue("Address does not fall within the subnet's address range");
    }
    if (taken.has(wanted)) throw failure("InvalidIPAddress.InUse", `The specified address is already in use.`);
    return wanted;
  }
  for (let value = block.first + reservedFirst; value <= last; value++) {
    const text = addressText(4, value);
    if (!taken.has(text)) return text;
  }
  throw failure(
    "InsufficientFreeAddressesInSubnet",
    `The specified subnet does not have enough free addresses to satisfy the request.`,
  );
}

function requireBlock(text: string | undefined, vpc: Vpc): string {
  if (text === undefined) throw missing("CidrBlock");
  const block = parseCidr(text);
  if (block?.family !== 4) throw valueFor(text, "cidrBlock", "This is not a valid CIDR block.");
  const inVpc = vpc.cidrs.some(({ cidr }) => contains(parseCidr(cidr)!, block));
  if (block.prefix > 28 || block.prefix < 16 || !inVpc) {
    throw failure("InvalidSubnet.Range", `The CIDR '${text}' is invalid.`);
  }
  return cidrText(block);
}

function zoneOf(ctx: CallContext, name: string | undefined, id: string | undefined, subnets: number): Zone {
  if (name !== undefined && id !== undefined) {
    throw invalidCombination("You may specify only one of 'AvailabilityZone' or 'AvailabilityZoneId'");
  }
  const zones = zonesOf(ctx.region);
  const given = name ?? id;
  // "AWS selects one for you": the next one each time.
  if (given === undefined) return zones[subnets % zones.length]!;
  const zone = zones.find((each) => each.name === given || each.id === given);
  if (zone) return zone;
  const valid = zones.map((each) => each.name).join(", ");
  throw valueFor(
    given,
    name === undefined ? "availabilityZoneId" : "availabilityZone",
    `Subnets can currently only be created in the following availability zones: ${valid}.`,
  );
}

export const subnetHandlers: Ec2Handlers = {
  async CreateSubnet(input, ctx) {
    if (input.Ipv6CidrBlock || input.Ipv6Native) throw unsupported("IPv6 in a subnet");
    if (input.OutpostArn) throw unsupported("An Outpost");
    if (input.Ipv4IpamPoolId || input.Ipv6IpamPoolId) throw unsupported("IPAM");
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const cidr = requireBlock(input.CidrBlock, vpc);
    const tags = tagsOf(input.TagSpecifications, "subnet");
    const siblings = (await all(ctx, "subnet")).filter(({ vpcId }) => vpcId === vpc.id);
    const zone = zoneOf(ctx, input.AvailabilityZone, input.AvailabilityZoneId, siblings.length);
    if (siblings.some((each) => overlaps(parseCidr(each.cidr)!, parseCidr(cidr)!))) {
      throw failure("InvalidSubnet.Conflict", `The CIDR '${cidr}' conflicts with another subnet`);
    }
    if (siblings.length >= mostSubnets) {
      throw failure("SubnetLimitExceeded", "The maximum number of subnets has been reached.");
    }
    const subnet: Subnet = {
      id: newId(ctx, "subnet-"),
      vpcId: vpc.id,
      cidr,
      zone: zone.name,
      zoneId: zone.id,
      isDefault: false,
      mapPublicIp: false,
      aclAssociationId: newId(ctx, "aclassoc-"),
      tags,
    };
    save(ctx, "subnet", subnet);
    // Two subnets that overlap, made at once, meet here; so does a deletion of the VPC.
    await hold(ctx, "vpc", vpc.id);
    return { Subnet: await showSubnet(ctx, subnet, []) };
  },

  async DescribeSubnets(input, ctx) {
    const interfaces = await all(ctx, "networkInterface");
    const { items, NextToken } = await lookup(
      ctx,
      "subnet",
      input.SubnetIds,
      input,
      {
        "subnet-id": ({ id }) => id,
        "subnet-arn": ({ id }) => arnOf(ctx, "subnet", id),
        "vpc-id": ({ vpcId }) => vpcId,
        "owner-id": () => ctx.account,
        state: () => "available",
        cidr: ({ cidr }) => cidr,
        cidrBlock: ({ cidr }) => cidr,
        "cidr-block": ({ cidr }) => cidr,
        availabilityZone: ({ zone }) => zone,
        "availability-zone": ({ zone }) => zone,
        availabilityZoneId: ({ zoneId }) => zoneId,
        "availability-zone-id": ({ zoneId }) => zoneId,
        defaultForAz: ({ isDefault }) => isDefault,
        "default-for-az": ({ isDefault }) => isDefault,
        "map-public-ip-on-launch": ({ mapPublicIp }) => mapPublicIp,
        "available-ip-address-count": ({ id, cidr }) =>
          String(
            Number(size(parseCidr(cidr)!)) - reserved - interfaces.filter(({ subnetId }) => subnetId === id).length,
          ),
        "ipv6-native": () => false,
        "outpost-arn": () => [],
        "ipv6-cidr-block-association.ipv6-cidr-block": () => [],
        "ipv6-cidr-block-association.association-id": () => [],
        "ipv6-cidr-block-association.state": () => [],
      },
      { least: 5, most: 1000, idsName: "subnetIds" },
    );
    return {
      Subnets: await Promise.all(items.map((subnet) => showSubnet(ctx, subnet, interfaces))),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  /** Only what a subnet of IPv4 alone can be; whether instances get a public address is asked when one is started. */
  async ModifySubnetAttribute(input, ctx) {
    const subnet = await need(ctx, "subnet", input.SubnetId ?? "");
    const { SubnetId: _, MapPublicIpOnLaunch: map, ...others } = input;
    const other = Object.entries(others).find(([, value]) => value !== undefined);
    if (map !== undefined && other) throw invalidCombination("Fields for multiple attribute types specified");
    if (other) {
      const [name, value] = other;
      // Switching off what is off is no change.
      if ((value as { Value?: boolean }).Value === false) return {};
      throw unsupported(`The subnet attribute ${name}`);
    }
    if (map === undefined) throw missing("attribute");
    save(ctx, "subnet", { ...subnet, mapPublicIp: map.Value ?? false });
    return {};
  },

  async DeleteSubnet(input, ctx) {
    const subnet = await need(ctx, "subnet", input.SubnetId ?? "");
    const used = (await all(ctx, "networkInterface")).some(({ subnetId }) => subnetId === subnet.id);
    if (used) throw dependency(`The ${kinds.subnet.label} '${subnet.id}' has dependencies and cannot be deleted.`);
    for (const table of await all(ctx, "routeTable")) {
      if (!table.associations.some(({ subnetId }) => subnetId === subnet.id)) continue;
      const current = await need(ctx, "routeTable", table.id);
      save(ctx, "routeTable", {
        ...current,
        associations: current.associations.filter(({ subnetId }) => subnetId !== subnet.id),
      });
    }
    remove(ctx, "subnet", subnet.id);
    await hold(ctx, "vpc", subnet.vpcId);
    return {};
  },
};
