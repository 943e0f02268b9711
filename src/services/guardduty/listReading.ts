/**
 * Reading a list out of S3, when it is activated: with the rights of the caller, in a forward access session, as AWS does
 * it for entity lists. For the older kinds AWS writes a policy into the service-linked role; nobody may here.
 * A list that cannot be read or understood is kept with the status ERROR and the reason, and is not in force.
 * Source: GuardDuty User Guide, "Setting up prerequisites for entity lists and IP address lists", "Understanding list
 * statuses", "Amazon GuardDuty quotas".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { maximumListBytes, parseList, UnreadableList, type ListEntries } from "#engines/guard/lists.ts";
import { parseLocation } from "./location.ts";
import { types, type EntityList, type ListKind, type ListPart } from "./state.ts";

const entriesInPart = 5_000;

/** Entries at most: "2,000 … per trusted IP address list", "250,000 … per threat IP address list". */
const mostEntries: Readonly<Record<ListKind, number>> = {
  ipset: 2_000,
  trustedentityset: 2_000,
  threatintelset: 250_000,
  threatentityset: 250_000,
};

class Unusable extends Error {}

/** The list with its entries staged, or with the reason why it has none. */
export async function readList(ctx: CallContext, detectorId: string, list: EntityList): Promise<EntityList> {
  forgetEntries(ctx, detectorId, list);
  const { error: _before, ...rest } = list;
  try {
    const { addresses, domains } = await ctx.once(`list ${list.id}`, () => fetchEntries(ctx, list));
    const generation = list.generation + 1;
    const parts = Math.ceil(Math.max(addresses.length, domains.length) / entriesInPart);
    for (let part = 0; part < parts; part++) {
      const range = [part * entriesInPart, (part + 1) * entriesInPart] as const;
      const value: ListPart = { addresses: addresses.slice(...range), domains: domains.slice(...range) };
      ctx.state.put(types.entries, entriesId(detectorId, list.id, generation, part), value);
    }
    return { ...rest, generation, parts, status: "ACTIVE" };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { ...rest, parts: 0, status: "ERROR", error: error.message };
  }
}

/** Takes away what was read before. */
export function forgetEntries(ctx: CallContext, detectorId: string, list: EntityList): void {
  for (let part = 0; part < list.parts; part++) {
    ctx.state.delete(types.entries, entriesId(detectorId, list.id, list.generation, part), { version: "any" });
  }
}

function entriesId(detectorId: string, list: string, generation: number, part: number): string {
  return `${detectorId}/${list}/${generation}/${String(part).padStart(4, "0")}`;
}

async function fetchEntries(ctx: CallContext, list: EntityList): Promise<ListEntries> {
  const { bucket: Bucket, key: Key } = parseLocation(list.location);
  const ExpectedBucketOwner = list.expectedBucketOwner;
  let bytes: Buffer;
  try {
    const { Body } = await ctx.aws.s3.GetObject({
      Bucket,
      Key,
      ...(ExpectedBucketOwner === undefined ? {} : { ExpectedBucketOwner }),
    });
    bytes = await collect(Body);
  } catch (error) {
    // A fault of ours is one of this call; what S3 refuses is a fault of the list.
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    throw new Unusable(`The list cannot be read from its location: ${error.code}: ${error.message}`);
  }
  try {
    const entries = parseList(list.format, bytes.toString("utf8"));
    const count = entries.addresses.length + entries.domains.length;
    if (count > mostEntries[list.kind]) {
      throw new Unusable(`The list has ${count} entries, and may have ${mostEntries[list.kind]}.`);
    }
    return entries;
  } catch (error) {
    if (error instanceof UnreadableList) throw new Unusable(`The list cannot be used: ${error.message}.`);
    throw error;
  }
}

async function collect(body: AsyncIterable<Uint8Array> | Uint8Array | undefined): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maximumListBytes) throw new Unusable(`The list is larger than ${maximumListBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
