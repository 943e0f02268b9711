/** Which service a request may be for: keys that routing looks up, built from the index of models without loading any. */
import type { FileHead } from "#model/file.ts";

export interface ServiceIndex {
  /** Last dotted part of the X-Amz-Target prefix: `TrentService`. */
  byTarget: ReadonlyMap<string, FileHead>;
  bySigningName: ReadonlyMap<string, readonly FileHead[]>;
  /** API version of the services with a query protocol: unsigned calls are found by it. */
  byQueryVersion: ReadonlyMap<string, readonly FileHead[]>;
  byEndpointPrefix: ReadonlyMap<string, readonly FileHead[]>;
}

const queryProtocols = new Set(["awsQuery", "ec2Query"]);
const restProtocols = new Set(["restJson1", "restXml"]);

export function speaksQuery(head: FileHead): boolean {
  return head.protocols.some((protocol) => queryProtocols.has(protocol));
}

export function speaksRest(head: FileHead): boolean {
  return head.protocols.some((protocol) => restProtocols.has(protocol));
}

/** S3's features sign under names of their own. Source: Service Authorization Reference, S3 Express, Object Lambda, Outposts. */
const signingAliases: Readonly<Record<string, string>> = {
  s3express: "s3",
  "s3-object-lambda": "s3",
  "s3-outposts": "s3control",
};

function group(heads: readonly FileHead[], keyOf: (head: FileHead) => string): Map<string, FileHead[]> {
  return Map.groupBy(heads, keyOf);
}

export function indexServices(heads: readonly FileHead[]): ServiceIndex {
  const byTarget = new Map<string, FileHead>();
  for (const head of heads) {
    if (head.targetPrefix !== undefined)
      byTarget.set(head.targetPrefix.slice(head.targetPrefix.lastIndexOf(".") + 1), head);
  }
  const bySigningName = group(heads, (head) => head.signingName);
  for (const [alias, id] of Object.entries(signingAliases))
    bySigningName.set(
      alias,
      heads.filter((head) => head.id === id),
    );
  return {
    byTarget,
    bySigningName,
    byQueryVersion: group(heads.filter(speaksQuery), (head) => head.apiVersion),
    byEndpointPrefix: group(heads, (head) => head.endpointPrefix),
  };
}
