/**
 * Permissions of security groups: from what a request says to rules, one for each peer.
 * Source: EC2 API Reference, IpPermission, AuthorizeSecurityGroupIngress; Amazon VPC User Guide, "Security group rules".
 */
import { cidrText, parseCidr } from "./cidr.ts";
import { failure, invalidCombination, invalidValue, missing } from "./errors.ts";
import type { IpPermission } from "./sdk.ts";
import type { Peer, Rule } from "./state.ts";

/** A rule before it has an id. */
export type Draft = Pick<Rule, "protocol" | "from" | "to" | "peer" | "description">;

/** IANA numbers of the protocols that EC2 shows by name. */
const names: Readonly<Record<string, string>> = { "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", all: "-1" };

/** @throws InvalidParameterValue */
export function protocolOf(given: string | undefined): string {
  if (given === undefined || given === "") throw missing("ipProtocol");
  const text = given.toLowerCase();
  const named = Object.hasOwn(names, text) ? names[text]! : text;
  if (["tcp", "udp", "icmp", "icmpv6", "-1"].includes(named)) return named;
  if (/^\d{1,3}$/.test(named) && Number(named) <= 255) return String(Number(named));
  throw invalidValue(`Invalid value '${given}' for IP protocol. Unknown protocol.`);
}

/** Ports, or type and code of ICMP, as the protocol has them. @throws InvalidParameterValue */
export function portsOf(
  protocol: string,
  from: number | undefined,
  to: number | undefined,
): { from?: number; to?: number } {
  if (protocol === "tcp" || protocol === "udp") {
    if (from === undefined || to === undefined || (from === -1) !== (to === -1)) {
      throw invalidValue("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
    }
    if (from === -1) return { from: 0, to: 65535 };
    if (from < 0 || to > 65535 || from > to) throw invalidValue(`Invalid TCP/UDP port range (${from}:${to})`);
    return { from, to };
  }
  if (protocol === "icmp" || protocol === "icmpv6") {
    const type = from ?? -1;
    const code = to ?? -1;
    if (type < -1 || type > 255) throw invalidValue(`ICMP type (${type}) is out of range`);
    if (code < -1 || code > 255) throw invalidValue(`ICMP code (${code}) is out of range`);
    return { from: type, to: code };
  }
  return {};
}

/** Host bits are cleared. @throws InvalidParameterValue */
export function cidrPeer(text: string, family: 4 | 6): Peer {
  const block = parseCidr(text);
  if (block?.family !== family) throw invalidValue(`CIDR block ${text} is malformed`);
  return { kind: family === 4 ? "ipv4" : "ipv6", cidr: cidrText(block) };
}

const describable = /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{0,255}$/;

export function checkDescription(text: string | undefined): void {
  if (text === undefined || describable.test(text)) return;
  throw invalidValue(
    "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
  );
}

/** The short form of the operations: one rule by its parts. */
export interface ShortForm {
  IpPermissions?: IpPermission[] | undefined;
  IpProtocol?: string | undefined;
  FromPort?: number | undefined;
  ToPort?: number | undefined;
  CidrIp?: string | undefined;
  SourceSecurityGroupName?: string | undefined;
  SourceSecurityGroupOwnerId?: string | undefined;
}

/** @throws MissingParameter, InvalidParameterCombination */
export function givenPermissions(input: ShortForm): IpPermission[] {
  const { IpPermissions: list, IpProtocol, FromPort, ToPort, CidrIp, SourceSecurityGroupName: groupName } = input;
  const short = IpProtocol ?? FromPort ?? ToPort ?? CidrIp ?? groupName;
  if (list?.length && short !== undefined) {
    throw invalidCombination("The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'");
  }
  if (short === undefined) return list ?? [];
  return [
    {
      IpProtocol: IpProtocol ?? (groupName === undefined ? undefined : "-1"),
      FromPort,
      ToPort,
      ...(CidrIp === undefined ? {} : { IpRanges: [{ CidrIp }] }),
      ...(groupName === undefined
        ? {}
        : { UserIdGroupPairs: [{ GroupName: groupName, UserId: input.SourceSecurityGroupOwnerId }] }),
    },
  ];
}

/** Finds the group that a pair names. @throws InvalidGroup.NotFound */
export type GroupFinder = (pair: {
  GroupId?: string | undefined;
  GroupName?: string | undefined;
  UserId?: string | undefined;
}) => Peer;

/** @throws InvalidParameterValue, MissingParameter */
export function drafts(permissions: readonly IpPermission[], groupOf: GroupFinder): Draft[] {
  const found = permissions.flatMap((permission) => draftsOf(permission, groupOf));
  const keys = new Set(found.map(ruleKey));
  if (keys.size < found.length) throw invalidValue("The same permission must not appear multiple times");
  return found;
}

function draftsOf(permission: IpPermission, groupOf: GroupFinder): Draft[] {
  const protocol = protocolOf(permission.IpProtocol);
  const ports = portsOf(protocol, permission.FromPort, permission.ToPort);
  const draft = (peer: Peer, description: string | undefined): Draft => {
    checkDescription(description);
    return { protocol, ...ports, peer, ...(description ? { description } : {}) };
  };
  const found = [
    ...(permission.IpRanges ?? []).map((range) => draft(cidrPeer(range.CidrIp ?? "", 4), range.Description)),
    ...(permission.Ipv6Ranges ?? []).map((range) => draft(cidrPeer(range.CidrIpv6 ?? "", 6), range.Description)),
    ...(permission.PrefixListIds ?? []).map((list) =>
      draft({ kind: "prefixList", id: list.PrefixListId ?? "" }, list.Description),
    ),
    ...(permission.UserIdGroupPairs ?? []).map((pair) => draft(groupOf(pair), pair.Description)),
  ];
  if (found.length === 0) {
    throw failure(
      "MissingParameter",
      "Missing source specification: include source security group or CIDR information",
    );
  }
  return found;
}

export const peerText = (peer: Peer): string => ("cidr" in peer ? peer.cidr : peer.id);

/** The same for rules that let the same through. */
export function ruleKey({ protocol, from, to, peer }: Draft): string {
  return [protocol, from ?? "", to ?? "", peer.kind, peerText(peer)].join("|");
}

/** A rule in the words of EC2's refusals. */
export function ruleText({ protocol, from, to, peer }: Draft): string {
  const traffic =
    protocol === "-1"
      ? "ALL"
      : protocol === "tcp" || protocol === "udp"
        ? `${protocol.toUpperCase()}, from port: ${from}, to port: ${to}`
        : protocol.startsWith("icmp")
          ? `${protocol.toUpperCase()}, type: ${from === -1 ? "ALL" : from}, code: ${to === -1 ? "ALL" : to}`
          : `protocol: ${protocol}`;
  return `peer: ${peerText(peer)}, ${traffic}, ALLOW`;
}

/** Rules of one protocol and port range are shown together. */
export function shownPermissions(rules: readonly Rule[]): IpPermission[] {
  const byTraffic = Map.groupBy(rules, ({ protocol, from, to }) => `${protocol}|${from ?? ""}|${to ?? ""}`);
  return [...byTraffic.values()].map((group) => {
    const { protocol, from, to } = group[0]!;
    const described = ({ description }: Rule) => (description === undefined ? {} : { Description: description });
    const permission = {
      IpProtocol: protocol,
      ...(from === undefined ? {} : { FromPort: from, ToPort: to }),
      IpRanges: [] as { CidrIp: string }[],
      Ipv6Ranges: [] as { CidrIpv6: string }[],
      PrefixListIds: [] as { PrefixListId: string }[],
      UserIdGroupPairs: [] as { GroupId: string; UserId: string }[],
    };
    for (const rule of group) {
      const { peer } = rule;
      if (peer.kind === "ipv4") permission.IpRanges.push({ CidrIp: peer.cidr, ...described(rule) });
      else if (peer.kind === "ipv6") permission.Ipv6Ranges.push({ CidrIpv6: peer.cidr, ...described(rule) });
      else if (peer.kind === "prefixList") permission.PrefixListIds.push({ PrefixListId: peer.id, ...described(rule) });
      else permission.UserIdGroupPairs.push({ GroupId: peer.id, UserId: peer.account, ...described(rule) });
    }
    return permission;
  });
}
