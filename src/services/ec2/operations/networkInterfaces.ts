/**
 * Network interfaces of load balancers and of CloudHSM's modules. Elastic Load Balancing makes, changes and deletes them
 * through its service-linked role, CloudHSM in its caller's name; nobody else can, because nothing else here is connected by one.
 * Source: EC2 API Reference; EC2 User Guide, "Requester-managed network interfaces".
 */
import type { CallContext } from "#gateway/context.ts";
import { failure, invalidValue, operationNotPermitted, unsupported } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { groupsNaming, publishGroups } from "../published.ts";
import { all, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { NetworkInterface, SecurityGroup, Vpc } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";
import { freeAddress } from "./subnets.ts";

const cloudHsm = "cloudhsm.amazonaws.com";
const linkedRole = "/aws-service-role/elasticloadbalancing.amazonaws.com/";

/** Which service the caller is or acts for; only it changes and deletes what it has made. */
interface Requester {
  id: string;
  instanceOwner: string;
  /** Elastic Load Balancing acts by its service-linked role, CloudHSM in the name of whoever called it. */
  is(ctx: CallContext): boolean;
}

const requesters: readonly Requester[] = [
  { id: "amazon-elb", instanceOwner: "amazon-elb", is: isLoadBalancing },
  {
    id: "amazon-cloudhsm",
    instanceOwner: "amazon-aws",
    is: ({ request }) => request.calledVia.at(-1) === cloudHsm,
  },
];

function isLoadBalancing(ctx: CallContext): boolean {
  const { principal } = ctx;
  return principal.kind === "role" && principal.roleArn.includes(linkedRole);
}

/**
 * The host name of an address in a VPC; where its attributes do not give host names, none.
 * Source: Amazon VPC User Guide, "DNS attributes for your VPC" (`ip-private-ipv4-address.ec2.internal` in us-east-1,
 * `ip-private-ipv4-address.region.compute.internal` elsewhere).
 */
function privateName(region: string, ip: string, vpc: Vpc | undefined): { PrivateDnsName?: string } {
  if (!vpc?.dnsHostnames || !vpc.dnsSupport) return {};
  const domain = region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
  return { PrivateDnsName: `ip-${ip.replaceAll(".", "-")}.${domain}` };
}

const instanceOwnerOf = ({ requesterId }: NetworkInterface): string =>
  requesters.find(({ id }) => id === requesterId)?.instanceOwner ?? requesterId;

const isItsRequester = (ctx: CallContext, { requesterId }: NetworkInterface): boolean =>
  requesters.some((each) => each.id === requesterId && each.is(ctx));

interface Neighbours {
  groups: readonly SecurityGroup[];
  vpcs: readonly Vpc[];
}

const neighbours = async (ctx: CallContext): Promise<Neighbours> => ({
  groups: await all(ctx, "securityGroup"),
  vpcs: await all(ctx, "vpc"),
});

const nameOf = ({ region }: CallContext, { ip, vpcId }: NetworkInterface, { vpcs }: Neighbours) =>
  privateName(
    region,
    ip,
    vpcs.find(({ id }) => id === vpcId),
  );

function show(ctx: CallContext, each: NetworkInterface, around: Neighbours) {
  const { groups } = around;
  const dnsName = nameOf(ctx, each, around);
  const name = (id: string) => groups.find((group) => group.id === id)?.name ?? "";
  return {
    NetworkInterfaceId: each.id,
    SubnetId: each.subnetId,
    VpcId: each.vpcId,
    AvailabilityZone: each.zone,
    Description: each.description,
    OwnerId: ctx.account,
    RequesterId: each.requesterId,
    RequesterManaged: true,
    Status: "in-use" as const,
    MacAddress: each.mac,
    PrivateIpAddress: each.ip,
    ...dnsName,
    PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: each.ip, ...dnsName }],
    Ipv6Addresses: [],
    SourceDestCheck: true,
    InterfaceType: "interface" as const,
    Groups: each.groups.map((GroupId) => ({ GroupId, GroupName: name(GroupId) })),
    Attachment: {
      AttachmentId: each.id.replace("eni-", "ela-attach-"),
      InstanceOwnerId: instanceOwnerOf(each),
      DeviceIndex: 1,
      Status: "attached" as const,
      DeleteOnTermination: false,
    },
    TagSet: shownTags(each.tags),
  };
}

/** Groups of one VPC. @throws InvalidGroup.NotFound, InvalidParameterValue */
async function requireGroups(ctx: CallContext, ids: readonly string[], vpcId: string): Promise<void> {
  for (const id of ids) {
    const group = await need(ctx, "securityGroup", id);
    if (group.vpcId !== vpcId) {
      throw failure("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.");
    }
    await hold(ctx, "securityGroup", id);
  }
}

/** Whoever has left or joined one of the groups changes what the rules about these groups let through. */
async function publishMembers(ctx: CallContext, groups: readonly string[]): Promise<void> {
  publishGroups(ctx, await groupsNaming(ctx, "group", groups));
}

const notServed = () => unsupported("A network interface that nothing is attached to");

export const networkInterfaceHandlers: Ec2Handlers = {
  async CreateNetworkInterface(input, ctx) {
    const requester = requesters.find((each) => each.is(ctx));
    if (!requester) throw notServed();
    const subnet = await need(ctx, "subnet", input.SubnetId ?? "");
    const tags = tagsOf(input.TagSpecifications, "network-interface");
    const groups = [...new Set(input.Groups ?? [])];
    await requireGroups(ctx, groups, subnet.vpcId);
    const mac = [...ctx.random.bytes(5)].map((byte) => byte.toString(16).padStart(2, "0"));
    const created: NetworkInterface = {
      id: newId(ctx, "eni-"),
      subnetId: subnet.id,
      vpcId: subnet.vpcId,
      zone: subnet.zone,
      ip: freeAddress(subnet, await all(ctx, "networkInterface"), input.PrivateIpAddress),
      // Locally administered, as EC2's are.
      mac: ["02", ...mac].join(":"),
      description: input.Description ?? "",
      groups,
      requesterId: requester.id,
      createdAt: ctx.now,
      tags,
    };
    save(ctx, "networkInterface", created);
    // Two interfaces made at once do not get the same address; the subnet stays while they are there.
    await hold(ctx, "subnet", subnet.id);
    await publishMembers(ctx, groups);
    return { NetworkInterface: show(ctx, created, await neighbours(ctx)) };
  },

  async DescribeNetworkInterfaces(input, ctx) {
    const around = await neighbours(ctx);
    const { groups } = around;
    const { items, NextToken } = await lookup(
      ctx,
      "networkInterface",
      input.NetworkInterfaceIds,
      input,
      {
        "network-interface-id": ({ id }) => id,
        "subnet-id": ({ subnetId }) => subnetId,
        "vpc-id": ({ vpcId }) => vpcId,
        "availability-zone": ({ zone }) => zone,
        description: ({ description }) => description,
        "group-id": (each) => each.groups,
        "group-name": (each) => groups.filter(({ id }) => each.groups.includes(id)).map(({ name }) => name),
        "private-dns-name": (each) => nameOf(ctx, each, around).PrivateDnsName ?? [],
        "private-ip-address": ({ ip }) => ip,
        "addresses.private-ip-address": ({ ip }) => ip,
        "mac-address": ({ mac }) => mac,
        "owner-id": () => ctx.account,
        "requester-id": ({ requesterId }) => requesterId,
        "requester-managed": () => true,
        "interface-type": () => "interface",
        status: () => "in-use",
        "attachment.status": () => "attached",
        "attachment.instance-owner-id": instanceOwnerOf,
        "attachment.instance-id": () => [],
        "association.public-ip": () => [],
        "association.allocation-id": () => [],
      },
      { least: 5, most: 1000, idsName: "networkInterfaceIds" },
    );
    return {
      NetworkInterfaces: items.map((each) => show(ctx, each, around)),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  /** The groups of an interface are those of its load balancer. */
  async ModifyNetworkInterfaceAttribute(input, ctx) {
    const before = await need(ctx, "networkInterface", input.NetworkInterfaceId ?? "");
    if (!isItsRequester(ctx, before)) {
      throw operationNotPermitted(
        `You do not have permission to modify network interface ${before.id}: it is managed by ${before.requesterId}.`,
      );
    }
    if (!input.Groups?.length) throw invalidValue("At least one security group must be specified.");
    const groups = [...new Set(input.Groups)];
    await requireGroups(ctx, groups, before.vpcId);
    save(ctx, "networkInterface", { ...before, groups });
    await publishMembers(ctx, [...before.groups, ...groups]);
    return {};
  },

  async DeleteNetworkInterface(input, ctx) {
    const each = await need(ctx, "networkInterface", input.NetworkInterfaceId ?? "");
    if (!isItsRequester(ctx, each)) {
      throw failure("InvalidParameterValue", `Network interface '${each.id}' is currently in use.`);
    }
    remove(ctx, "networkInterface", each.id);
    await publishMembers(ctx, each.groups);
    return {};
  },
};
