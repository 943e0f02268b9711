/** TagResource, UntagResource, ListTagsForResource: detectors, filters, lists and publishing destinations by their ARNs. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter, noSuchResource, notOwned } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { ownDetector, types } from "../state.ts";
import { withoutTags, withTags } from "../tags.ts";

interface Tagged {
  tags: Record<string, string>;
}

/** Segment of the ARN behind the detector → document type, and the id under the detector. */
const kinds: Readonly<Record<string, (name: string) => { type: string; id: string }>> = {
  filter: (name) => ({ type: types.filter, id: name }),
  ipset: (name) => ({ type: types.list, id: `ipset/${name}` }),
  threatintelset: (name) => ({ type: types.list, id: `threatintelset/${name}` }),
  trustedentityset: (name) => ({ type: types.list, id: `trustedentityset/${name}` }),
  threatentityset: (name) => ({ type: types.list, id: `threatentityset/${name}` }),
  publishingDestination: (name) => ({ type: types.destination, id: name }),
};

async function requireTagged(ctx: CallContext, arn: string | undefined) {
  const parsed = parseArn(arn ?? "");
  const [, detectorId, kind, name] = /^detector\/([^/]+)(?:\/([^/]+)\/([^/]+))?$/.exec(parsed?.resource ?? "") ?? [];
  if (parsed?.service !== "guardduty" || detectorId === undefined) throw invalidParameter("resourceArn");
  const detector = await ownDetector(ctx);
  if (parsed.account !== ctx.account || parsed.region !== ctx.region || detector?.id !== detectorId) throw notOwned();
  if (kind === undefined) return await document(ctx, types.detector, types.detector);
  const of = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (!of) throw invalidParameter("resourceArn");
  const { type, id } = of(name!);
  return await document(ctx, type, `${detectorId}/${id}`);
}

async function document(ctx: CallContext, type: string, id: string) {
  const found = await ctx.state.get<Tagged>(type, id);
  if (!found) throw noSuchResource();
  return {
    tags: found.value.tags,
    put: (tags: Record<string, string>) => ctx.state.put(type, id, { ...found.value, tags }),
  };
}

export async function listTagsForResource(
  input: Input<"ListTagsForResource">,
  ctx: CallContext,
): Promise<Output<"ListTagsForResource">> {
  return { Tags: (await requireTagged(ctx, input.ResourceArn)).tags };
}

export async function tagResource(input: Input<"TagResource">, ctx: CallContext): Promise<Output<"TagResource">> {
  const resource = await requireTagged(ctx, input.ResourceArn);
  resource.put(withTags(resource.tags, input.Tags ?? {}));
  return {};
}

export async function untagResource(input: Input<"UntagResource">, ctx: CallContext): Promise<Output<"UntagResource">> {
  const resource = await requireTagged(ctx, input.ResourceArn);
  resource.put(withoutTags(resource.tags, input.TagKeys ?? []));
  return {};
}
