/**
 * What load balancing knows of the network: asked of EC2 through the service-linked role, as on AWS.
 * Source: Elastic Load Balancing User Guide, "Service-linked role"; texts quoted in kubernetes-sigs/aws-load-balancer-controller.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Clients } from "#gateway/clients.ts";
import type { CallContext } from "#gateway/context.ts";
import type { TrafficRule } from "../../edge/config.ts";
import { invalidConfiguration, invalidSecurityGroup, invalidSubnet, noSubnet, validation } from "./errors.ts";
import { servicePrincipal } from "./state.ts";

const sessionName = "ElasticLoadBalancing";
/** "ELB requires at least 8 free IP addresses in each subnet." */
const freeAddresses = 8;

type Ec2 = Clients["ec2"];
type IpPermission = NonNullable<
  NonNullable<Awaited<ReturnType<Ec2["DescribeSecurityGroups"]>>["SecurityGroups"]>[number]["IpPermissions"]
>[number];

export function linkedRole(partition: string, account: string): string {
  return `arn:${partition}:iam::${account}:role/aws-service-role/${servicePrincipal}/AWSServiceRoleForElasticLoadBalancing`;
}

/** Made when the account has its first load balancer, with the permission of whoever makes that. */
async function ensureLinkedRole(ctx: CallContext): Promise<string> {
  const arn = linkedRole(ctx.partition, ctx.account);
  if (await ctx.identity.role(arn)) return arn;
  await ctx.once("linked role", async () => {
    try {
      await ctx.aws.iam.CreateServiceLinkedRole({ AWSServiceName: servicePrincipal });
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof AwsError) || error.code !== "InvalidInput") throw error;
    }
  });
  return arn;
}

/** EC2 with the permissions of the service-linked role, and with those that the service has itself. */
export async function network(ctx: CallContext): Promise<Network> {
  const role = await ensureLinkedRole(ctx);
  const { ec2 } = await ctx.asRole(role, sessionName, servicePrincipal);
  return { ec2, prefixLists: ownNetwork(ctx) };
}

/** What the service may look at without the role: an account that has target groups alone has none. */
export function ownNetwork(ctx: CallContext): OwnNetwork {
  return ctx.asService(servicePrincipal, { sourceAccount: ctx.account }).ec2;
}

type OwnNetwork = Pick<Ec2, "DescribeVpcs" | "DescribeSubnets" | "GetManagedPrefixListEntries">;

export interface Network {
  ec2: Ec2;
  prefixLists: Pick<Ec2, "GetManagedPrefixListEntries">;
}

export interface ChosenSubnets {
  vpcId: string;
  subnets: { id: string; zone: string }[];
}

/** @throws SubnetNotFound, InvalidSubnet, InvalidConfigurationRequest, ValidationError */
export async function chooseSubnets(
  { ec2 }: Network,
  ids: readonly string[],
  facesInternet: boolean,
): Promise<ChosenSubnets> {
  if (new Set(ids).size < ids.length) throw invalidConfiguration("A subnet cannot be specified more than once");
  if (ids.length < 2) {
    throw validation("At least two subnets in two different Availability Zones must be specified");
  }
  let described;
  try {
    described = (await ec2.DescribeSubnets({ SubnetIds: [...ids] })).Subnets ?? [];
  } catch (error) {
    if (error instanceof AwsError && /^InvalidSubnetI[dD]\./.test(error.code)) {
      throw noSubnet(ids.find((id) => error.message.includes(id)) ?? ids[0]!);
    }
    throw error;
  }
  const vpcs = new Set(described.map(({ VpcId }) => VpcId));
  if (vpcs.size > 1) throw invalidConfiguration("All subnets must belong to the same VPC");
  const zones = new Set(described.map(({ AvailabilityZone }) => AvailabilityZone));
  if (zones.size < described.length) {
    throw invalidConfiguration("A load balancer cannot be attached to multiple subnets in the same Availability Zone");
  }
  const full = described.find(({ AvailableIpAddressCount = 0 }) => AvailableIpAddressCount < freeAddresses);
  if (full) {
    throw invalidSubnet(
      `Not enough IP space available in ${full.SubnetId}. ELB requires at least ${freeAddresses} free IP addresses in each subnet.`,
    );
  }
  const vpcId = [...vpcs][0]!;
  if (facesInternet) {
    const gateways = await ec2.DescribeInternetGateways({ Filters: [{ Name: "attachment.vpc-id", Values: [vpcId] }] });
    if (!gateways.InternetGateways?.length) throw invalidSubnet(`VPC ${vpcId} has no internet gateway`);
  }
  return {
    vpcId,
    subnets: ids.map((id) => ({ id, zone: described.find(({ SubnetId }) => SubnetId === id)!.AvailabilityZone! })),
  };
}

const mostGroups = 5;

/** Without groups, the default one of the VPC. @throws InvalidConfigurationRequest, InvalidSecurityGroup */
export async function chooseGroups(
  { ec2 }: Network,
  ids: readonly string[] | undefined,
  vpcId: string,
): Promise<string[]> {
  if (!ids?.length) {
    const filters = [
      { Name: "vpc-id", Values: [vpcId] },
      { Name: "group-name", Values: ["default"] },
    ];
    return ((await ec2.DescribeSecurityGroups({ Filters: filters })).SecurityGroups ?? []).map(
      ({ GroupId }) => GroupId!,
    );
  }
  const wanted = [...new Set(ids)];
  if (wanted.length > mostGroups)
    throw invalidConfiguration(`A load balancer can have at most ${mostGroups} security groups`);
  let groups;
  try {
    groups = (await ec2.DescribeSecurityGroups({ GroupIds: wanted })).SecurityGroups ?? [];
  } catch (error) {
    if (error instanceof AwsError && error.code.startsWith("InvalidGroup")) {
      throw invalidSecurityGroup("One or more security groups are invalid");
    }
    throw error;
  }
  if (groups.some(({ VpcId }) => VpcId !== vpcId)) {
    throw invalidConfiguration("One or more security groups are invalid");
  }
  return wanted;
}

/** What security groups let through over TCP, resolved to networks. */
export interface Traffic {
  ingress: readonly TrafficRule[];
  egress: readonly TrafficRule[];
}

export const noTraffic: Traffic = { ingress: [], egress: [] };

/** Of a group that is named, the addresses of its members; of a prefix list, its entries. */
export async function trafficOf(network: Network, groups: readonly string[]): Promise<Traffic> {
  if (groups.length === 0) return noTraffic;
  const described = (await network.ec2.DescribeSecurityGroups({ GroupIds: [...groups] })).SecurityGroups ?? [];
  return {
    ingress: await rulesOf(
      network,
      described.flatMap(({ IpPermissions = [] }) => IpPermissions),
    ),
    egress: await rulesOf(
      network,
      described.flatMap(({ IpPermissionsEgress = [] }) => IpPermissionsEgress),
    ),
  };
}

async function rulesOf({ ec2, prefixLists }: Network, permissions: readonly IpPermission[]): Promise<TrafficRule[]> {
  const rules: TrafficRule[] = [];
  for (const permission of permissions) {
    const { IpProtocol: protocol, FromPort = 0, ToPort = 65_535 } = permission;
    if (protocol !== "tcp" && protocol !== "-1") continue;
    const cidrs = [
      ...(permission.IpRanges ?? []).map(({ CidrIp }) => CidrIp!),
      ...(permission.Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6!),
      ...(await members(
        ec2,
        (permission.UserIdGroupPairs ?? []).map(({ GroupId }) => GroupId!),
      )),
    ];
    for (const { PrefixListId } of permission.PrefixListIds ?? []) {
      cidrs.push(...(await entries(prefixLists, PrefixListId!)));
    }
    if (cidrs.length === 0) continue;
    rules.push(
      protocol === "-1" ? { fromPort: 0, toPort: 65_535, cidrs } : { fromPort: FromPort, toPort: ToPort, cidrs },
    );
  }
  return rules;
}

async function members(ec2: Ec2, groups: string[]): Promise<string[]> {
  if (groups.length === 0) return [];
  const found = await ec2.DescribeNetworkInterfaces({ Filters: [{ Name: "group-id", Values: groups }] });
  return (found.NetworkInterfaces ?? []).map(({ PrivateIpAddress }) => `${PrivateIpAddress}/32`);
}

async function entries(prefixLists: Network["prefixLists"], id: string): Promise<string[]> {
  const found: string[] = [];
  let token: string | undefined;
  do {
    const page = await prefixLists.GetManagedPrefixListEntries({
      PrefixListId: id,
      MaxResults: 100,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    found.push(...(page.Entries ?? []).map(({ Cidr }) => Cidr!));
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}
