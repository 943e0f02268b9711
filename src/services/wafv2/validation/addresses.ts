/** Addresses of IP sets. Source: AWS WAF API Reference, CreateIPSet: "all IPv4 and IPv6 CIDR ranges except for /0". */
import { parseNetwork } from "#engines/waf/addresses.ts";
import { limitExceeded } from "../errors.ts";
import { distinct, need } from "./parts.ts";

const mostAddresses = 10_000;

/** @throws WAFInvalidParameterException, WAFLimitsExceededException */
export function checkAddresses(given: readonly string[] | undefined, version: "IPV4" | "IPV6"): string[] {
  const addresses = given ?? [];
  if (addresses.length > mostAddresses) throw limitExceeded("IP_SET");
  for (const address of addresses) {
    const network = /\/[1-9]\d{0,2}$/.test(address) ? parseNetwork(address) : undefined;
    need(network?.bits === (version === "IPV4" ? 32 : 128), "IP_ADDRESS", address);
  }
  // A set has each once.
  return distinct(addresses) ? [...addresses] : [...new Set(addresses)];
}
