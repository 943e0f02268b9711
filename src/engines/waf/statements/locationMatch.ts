/**
 * GeoMatchStatement and AsnMatchStatement. Both label every request they look at.
 * Source: AWS WAF Developer Guide, "Geographic match rule statement" (labels `awswaf:clientip:geo:country:<code>`, `XX` for
 * what is not known), "Autonomous System Number (ASN) match rule statement" (ASN 0 for what is not known).
 */
import type { AsnMatchStatement, ForwardedIPConfig, GeoMatchStatement } from "@aws-sdk/client-wafv2";
import type { Check, Evaluation } from "../evaluation.ts";
import { forwardedAddresses } from "../forwarded.ts";

export function geoMatch({ CountryCodes = [], ForwardedIPConfig: forwarded }: GeoMatchStatement): Check {
  const wanted = new Set<string>(CountryCodes);
  return located(forwarded, (evaluation, address, origin) => {
    const country = evaluation.facilities.location?.country(address) ?? "XX";
    evaluation.label(`awswaf:${origin}:geo:country:${country}`);
    return wanted.has(country);
  });
}

export function asnMatch({ AsnList = [], ForwardedIPConfig: forwarded }: AsnMatchStatement): Check {
  const wanted = new Set<number>(AsnList);
  return located(forwarded, (evaluation, address, origin) => {
    const asn = evaluation.facilities.location?.asn(address) ?? 0;
    if (origin === "clientip") evaluation.asn = asn;
    evaluation.label(`awswaf:${origin}:asn:${asn}`);
    return wanted.has(asn);
  });
}

type Look = (evaluation: Evaluation, address: string, origin: "clientip" | "forwardedip") => boolean;

function located(forwarded: ForwardedIPConfig | undefined, look: Look): Check {
  if (!forwarded) return (evaluation) => look(evaluation, evaluation.view.request.clientAddress, "clientip");
  return (evaluation) => {
    const addresses = forwardedAddresses(evaluation.view, forwarded.HeaderName!, "FIRST");
    if (addresses === "missing") return false;
    if (addresses === "invalid") return forwarded.FallbackBehavior === "MATCH";
    return look(evaluation, addresses[0]!, "forwardedip");
  };
}
