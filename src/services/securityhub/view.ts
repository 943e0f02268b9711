/** Whose findings an account sees, and who hears of a finding: its administrator, and the Region that aggregates. */
import { linkOf, membersOf } from "#gateway/administration.ts";
import { everyRegion, type CallContext, type State } from "#gateway/context.ts";
import { hubOf, types, type Aggregator, type Hub, type Place } from "./state.ts";

export async function aggregatorOf(state: State, account: string): Promise<Aggregator | undefined> {
  const { items } = await state.list<Aggregator>(types.aggregator, { limit: 1 }, { account, region: everyRegion });
  return items[0]?.value;
}

function isLinked({ mode, regions, home }: Aggregator, region: string): boolean {
  if (region === home) return true;
  if (mode === "ALL_REGIONS") return true;
  if (mode === "SPECIFIED_REGIONS") return regions.includes(region);
  return mode === "ALL_REGIONS_EXCEPT_SPECIFIED" && !regions.includes(region);
}

/** The account's own and its members', in the Region; in the aggregation Region, those of the linked ones too. */
export async function viewOf(ctx: CallContext): Promise<readonly Place[]> {
  const aggregator = await aggregatorOf(ctx.state, ctx.account);
  const regions = [ctx.region];
  if (aggregator?.home === ctx.region) {
    const { items } = await ctx.state.list<Hub>(types.hub, {}, { region: everyRegion });
    for (const { key } of items)
      if (key.region !== ctx.region && isLinked(aggregator, key.region)) regions.push(key.region);
  }
  const places: Place[] = [];
  for (const region of regions) {
    places.push({ account: ctx.account, region });
    for (const { account, status } of await membersOf(ctx.state, ctx.account, region)) {
      if (status === "Enabled") places.push({ account, region });
    }
  }
  return places;
}

/** Where an event about a finding of a place goes. Each is the bus of an account in a Region. */
export async function audienceOf(state: State, place: Place): Promise<readonly Place[]> {
  const link = await linkOf(state, place.account, place.region);
  const accounts = [place.account];
  if (link?.status === "Enabled" && (await hubOf(state, { account: link.account, region: place.region }))) {
    accounts.push(link.account);
  }
  const audience: Place[] = [];
  for (const account of accounts) {
    audience.push({ account, region: place.region });
    const aggregator = await aggregatorOf(state, account);
    if (aggregator && aggregator.home !== place.region && isLinked(aggregator, place.region)) {
      audience.push({ account, region: aggregator.home });
    }
  }
  return audience;
}

/** Whose automation rules a finding goes through: the administrator's, where there is one. */
export async function ruleMakerOf(state: State, place: Place): Promise<Place> {
  const link = await linkOf(state, place.account, place.region);
  return link?.status === "Enabled" ? { account: link.account, region: place.region } : place;
}
