/** CreateSampleFindings. "If NULL is specified for findingTypes, the API generates sample findings of all supported finding types." */
import type { CallContext } from "#gateway/context.ts";
import { findingType, findingTypes } from "#engines/guard/findingTypes.ts";
import { invalidParameter } from "../errors.ts";
import { findingIndexes, publishing } from "../publication.ts";
import { sampleFinding } from "../samples.ts";
import type { Input, Output } from "../sdk.ts";
import {
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
  for (const type of chosen) {
    if (!type) throw invalidParameter("findingTypes");
    await putSample(ctx, detector, sampleFinding(detector, type, ctx.now));
  }
  return {};
}

/** A sample that is made again is new again. It goes where real findings go: that is what it is for. */
async function putSample(ctx: CallContext, detector: Detector, finding: StoredFinding["finding"]): Promise<void> {
  const id = `${detector.id}/${finding.Id}`;
  await ctx.state.get<StoredFinding>(types.finding, id);
  const stored: StoredFinding = { finding, publishedAt: ctx.now };
  ctx.state.put(types.finding, id, stored, {
    indexes: findingIndexes(stored),
    expiresAt: ctx.now + findingRetentionMs,
  });
  const destinations = await ctx.state.list<Destination>(types.destination, { prefix: `${detector.id}/` });
  const { account, region, frequency } = detector;
  const audience = {
    account,
    region,
    frequency,
    destinations: destinations.items.map(({ value }) => ({ account, destination: value })),
  };
  for (const operation of publishing(stored, audience, ctx.now, ctx.random)) {
    if (operation.op === "append") {
      ctx.state.emit(eventsStream, operation.key, operation.event as Record<string, unknown>);
    } else if (operation.op === "put") ctx.state.put(types.pendingExport, operation.key.id, operation.value);
  }
}
