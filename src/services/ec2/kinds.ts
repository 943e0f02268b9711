/**
 * The kinds of resources, one row each. Sources: EC2 API Reference, "Error codes for the Amazon EC2 API" and
 * "Resource IDs" (a prefix and 17, formerly 8, hexadecimal digits); Service Authorization Reference (ARNs).
 */
import type { ResourceType } from "./state.ts";

export interface Kind {
  /** With the dash. */
  prefix: string;
  /** In ARNs, and as type of a tagged resource. */
  name: string;
  notFound: readonly [code: string, text: (id: string) => string];
  malformed: readonly [code: string, text: (id: string) => string];
  /** "… has dependencies and cannot be deleted." */
  label: string;
}

const expecting = (prefix: string) => (id: string) => `Invalid id: "${id}" (expecting "${prefix}...")`;

export const kinds: Readonly<Record<ResourceType, Kind>> = {
  vpc: {
    prefix: "vpc-",
    name: "vpc",
    notFound: ["InvalidVpcID.NotFound", (id) => `The vpc ID '${id}' does not exist`],
    malformed: ["InvalidVpcId.Malformed", (id) => `The vpc ID ${id} is malformed`],
    label: "vpc",
  },
  subnet: {
    prefix: "subnet-",
    name: "subnet",
    notFound: ["InvalidSubnetID.NotFound", (id) => `The subnet ID '${id}' does not exist`],
    malformed: ["InvalidSubnetID.Malformed", expecting("subnet-")],
    label: "subnet",
  },
  securityGroup: {
    prefix: "sg-",
    name: "security-group",
    notFound: ["InvalidGroup.NotFound", (id) => `The security group '${id}' does not exist`],
    malformed: ["InvalidGroupId.Malformed", expecting("sg-")],
    label: "security group",
  },
  internetGateway: {
    prefix: "igw-",
    name: "internet-gateway",
    notFound: ["InvalidInternetGatewayID.NotFound", (id) => `The internetGateway ID '${id}' does not exist`],
    malformed: ["InvalidInternetGatewayId.Malformed", expecting("igw-")],
    label: "internetGateway",
  },
  routeTable: {
    prefix: "rtb-",
    name: "route-table",
    notFound: ["InvalidRouteTableID.NotFound", (id) => `The routeTable ID '${id}' does not exist`],
    malformed: ["InvalidRouteTableId.Malformed", expecting("rtb-")],
    label: "routeTable",
  },
  networkAcl: {
    prefix: "acl-",
    name: "network-acl",
    notFound: ["InvalidNetworkAclID.NotFound", (id) => `The networkAcl ID '${id}' does not exist`],
    malformed: ["InvalidNetworkAclId.Malformed", expecting("acl-")],
    label: "networkAcl",
  },
  prefixList: {
    prefix: "pl-",
    name: "prefix-list",
    notFound: ["InvalidPrefixListID.NotFound", (id) => `The prefix list ID '${id}' does not exist`],
    malformed: ["InvalidPrefixListId.Malformed", expecting("pl-")],
    label: "prefix list",
  },
  networkInterface: {
    prefix: "eni-",
    name: "network-interface",
    notFound: ["InvalidNetworkInterfaceID.NotFound", (id) => `The networkInterface ID '${id}' does not exist`],
    malformed: ["InvalidNetworkInterfaceId.Malformed", expecting("eni-")],
    label: "networkInterface",
  },
  volume: {
    prefix: "vol-",
    name: "volume",
    notFound: ["InvalidVolume.NotFound", (id) => `The volume '${id}' does not exist.`],
    malformed: [
      "InvalidParameterValue",
      (id) => `Value (${id}) for parameter volumeId is invalid. Expected: 'vol-...'.`,
    ],
    label: "volume",
  },
  snapshot: {
    prefix: "snap-",
    name: "snapshot",
    notFound: ["InvalidSnapshot.NotFound", (id) => `The snapshot '${id}' does not exist.`],
    malformed: ["InvalidSnapshotID.Malformed", expecting("snap-")],
    label: "snapshot",
  },
};

export const resourceTypes = Object.keys(kinds) as ResourceType[];

/** 17 digits, or the 8 of ids from before 2016. */
const digits = /^([0-9a-f]{8}|[0-9a-f]{17})$/;

export function isWellFormed(type: ResourceType, id: string): boolean {
  const { prefix } = kinds[type];
  return id.startsWith(prefix) && digits.test(id.slice(prefix.length));
}

/** Prefix of security group rules, which live inside their group. */
export const rulePrefix = "sgr-";

export function typeOfId(id: string): ResourceType | undefined {
  return resourceTypes.find((type) => isWellFormed(type, id));
}
