/**
 * The network that every account has in every Region: made when the Region is first used, with ids that follow from
 * account and Region. Source: Amazon VPC User Guide, "Default VPCs" (172.31.0.0/16, a /20 per Availability Zone, an
 * internet gateway, a main route table that leads to it, a default security group, a default network ACL).
 */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import { addressText, parseCidr, size } from "./cidr.ts";
import type {
  Documents,
  InternetGateway,
  NetworkAcl,
  ResourceType,
  RouteTable,
  Rule,
  SecurityGroup,
  Subnet,
  Vpc,
} from "./state.ts";
import { zonesOf, type Zone } from "./zones.ts";

export const defaultCidr = "172.31.0.0/16";
const subnetPrefix = 20;
export const anywhere = "0.0.0.0/0";

export interface Network {
  vpc: Vpc[];
  subnet: Subnet[];
  securityGroup: SecurityGroup[];
  internetGateway: InternetGateway[];
  routeTable: RouteTable[];
  networkAcl: NetworkAcl[];
}

/** Ids of one set of resources: random ones, or ones that follow from a name. */
export type NewId = (prefix: string, name: string) => string;

function derivedIds(account: string, region: string): NewId {
  return (prefix, name) => {
    const digest = createHash("sha256").update(`${account}/${region}/default/${name}`).digest("hex");
    return `${prefix}${digest.slice(0, 17)}`;
  };
}

/** What comes with every VPC: its main route table, its default security group and its network ACL. */
export function companions(vpc: Vpc, account: string, newId: NewId) {
  const groupId = newId("sg-", "group");
  const rule = (name: string, rest: Pick<Rule, "egress" | "peer">): Rule => ({
    id: newId("sgr-", name),
    protocol: "-1",
    tags: {},
    ...rest,
  });
  const routeTable: RouteTable = {
    id: newId("rtb-", "routes"),
    vpcId: vpc.id,
    associations: [{ id: newId("rtbassoc-", "main"), main: true }],
    routes: [],
    tags: {},
  };
  const securityGroup: SecurityGroup = {
    id: groupId,
    name: "default",
    description: "default VPC security group",
    vpcId: vpc.id,
    rules: [
      rule("in", { egress: false, peer: { kind: "group", id: groupId, account } }),
      rule("out", { egress: true, peer: { kind: "ipv4", cidr: anywhere } }),
    ],
    tags: {},
  };
  const networkAcl: NetworkAcl = { id: newId("acl-", "acl"), vpcId: vpc.id, tags: {} };
  return { routeTable, securityGroup, networkAcl };
}

export function defaultSubnet(vpc: Vpc, zone: Zone, index: number, newId: NewId): Subnet {
  const block = parseCidr(defaultCidr)!;
  const first = block.first + BigInt(index) * size({ ...block, prefix: subnetPrefix });
  return {
    id: newId("subnet-", `subnet/${zone.id}`),
    vpcId: vpc.id,
    cidr: `${addressText(4, first)}/${subnetPrefix}`,
    zone: zone.name,
    zoneId: zone.id,
    isDefault: true,
    mapPublicIp: true,
    aclAssociationId: newId("aclassoc-", `acl/${zone.id}`),
    tags: {},
  };
}

export function defaultNetwork(ctx: Pick<CallContext, "account" | "region" | "now">, newId: NewId): Network {
  const vpc: Vpc = {
    id: newId("vpc-", "vpc"),
    cidrs: [{ id: newId("vpc-cidr-assoc-", "cidr"), cidr: defaultCidr }],
    isDefault: true,
    dnsSupport: true,
    dnsHostnames: true,
    createdAt: ctx.now,
    tags: {},
  };
  const gateway: InternetGateway = { id: newId("igw-", "gateway"), vpcId: vpc.id, tags: {} };
  const { routeTable, securityGroup, networkAcl } = companions(vpc, ctx.account, newId);
  return {
    vpc: [vpc],
    subnet: zonesOf(ctx.region).map((zone, index) => defaultSubnet(vpc, zone, index, newId)),
    securityGroup: [securityGroup],
    internetGateway: [gateway],
    routeTable: [{ ...routeTable, routes: [{ destination: anywhere, gatewayId: gateway.id }] }],
    networkAcl: [networkAcl],
  };
}

const none: Network = {
  vpc: [],
  subnet: [],
  securityGroup: [],
  internetGateway: [],
  routeTable: [],
  networkAcl: [],
};

/** What this very call brings into being; lists do not show it yet. */
const made = new WeakMap<CallContext, Promise<Network>>();

/**
 * INVARIANT: every call that looks at the account's network asks here first. Two first calls at once make the same
 * documents; one of them loses, and runs again on what the other has made.
 */
export function ensureDefaults(ctx: CallContext): Promise<Network> {
  let network = made.get(ctx);
  if (!network) made.set(ctx, (network = ensure(ctx)));
  return network;
}

async function ensure(ctx: CallContext): Promise<Network> {
  if (await ctx.state.get("defaults", "network")) return none;
  const network = defaultNetwork(ctx, derivedIds(ctx.account, ctx.region));
  ctx.state.put("defaults", "network", { at: ctx.now });
  for (const [type, documents] of Object.entries(network) as [keyof Network, { id: string }[]][]) {
    for (const document of documents)
      ctx.state.put(type, document.id, document, { version: 0, ...indexesOf(type, document) });
  }
  return network;
}

/** Security groups are found by their rules. */
export function indexesOf(
  type: ResourceType,
  document: { id: string },
): { indexes?: Record<string, readonly string[]> } {
  if (type !== "securityGroup") return {};
  const { rules } = document as Documents["securityGroup"];
  return { indexes: { rule: rules.map(({ id }) => id) } };
}
