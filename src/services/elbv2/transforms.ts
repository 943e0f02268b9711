/** Rewrites of a request before it is forwarded. Source: Elastic Load Balancing User Guide, "Transforms for listener rules". */
import type { RoutingTransform } from "../../edge/config.ts";
import { checkExpression } from "./conditions.ts";
import { validation } from "./errors.ts";
import type { GivenTransform } from "./sdk.ts";

/** At most one of each type, with one rewrite. @throws ValidationError */
export function readTransforms(given: readonly GivenTransform[] = []): RoutingTransform[] {
  const transforms = given.map(({ Type: type, HostHeaderRewriteConfig: host, UrlRewriteConfig: url }) => {
    if (type !== "host-header-rewrite" && type !== "url-rewrite")
      throw validation(`Transform type '${String(type)}' is not valid`);
    const [own, other] = type === "host-header-rewrite" ? [host, url] : [url, host];
    if (other !== undefined) throw validation(`The configuration does not match the transform type '${type}'`);
    const rewrites = own?.Rewrites ?? [];
    if (rewrites.length !== 1) throw validation("A transform must have exactly one rewrite");
    const { Regex: regex = "", Replace: replace = "" } = rewrites[0]!;
    if (!/^[\x20-\x7e]{0,128}$/.test(replace)) throw validation(`The replacement '${replace}' is not valid`);
    return { type, regex: checkExpression(regex), replace };
  });
  if (new Set(transforms.map(({ type }) => type)).size < transforms.length) {
    throw validation("A rule can have only one transform of each type");
  }
  return transforms;
}

export function showTransform({ type, regex, replace }: RoutingTransform): GivenTransform {
  const config = { Rewrites: [{ Regex: regex, Replace: replace }] };
  return type === "host-header-rewrite"
    ? { Type: type, HostHeaderRewriteConfig: config }
    : { Type: type, UrlRewriteConfig: config };
}
