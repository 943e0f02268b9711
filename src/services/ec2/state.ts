/**
 * What EC2 keeps, by document type; everything lives in the account and Region of the resource, under its id.
 *
 * | type | what |
 * |---|---|
 * | vpc, subnet, internetGateway, routeTable, networkAcl, prefixList, networkInterface | the resource |
 * | volume, snapshot | the resource; the rest of what EBS keeps: `volumes/state.ts` |
 * | securityGroup | the group with its rules; index `rule` finds it by the id of one |
 * | defaults | `network`: the default VPC was made; it is not made again when it has been deleted |
 *
 * INVARIANT: whatever names another resource has looked at it in the same batch (`check` or a new version of it), and
 * whatever is deleted changes the resource that its dependents check: nothing can be left that names what is gone.
 */
import type { Snapshot, Volume } from "./volumes/state.ts";

export const serviceId = "ec2";

export interface Tagged {
  id: string;
  tags: Record<string, string>;
}

export interface CidrAssociation {
  id: string;
  cidr: string;
}

export interface Vpc extends Tagged {
  /** The first is the primary one. */
  cidrs: CidrAssociation[];
  isDefault: boolean;
  dnsSupport: boolean;
  dnsHostnames: boolean;
  createdAt: number;
}

export interface Subnet extends Tagged {
  vpcId: string;
  cidr: string;
  zone: string;
  zoneId: string;
  isDefault: boolean;
  mapPublicIp: boolean;
  /** Of its association with the network ACL. */
  aclAssociationId: string;
}

export type Peer =
  | { kind: "ipv4"; cidr: string }
  | { kind: "ipv6"; cidr: string }
  | { kind: "prefixList"; id: string }
  | { kind: "group"; id: string; account: string };

export interface Rule extends Tagged {
  egress: boolean;
  /** `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or a protocol number. */
  protocol: string;
  /** Ports; of ICMP, type and code. Absent: all. */
  from?: number;
  to?: number;
  peer: Peer;
  description?: string;
}

export interface SecurityGroup extends Tagged {
  name: string;
  description: string;
  vpcId: string;
  rules: Rule[];
}

export interface InternetGateway extends Tagged {
  vpcId?: string;
}

export interface RouteTableAssociation {
  id: string;
  main: boolean;
  subnetId?: string;
}

export interface Route {
  destination: string;
  gatewayId: string;
}

export interface RouteTable extends Tagged {
  vpcId: string;
  associations: RouteTableAssociation[];
  /** Without the local ones. */
  routes: Route[];
}

/** The default one of its VPC, which lets everything through. */
export interface NetworkAcl extends Tagged {
  vpcId: string;
}

export interface PrefixListEntry {
  cidr: string;
  description?: string;
}

export interface PrefixList extends Tagged {
  name: string;
  family: 4 | 6;
  maxEntries: number;
  version: number;
  entries: PrefixListEntry[];
  state: "create-complete" | "modify-complete";
}

export interface NetworkInterface extends Tagged {
  subnetId: string;
  vpcId: string;
  zone: string;
  ip: string;
  mac: string;
  description: string;
  groups: string[];
  /** Account of the service that made it. */
  requesterId: string;
  createdAt: number;
}

/** Kind of each type of document, with what EC2 calls it. */
export interface Documents {
  vpc: Vpc;
  subnet: Subnet;
  securityGroup: SecurityGroup;
  internetGateway: InternetGateway;
  routeTable: RouteTable;
  networkAcl: NetworkAcl;
  prefixList: PrefixList;
  networkInterface: NetworkInterface;
  volume: Volume;
  snapshot: Snapshot;
}

export type ResourceType = keyof Documents;
