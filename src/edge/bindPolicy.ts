/**
 * Where front ends listen. Each has a loopback address of its own, so that several can have ports 80 and 443; besides,
 * all share 127.0.0.1, which `*.localhost` names resolve to, and are told apart by name. `JIKIMI_EDGE_BIND` says
 * otherwise: a list of addresses (`0.0.0.0`, `192.0.2.10,2001:db8::10`), all shared.
 */
import { isIP } from "node:net";
import type { FrontEndDocument } from "./config.ts";

export interface BindPolicy {
  /** Whether front ends are bound to their own loopback addresses. */
  own: boolean;
  /** Addresses that all share. */
  shared: readonly string[];
}

export class BadBindPolicy extends Error {
  constructor(text: string) {
    super(`JIKIMI_EDGE_BIND: ${text} is not an IP address; give addresses with commas between them`);
    this.name = "BadBindPolicy";
  }
}

/** Throws `BadBindPolicy`. Only Linux has the whole of 127.0.0.0/8 without further setting up. */
export function bindPolicy(text: string | undefined, platform: NodeJS.Platform): BindPolicy {
  if (text === undefined || text.trim() === "") return { own: platform === "linux", shared: ["127.0.0.1"] };
  const shared = text.split(",").map((part) => part.trim());
  for (const address of shared) if (isIP(address) === 0) throw new BadBindPolicy(address);
  return { own: false, shared };
}

export function addressesOf(policy: BindPolicy, { address }: FrontEndDocument): string[] {
  return policy.own ? [address, ...policy.shared] : [...policy.shared];
}
