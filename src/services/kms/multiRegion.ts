/**
 * Multi-Region keys: one document in each Region, with policy, aliases, tags, grants and state of its own; the same key
 * id, material and rotation. Each Region's tokens belong to a group of its own, so a deletion in one Region is final
 * there and touches no other. Source: KMS Developer Guide, "Multi-Region keys in AWS KMS", "shared properties".
 */
import type { At, CallContext } from "#gateway/context.ts";
import { type KeyHolder } from "#keys/contract.ts";
import { arnIn, boundTo, fingerprintBound, type KeyDocument, type MaterialVersion, readKey, tokenOf } from "./state.ts";

/** The Regions of a multi-Region key without its own. */
export function otherRegions({ region, multiRegion }: KeyDocument): string[] {
  if (!multiRegion) return [];
  return [multiRegion.primaryRegion, ...multiRegion.replicaRegions].filter((each) => each !== region);
}

/** The documents of a key in its other Regions. */
export async function relatives(ctx: CallContext, key: KeyDocument): Promise<KeyDocument[]> {
  const documents = await Promise.all(
    otherRegions(key).map((region) => readKey(ctx, key.keyId, atRegion(key, region))),
  );
  return documents.flatMap((document) => (document ? [document.value] : []));
}

export function atRegion(key: KeyDocument, region: string): At {
  return { account: key.account, region };
}

/** A version of the primary's material as the relative in another Region keeps it. */
export async function copyOf(
  keys: KeyHolder,
  from: KeyDocument,
  version: MaterialVersion,
  to: Pick<KeyDocument, "arn" | "spec">,
): Promise<MaterialVersion> {
  const token = await keys.rewrap(tokenOf(from, version), boundTo(to.arn, version.version, to.spec));
  return { ...version, wrapped: Buffer.from(token.wrapped).toString("base64") };
}

/** What a new replica has of its primary's material: all of it or, where material is imported, the places for it. */
export async function replicaMaterial(
  keys: KeyHolder,
  primary: KeyDocument,
  region: string,
): Promise<Pick<KeyDocument, "state" | "versions" | "fingerprintKey">> {
  const arn = arnIn(primary, region);
  if (primary.origin === "EXTERNAL") {
    const own = { wrapped: Buffer.from(primary.fingerprintKey!, "base64"), bound: fingerprintBound(primary.arn) };
    // The same key of fingerprints: the same material has the same id in every Region.
    const { wrapped } = await keys.rewrap(own, fingerprintBound(arn));
    const versions = primary.versions.map(
      ({ wrapped: _wrapped, bound: _bound, expiresAt: _expiresAt, ...place }): MaterialVersion => place,
    );
    return { state: "PendingImport", versions, fingerprintKey: Buffer.from(wrapped).toString("base64") };
  }
  const to = { arn, spec: primary.spec };
  const versions: MaterialVersion[] = [];
  for (const version of primary.versions) versions.push(await copyOf(keys, primary, version, to));
  return { state: "Enabled", versions };
}

/** A key and its relatives after a new version of material, which was made for the key. */
export async function withVersion(
  keys: KeyHolder,
  key: KeyDocument,
  others: readonly KeyDocument[],
  version: MaterialVersion,
): Promise<KeyDocument[]> {
  const copies = await Promise.all(others.map((other) => copyOf(keys, key, version, other)));
  return [
    { ...key, versions: [...key.versions, version] },
    ...others.map((other, index) => ({ ...other, versions: [...other.versions, copies[index]!] })),
  ];
}
