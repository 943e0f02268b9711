/** Documents of this installation's own XKS proxies, in the management account and the default Region. */
import type { InstallationConfig } from "#gateway/context.ts";
import type { Document, DocumentKey, Store } from "#store/contract.ts";

export type ExternalKeyUse = "ENCRYPT" | "DECRYPT";

export interface ExternalKeyDocument {
  /** ARN of the KMS key of this installation that it stands for. */
  keyArn: string;
  usage: ExternalKeyUse[];
}

export interface ProxyCredential {
  accessKeyId: string;
  /** Protected by the key holder, bound to the access key id; base64. */
  protectedSecret: string;
  createdAt: number;
}

export interface ProxyDocument {
  name: string;
  /** "XKS proxies SHOULD support simultaneous usage of at least two sets of SigV4 credentials." */
  credentials: ProxyCredential[];
  /** By external key id. */
  keys: Record<string, ExternalKeyDocument>;
}

const type = "xksProxy";
/** What secrets of proxies are protected for. */
export const secretPurpose = "xks-proxy-credential";
/** Prefix of the paths of every proxy; `<name>/kms/xks/v1` follows. */
export const proxyPrefix = "/_jikimi/xks/";
export const uriPathOf = (name: string): string => `${proxyPrefix}${name}/kms/xks/v1`;

export function proxyKey(config: InstallationConfig, name: string): DocumentKey {
  return { account: config.managementAccount, region: config.defaultRegion, service: "kms", type, id: name };
}

export function readProxy(
  store: Store,
  config: InstallationConfig,
  name: string,
): Promise<Document<ProxyDocument> | undefined> {
  return store.get<ProxyDocument>(proxyKey(config, name));
}

export async function readProxies(store: Store, config: InstallationConfig): Promise<ProxyDocument[]> {
  const { id: _, ...scope } = proxyKey(config, "");
  const found: ProxyDocument[] = [];
  let after: string | undefined;
  do {
    const page = await store.list<ProxyDocument>({ ...scope, limit: 100, ...(after === undefined ? {} : { after }) });
    found.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return found;
}
