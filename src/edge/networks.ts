/** Networks in CIDR notation: security groups and source-ip conditions. */
import { BlockList, isIP, isIPv4 } from "node:net";
import type { TrafficRule } from "./config.ts";

/** Dotted form also for IPv4 that came in as IPv6 (`::ffff:192.0.2.1`). */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && isIPv4(address.slice(7)) ? address.slice(7) : address;
}

/** What is not a network is left out: it lets nothing in. */
export function networks(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", length = ""] = cidr.split("/");
    const family = isIP(address);
    const bits = Number(length);
    if (family === 0 || !/^\d{1,3}$/.test(length) || bits > (family === 4 ? 32 : 128)) continue;
    list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

export function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

/** Who may connect to a port. INVARIANT: without a rule that lets the peer in, it stays outside. */
export function ingressFor(rules: readonly TrafficRule[], port: number): (address: string) => boolean {
  const open = rules.filter((rule) => rule.fromPort <= port && port <= rule.toPort).flatMap((rule) => rule.cidrs);
  const list = networks(open);
  return (address) => contains(list, address);
}

/** Whether a connection to an address and port may be opened. */
export type Reaches = (address: string, port: number) => boolean;

/**
 * INVARIANT: without a rule that lets it through, nothing is connected to. `undefined`: a document from before outbound
 * rules were enforced, which are followed from the next change of its load balancer or groups on.
 */
export function egressFor(rules: readonly TrafficRule[] | undefined): Reaches {
  if (!rules) return () => true;
  const compiled = rules.map(({ fromPort, toPort, cidrs }) => ({ fromPort, toPort, list: networks(cidrs) }));
  return (address, port) =>
    compiled.some(({ fromPort, toPort, list }) => fromPort <= port && port <= toPort && contains(list, address));
}
