/** VPCs and their attributes. Source: EC2 API Reference; Amazon VPC User Guide, "VPC CIDR blocks". */
import type { CallContext } from "#gateway/context.ts";
import { cidrText, contains, overlaps, parseCidr, type Cidr } from "../cidr.ts";
import { companions, defaultNetwork, defaultSubnet } from "../defaults.ts";
import {
  dependency,
  failure,
  invalidCombination,
  missing,
  operationNotPermitted,
  unsupported,
  valueFor,
} from "../errors.ts";
import { kinds } from "../kinds.ts";
import { lookup } from "../lookup.ts";
import { all, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { CidrAssociation, Subnet, Vpc } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";
import { zonesOf } from "../zones.ts";
import { putNetwork, showSubnet } from "./subnets.ts";

/** Source: Amazon VPC User Guide, "Amazon VPC quotas". */
const mostVpcs = 5;
const mostCidrs = 5;

/** A whole block of a VPC: /16 to /28. @throws InvalidParameterValue, InvalidVpc.Range */
function vpcBlock(text: string | undefined): Cidr {
  if (text === undefined) throw missing("cidrBlock");
  const block = parseCidr(text);
  if (block?.family !== 4) throw valueFor(text, "cidrBlock", "This is not a valid CIDR block.");
  if (block.prefix < 16 || block.prefix > 28) throw failure("InvalidVpc.Range", `The CIDR '${text}' is invalid.`);
  return block;
}

export function showVpc(ctx: CallContext, vpc: Vpc) {
  return {
    VpcId: vpc.id,
    OwnerId: ctx.account,
    State: "available" as const,
    CidrBlock: vpc.cidrs[0]!.cidr,
    CidrBlockAssociationSet: vpc.cidrs.map(showAssociation),
    Ipv6CidrBlockAssociationSet: [],
    // No set of DHCP options is associated: AWS's word for that.
    DhcpOptionsId: "default",
    InstanceTenancy: "default" as const,
    IsDefault: vpc.isDefault,
    Tags: shownTags(vpc.tags),
  };
}

function showAssociation({ id, cidr }: CidrAssociation) {
  return { AssociationId: id, CidrBlock: cidr, CidrBlockState: { State: "associated" as const } };
}

export const vpcHandlers: Ec2Handlers = {
  async CreateVpc(input, ctx) {
    if (input.AmazonProvidedIpv6CidrBlock || input.Ipv6CidrBlock || input.Ipv6Pool) throw unsupported("IPv6 in a VPC");
    if (input.Ipv4IpamPoolId || input.Ipv6IpamPoolId) throw unsupported("IPAM");
    if ((input.InstanceTenancy ?? "default") !== "default") throw unsupported("Dedicated tenancy");
    const block = vpcBlock(input.CidrBlock);
    const tags = tagsOf(input.TagSpecifications, "vpc");
    if ((await all(ctx, "vpc")).length >= mostVpcs) {
      throw failure("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
    }
    const id = (prefix: string) => newId(ctx, prefix);
    const vpc: Vpc = {
      id: id("vpc-"),
      cidrs: [{ id: id("vpc-cidr-assoc-"), cidr: cidrText(block) }],
      isDefault: false,
      dnsSupport: true,
      dnsHostnames: false,
      createdAt: ctx.now,
      tags,
    };
    const { routeTable, securityGroup, networkAcl } = companions(vpc, ctx.account, id);
    putNetwork(ctx, {
      vpc: [vpc],
      subnet: [],
      internetGateway: [],
      routeTable: [routeTable],
      securityGroup: [securityGroup],
      networkAcl: [networkAcl],
    });
    return { Vpc: { ...showVpc(ctx, vpc), State: "pending" } };
  },

  async CreateDefaultVpc(_input, ctx) {
    if ((await all(ctx, "vpc")).some(({ isDefault }) => isDefault)) {
      throw failure("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.");
    }
    const network = defaultNetwork(ctx, (prefix) => newId(ctx, prefix));
    putNetwork(ctx, network);
    return { Vpc: showVpc(ctx, network.vpc[0]!) };
  },

  async CreateDefaultSubnet(input, ctx) {
    const zones = zonesOf(ctx.region);
    const given = input.AvailabilityZone ?? input.AvailabilityZoneId;
    if (given === undefined) throw missing("AvailabilityZone");
    const index = zones.findIndex(({ name, id }) => name === given || id === given);
    const zone = zones[index];
    if (!zone) throw valueFor(given, "availabilityZone", "It is not a valid Availability Zone.");
    const vpc = (await all(ctx, "vpc")).find(({ isDefault }) => isDefault);
    if (!vpc) {
      throw failure("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.");
    }
    const subnets = (await all(ctx, "subnet")).filter(({ vpcId }) => vpcId === vpc.id);
    const existing = subnets.find(({ isDefault, zone: name }) => isDefault && name === zone.name);
    if (existing) {
      throw failure(
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
        `'${existing.id}' is already the default subnet in ${zone.name}.`,
      );
    }
    const subnet = defaultSubnet(vpc, zone, index, (prefix) => newId(ctx, prefix));
    requireFree(subnet.cidr, subnets);
    save(ctx, "subnet", subnet);
    await hold(ctx, "vpc", vpc.id);
    return { Subnet: await showSubnet(ctx, subnet, []) };
  },

  async DescribeVpcs(input, ctx) {
    const { items, NextToken } = await lookup(
      ctx,
      "vpc",
      input.VpcIds,
      input,
      {
        "vpc-id": ({ id }) => id,
        "owner-id": () => ctx.account,
        cidr: ({ cidrs }) => cidrs[0]!.cidr,
        "cidr-block": ({ cidrs }) => cidrs[0]!.cidr,
        "cidr-block-association.cidr-block": ({ cidrs }) => cidrs.map(({ cidr }) => cidr),
        "cidr-block-association.association-id": ({ cidrs }) => cidrs.map(({ id }) => id),
        "cidr-block-association.state": () => "associated",
        "dhcp-options-id": () => "default",
        isDefault: ({ isDefault }) => isDefault,
        "is-default": ({ isDefault }) => isDefault,
        state: () => "available",
        "ipv6-cidr-block-association.association-id": () => [],
        "ipv6-cidr-block-association.ipv6-cidr-block": () => [],
        "ipv6-cidr-block-association.state": () => [],
      },
      { least: 5, most: 1000, idsName: "vpcIds" },
    );
    return { Vpcs: items.map((vpc) => showVpc(ctx, vpc)), ...(NextToken === undefined ? {} : { NextToken }) };
  },

  async DescribeVpcAttribute(input, ctx) {
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const named = { VpcId: vpc.id };
    switch (input.Attribute) {
      case "enableDnsSupport":
        return { ...named, EnableDnsSupport: { Value: vpc.dnsSupport } };
      case "enableDnsHostnames":
        return { ...named, EnableDnsHostnames: { Value: vpc.dnsHostnames } };
      case "enableNetworkAddressUsageMetrics":
        return { ...named, EnableNetworkAddressUsageMetrics: { Value: false } };
      default:
        throw valueFor(input.Attribute, "attribute", "Unknown attribute.");
    }
  },

  /** One attribute a call. Host names in a VPC need its resolver. */
  async ModifyVpcAttribute(input, ctx) {
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const {
      EnableDnsSupport: support,
      EnableDnsHostnames: hostnames,
      EnableNetworkAddressUsageMetrics: metrics,
    } = input;
    const given = [support, hostnames, metrics].filter((each) => each !== undefined);
    if (given.length === 0) throw missing("attribute");
    if (given.length > 1) throw invalidCombination("Fields for multiple attribute types specified");
    if (metrics?.Value) throw unsupported("Network Address Usage metrics");
    const changed = {
      ...vpc,
      dnsSupport: support?.Value ?? vpc.dnsSupport,
      dnsHostnames: hostnames?.Value ?? vpc.dnsHostnames,
    };
    if (changed.dnsHostnames && !changed.dnsSupport && hostnames) {
      throw failure("InvalidParameterCombination", "DNS hostnames cannot be enabled unless DNS support is enabled.");
    }
    save(ctx, "vpc", changed);
    return {};
  },

  async AssociateVpcCidrBlock(input, ctx) {
    if (input.AmazonProvidedIpv6CidrBlock || input.Ipv6CidrBlock) throw unsupported("IPv6 in a VPC");
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const block = vpcBlock(input.CidrBlock);
    if (vpc.cidrs.some(({ cidr }) => overlaps(parseCidr(cidr)!, block))) {
      throw failure(
        "InvalidVpc.Range",
        `The CIDR '${cidrText(block)}' overlaps with an existing CIDR block of the VPC.`,
      );
    }
    if (vpc.cidrs.length >= mostCidrs) {
      throw failure(
        "CidrLimitExceeded",
        `This network '${vpc.id}' has met its maximum number of allowed CIDRs: ${mostCidrs}`,
      );
    }
    const association = { id: newId(ctx, "vpc-cidr-assoc-"), cidr: cidrText(block) };
    save(ctx, "vpc", { ...vpc, cidrs: [...vpc.cidrs, association] });
    return {
      VpcId: vpc.id,
      CidrBlockAssociation: { ...showAssociation(association), CidrBlockState: { State: "associating" } },
    };
  },

  async DisassociateVpcCidrBlock(input, ctx) {
    const id = input.AssociationId ?? "";
    const vpc = (await all(ctx, "vpc")).find(({ cidrs }) => cidrs.some((each) => each.id === id));
    const association = vpc?.cidrs.find((each) => each.id === id);
    if (!vpc || !association) {
      throw failure(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        `The vpc CIDR block association ID '${id}' does not exist`,
      );
    }
    if (vpc.cidrs[0]!.id === id) {
      throw operationNotPermitted(
        `The vpc CIDR block with association ID ${id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC`,
      );
    }
    const block = parseCidr(association.cidr)!;
    const inside = (await all(ctx, "subnet")).some(
      ({ vpcId, cidr }) => vpcId === vpc.id && contains(block, parseCidr(cidr)!),
    );
    if (inside)
      throw dependency(`The vpc CIDR block with association ID '${id}' has dependencies and cannot be disassociated.`);
    await need(ctx, "vpc", vpc.id);
    save(ctx, "vpc", { ...vpc, cidrs: vpc.cidrs.filter((each) => each.id !== id) });
    return {
      VpcId: vpc.id,
      CidrBlockAssociation: { ...showAssociation(association), CidrBlockState: { State: "disassociating" } },
    };
  },

  /** Its main route table, network ACL and default security group go with it; anything else is in the way. */
  async DeleteVpc(input, ctx) {
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const inVpc = <T extends { vpcId?: string }>(items: readonly T[]) => items.filter(({ vpcId }) => vpcId === vpc.id);
    const groups = inVpc(await all(ctx, "securityGroup"));
    const tables = inVpc(await all(ctx, "routeTable"));
    const blocked =
      inVpc(await all(ctx, "subnet")).length > 0 ||
      inVpc(await all(ctx, "internetGateway")).length > 0 ||
      inVpc(await all(ctx, "networkInterface")).length > 0 ||
      groups.some(({ name }) => name !== "default") ||
      tables.some(({ associations }) => !associations.some(({ main }) => main));
    if (blocked) throw dependency(`The ${kinds.vpc.label} '${vpc.id}' has dependencies and cannot be deleted.`);
    for (const { id } of groups) remove(ctx, "securityGroup", id);
    for (const { id } of tables) remove(ctx, "routeTable", id);
    for (const { id } of inVpc(await all(ctx, "networkAcl"))) remove(ctx, "networkAcl", id);
    remove(ctx, "vpc", vpc.id);
    return {};
  },
};

/** @throws InvalidSubnet.Conflict */
export function requireFree(cidr: string, subnets: readonly Subnet[]): void {
  const block = parseCidr(cidr)!;
  if (subnets.some((each) => overlaps(parseCidr(each.cidr)!, block))) {
    throw failure("InvalidSubnet.Conflict", `The CIDR '${cidr}' conflicts with another subnet`);
  }
}
