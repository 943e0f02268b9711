/** Channels: how events from outside AWS come in. Source: CloudTrail API Reference. */
import type { CallContext } from "#gateway/context.ts";
import {
  channelExists,
  inactiveStore,
  invalidCategory,
  invalidParameter,
  invalidSource,
  noStore,
  storeArnInvalid,
  tooManyChannels,
} from "../lake/errors.ts";
import { page } from "../lake/paging.ts";
import {
  channelArn,
  findStore,
  putChannel,
  storeAddress,
  storeArn,
  type Channel,
  type ChannelStatus,
} from "../lake/state.ts";
import type { Input, Output } from "../sdk.ts";
import { requireChannel, tagList, tagsOf } from "../tagged.ts";

/** CloudTrail User Guide, "Quotas": channels per Region. */
const mostChannels = 25;

type Destinations = Input<"CreateChannel">["Destinations"];

export async function createChannel(input: Input<"CreateChannel">, ctx: CallContext): Promise<Output<"CreateChannel">> {
  const name = input.Name!;
  // Partners' names stand for agreements that they have with AWS; nobody has one here.
  if (input.Source !== "Custom") {
    throw invalidSource(`The source ${input.Source} is not valid: the valid source is Custom.`);
  }
  const channels = (await ctx.state.list<Channel>("channel")).items;
  if (channels.some(({ value }) => value.name === name)) throw channelExists(name);
  if (channels.length >= mostChannels) throw tooManyChannels(mostChannels);
  const id = await ctx.once("id", async () => ctx.random.uuid());
  const channel: Channel = {
    id,
    arn: channelArn(ctx, id),
    name,
    account: ctx.account,
    region: ctx.region,
    source: input.Source,
    destinations: await destinationsOf(ctx, input.Destinations),
    tags: tagsOf(input.Tags),
    createdAt: ctx.now,
  };
  putChannel(ctx, channel);
  ctx.state.put("channelName", name, { id }, { version: 0 });
  return { ...described(ctx, channel), Tags: tagList(channel.tags) };
}

export async function getChannel(input: Input<"GetChannel">, ctx: CallContext): Promise<Output<"GetChannel">> {
  const channel = await requireChannel(ctx, input.Channel!);
  const status = (await ctx.state.get<ChannelStatus>("channelStatus", channel.id, scopeOf(channel)))?.value;
  return {
    ...described(ctx, channel),
    SourceConfig: { ApplyToAllRegions: false, AdvancedEventSelectors: [] },
    ...(status ? { IngestionStatus: ingestion(status) } : {}),
  };
}

function ingestion(status: ChannelStatus) {
  return {
    LatestIngestionAttemptTime: new Date(status.attemptAt),
    LatestIngestionAttemptEventID: status.attemptEventId,
    ...(status.successAt === undefined
      ? {}
      : {
          LatestIngestionSuccessTime: new Date(status.successAt),
          LatestIngestionSuccessEventID: status.successEventId,
        }),
    ...(status.error === undefined ? {} : { LatestIngestionErrorCode: status.error }),
  };
}

export async function listChannels(input: Input<"ListChannels">, ctx: CallContext): Promise<Output<"ListChannels">> {
  const all = (await ctx.state.list<Channel>("channel")).items.map(({ value }) => value);
  const { items, next } = page(all, ({ id }) => id, input.NextToken, input.MaxResults ?? 1000);
  return {
    Channels: items.map(({ arn, name }) => ({ ChannelArn: arn, Name: name })),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

export async function updateChannel(input: Input<"UpdateChannel">, ctx: CallContext): Promise<Output<"UpdateChannel">> {
  const before = await requireChannel(ctx, input.Channel!);
  const name = input.Name ?? before.name;
  if (name !== before.name) {
    const channels = (await ctx.state.list<Channel>("channel", {}, scopeOf(before))).items;
    if (channels.some(({ value }) => value.name === name)) throw channelExists(name);
    ctx.state.put("channelName", name, { id: before.id }, { version: 0 });
    ctx.state.delete("channelName", before.name, { version: "any" });
  }
  const destinations = input.Destinations ? await destinationsOf(ctx, input.Destinations) : before.destinations;
  const channel: Channel = { ...before, name, destinations };
  putChannel(ctx, channel);
  return described(ctx, channel);
}

export async function deleteChannel(input: Input<"DeleteChannel">, ctx: CallContext): Promise<Output<"DeleteChannel">> {
  const channel = await requireChannel(ctx, input.Channel!);
  const at = scopeOf(channel);
  ctx.state.delete("channel", channel.id, { at });
  ctx.state.delete("channelName", channel.name, { version: "any", at });
  ctx.state.delete("channelStatus", channel.id, { version: "any", at });
  ctx.state.delete("resourcePolicy", channel.arn, { version: "any", at });
  return {};
}

/** Stores of the same account and Region that hold events from outside. */
async function destinationsOf(ctx: CallContext, sent: Destinations): Promise<string[]> {
  const ids: string[] = [];
  for (const { Type: type, Location: location = "" } of sent ?? []) {
    if (type !== "EVENT_DATA_STORE") {
      throw invalidParameter("A destination of the type AWS_SERVICE is for service-linked channels only.");
    }
    const address = storeAddress(ctx, location);
    if (address.account !== ctx.account || address.region !== ctx.region) throw storeArnInvalid(location);
    const store = await findStore(ctx, address);
    if (!store) throw noStore(location);
    if (store.kind !== "activity") {
      throw invalidCategory(`The event data store ${store.arn} does not hold events of the category ActivityAuditLog.`);
    }
    if (store.status !== "ENABLED") throw inactiveStore(store.id);
    // A store that is deleted meanwhile makes this call look again.
    ctx.state.check("eventDataStore", store.id);
    if (!ids.includes(store.id)) ids.push(store.id);
  }
  return ids;
}

function scopeOf({ account, region }: Channel) {
  return { account, region };
}

function described(ctx: CallContext, channel: Channel) {
  return {
    ChannelArn: channel.arn,
    Name: channel.name,
    Source: channel.source,
    Destinations: channel.destinations.map((id) => ({
      Type: "EVENT_DATA_STORE" as const,
      Location: storeArn(ctx, id, scopeOf(channel)),
    })),
  };
}
