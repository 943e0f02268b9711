/**
 * IPSetReferenceStatement.
 * Source: AWS WAF Developer Guide, "IP set match rule statement", "Using forwarded IP addresses".
 */
import type { IPSetReferenceStatement } from "@aws-sdk/client-wafv2";
import { AddressSet } from "../addresses.ts";
import type { Build } from "../build.ts";
import type { Check } from "../evaluation.ts";
import { forwardedAddresses } from "../forwarded.ts";

export function ipSetReference(statement: IPSetReferenceStatement, build: Build): Check {
  const set = new AddressSet(build.ipSet(statement.ARN!).addresses);
  const forwarded = statement.IPSetForwardedIPConfig;
  if (!forwarded) return ({ view }) => set.has(view.request.clientAddress);
  const position = forwarded.Position!;
  const fallback = forwarded.FallbackBehavior === "MATCH";
  return ({ view }) => {
    const addresses = forwardedAddresses(view, forwarded.HeaderName!, position);
    if (addresses === "missing") return false;
    if (addresses === "invalid") return fallback;
    return addresses.some((address) => set.has(address));
  };
}
