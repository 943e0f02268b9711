/** CreateSampleFindings. "If NULL is specified for findingTypes, the API generates sample findings of all supported finding types." */
import type { CallContext } from "#gateway/context.ts";
import { findingType, findingTypes } from "#engines/guard/findingTypes.ts";
import { invalidParameter } from "../errors.ts";
import { detectorOf } from "../membership.ts";
import { findingIndexes, publishing, type Audience } from "../publication.ts";
import { sampleFinding } from "../samples.ts";
import type { Input, Output } from "../sdk.ts";
import {
  administratorOf,
  eventsStream,
  findingRetentionMs,
  requireDetector,
  types,
  type Destination,
  type Detector,
  type StoredFinding,
} from "../state.ts";

export async function createSampleFindings(
  input: Input<"CreateSampleFindings">,
  ctx: CallContext,
): Promise<Output<"CreateSampleFindings">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const wanted = input.FindingTypes === undefined || input.FindingTypes.length === 0 ? undefined : input.FindingTypes;
  const chosen = wanted === undefined ? findingTypes : [...new Set(wanted)].map((type) => findingType(type));
  const audience = await audienceOf(ctx, detector);
  for (const type of chosen) {
    if (!type) throw invalidParameter("findingTypes");
    await putSample(ctx, detector, audience, sampleFinding(detector, type, ctx.now));
  }
  return {};
}

/** A sample that is made again is new again. It goes where real findings go: that is what it is for. */
async function putSample(
  ctx: CallContext,
  detector: Detector,
  audience: Audience,
  finding: StoredFinding["finding"],
): Promise<void> {
  const id = `${detector.id}/${finding.Id}`;
  await ctx.state.get<StoredFinding>(types.finding, id);
  const stored: StoredFinding = { finding, publishedAt: ctx.now };
  ctx.state.put(types.finding, id, stored, {
    indexes: findingIndexes(stored),
    expiresAt: ctx.now + findingRetentionMs,
  });
  for (const operation of publishing(stored, audience, ctx.now, ctx.random)) {
    if (operation.op === "append") {
      ctx.state.emit(eventsStream, operation.key, operation.event as Record<string, unknown>);
    } else if (operation.op === "put") {
      ctx.state.put(types.pendingExport, operation.key.id, operation.value, { at: { account: operation.key.account } });
    }
  }
}

/** Who hears of the account's findings: the account itself, and its administrator. */
async function audienceOf(ctx: CallContext, { account, region, frequency, id }: Detector): Promise<Audience> {
  const link = await administratorOf(ctx);
  const above = link?.status === "Enabled" ? await detectorOf(ctx.state, link.account) : undefined;
  const told = [{ account, id }, ...(above ? [above] : [])];
  const destinations = await Promise.all(
    told.map(async (detector) => {
      const query = { prefix: `${detector.id}/` };
      const { items } = await ctx.state.list<Destination>(types.destination, query, { account: detector.account });
      return items.map(({ value }) => ({ account: detector.account, destination: value }));
    }),
  );
  return {
    account,
    region,
    frequency,
    ...(above ? { administrator: above.account } : {}),
    destinations: destinations.flat(),
  };
}
