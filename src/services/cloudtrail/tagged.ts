/** What can carry tags: trails, event data stores, channels. Source: CloudTrail API Reference, AddTags: at most 50. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { setOwn } from "#wire/scalars.ts";
import { parseArn } from "#kernel/arn.ts";
import { invalidTag } from "./errors.ts";
import { channelArnInvalid, noChannel } from "./lake/errors.ts";
import { addressIn, putChannel, putStore, requireStore, type Channel } from "./lake/state.ts";
import { putTrail, requireTrail } from "./state.ts";

const mostTags = 50;

export type SentTags = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;
export type Tags = Record<string, string>;

interface TaggedResource {
  tags: Tags;
  /** Stages the resource with other tags. */
  put(tags: Tags): void;
}

/** @throws InvalidTagParameterException, TagsLimitExceededException */
export function tagsOf(sent: SentTags, before: Tags = {}): Tags {
  const tags = { ...before };
  for (const { Key: key = "", Value: value = "" } of sent ?? []) {
    if (key === "" || key.length > 128 || value.length > 256) throw invalidTag("The tag key or value is not valid.");
    setOwn(tags, key, value);
  }
  if (Object.keys(tags).length > mostTags) {
    throw new AwsError(
      "TagsLimitExceededException",
      `The number of tags per trail, event data store, or channel has exceeded the limit of ${mostTags}.`,
      400,
    );
  }
  return tags;
}

export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** @throws the not-found error of its kind */
export async function requireTagged(ctx: CallContext, id: string): Promise<TaggedResource> {
  const resource = id.startsWith("arn:") ? (parseArn(id)?.resource ?? "") : "";
  if (resource.startsWith("eventdatastore/")) {
    const store = await requireStore(ctx, id);
    return { tags: store.tags, put: (tags) => putStore(ctx, { ...store, tags }) };
  }
  if (resource.startsWith("channel/")) {
    const channel = await requireChannel(ctx, id);
    return { tags: channel.tags, put: (tags) => putChannel(ctx, { ...channel, tags }) };
  }
  const trail = await requireTrail(ctx, id);
  return { tags: trail.tags, put: (tags) => putTrail(ctx, { ...trail, tags }) };
}

/** @throws ChannelARNInvalidException, ChannelNotFoundException */
export async function requireChannel(ctx: CallContext, given: string): Promise<Channel> {
  const address = addressIn(ctx, "channel", given);
  if (!address) throw channelArnInvalid(given);
  const { account, region, id } = address;
  const found = await ctx.state.get<Channel>("channel", id, { account, region });
  if (!found) throw noChannel(given);
  return found.value;
}
