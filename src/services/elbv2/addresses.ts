/** IP addresses and CIDR blocks of targets and conditions. */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** `undefined` when the text is no CIDR block. */
export function parseCidrText(text: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } | undefined {
  const parts = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (!parts) return undefined;
  const address = parts[1]!;
  const prefix = Number(parts[2]);
  if (isIPv4(address) && prefix <= 32) return { address, prefix, family: "ipv4" };
  if (isIPv6(address) && prefix <= 128) return { address, prefix, family: "ipv6" };
  return undefined;
}

function blocks(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const block = parseCidrText(cidr);
    if (block) list.addSubnet(block.address, block.prefix, block.family);
  }
  return list;
}

/**
 * Where targets may be besides the VPC. Source: API Reference, TargetDescription ("the RFC 1918 range (10.0.0.0/8,
 * 172.16.0.0/12, and 192.168.0.0/16), and the RFC 6598 range (100.64.0.0/10)"). AWS has no loopback; here the
 * applications of a developer's own machine are there.
 */
const reachable = blocks(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"]);

export function isReachable(address: string, vpcCidrs: readonly string[]): boolean {
  return isIPv4(address) && (reachable.check(address) || blocks(vpcCidrs).check(address));
}

export function isInside(address: string, cidrs: readonly string[]): boolean {
  return isIPv4(address) && blocks(cidrs).check(address);
}
