/**
 * Addresses that a header tells of, `X-Forwarded-For` mostly.
 * Source: AWS WAF Developer Guide, "Using forwarded IP addresses in AWS WAF".
 */
import { isAddress } from "./addresses.ts";
import { bytesOf, lowerAscii } from "./transforms/bytes.ts";
import type { RequestView } from "./view.ts";

/** Of ANY position, no more than these are looked at: the last ones. */
const mostAddresses = 10;

/** `missing`: no such header, so the statement does not apply. `invalid`: no address where one was expected. */
export function forwardedAddresses(
  view: RequestView,
  headerName: string,
  position: "FIRST" | "LAST" | "ANY",
): readonly string[] | "missing" | "invalid" {
  const lines = view.header(lowerAscii(bytesOf(headerName)));
  if (lines.length === 0) return "missing";
  const entries = lines.join(",").split(",").map(addressOf);
  const chosen =
    position === "FIRST"
      ? entries.slice(0, 1)
      : position === "LAST"
        ? entries.slice(-1)
        : entries.slice(-mostAddresses);
  const valid = chosen.filter(isAddress);
  return valid.length === 0 ? "invalid" : valid;
}

/** Load balancers may add the port: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
function addressOf(entry: string): string {
  const text = entry.trim();
  return /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
}
