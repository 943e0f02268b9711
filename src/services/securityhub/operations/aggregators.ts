/**
 * One Region in which an account sees the findings of others. Source: Security Hub API Reference, CreateFindingAggregator;
 * User Guide, "Cross-Region aggregation": one aggregator per account, and its Region cannot be changed.
 */
import { everyRegion, type CallContext } from "#gateway/context.ts";
import { invalidInput, limitExceeded, notFound } from "../errors.ts";
import type { HubHandlers } from "../sdk.ts";
import { arnOf, requireHub, types, type Aggregator } from "../state.ts";
import { aggregatorOf } from "../view.ts";

export const aggregatorHandlers: HubHandlers = {
  async CreateFindingAggregator(input, ctx) {
    await requireHub(ctx);
    const { items } = await ctx.state.list<Aggregator>(types.aggregator, {}, { region: everyRegion });
    if (items.length > 0) throw limitExceeded(`The findings are aggregated in ${items[0]!.key.region} already`);
    const id = ctx.random.uuid();
    const aggregator: Aggregator = {
      arn: arnOf(ctx, `finding-aggregator/${id}`),
      home: ctx.region,
      ...checked(ctx, input.RegionLinkingMode!, input.Regions),
    };
    ctx.state.put(types.aggregator, types.aggregator, aggregator);
    return shown(aggregator);
  },

  async GetFindingAggregator(input, ctx) {
    return shown(await requireAggregator(ctx, input.FindingAggregatorArn!));
  },

  /** Also in the Regions that are linked. */
  async ListFindingAggregators(_input, ctx) {
    await requireHub(ctx);
    const aggregator = await aggregatorOf(ctx.state, ctx.account);
    return { FindingAggregators: aggregator ? [{ FindingAggregatorArn: aggregator.arn }] : [] };
  },

  async UpdateFindingAggregator(input, ctx) {
    const aggregator = await requireHomeAggregator(ctx, input.FindingAggregatorArn!);
    const next = { ...aggregator, ...checked(ctx, input.RegionLinkingMode!, input.Regions) };
    ctx.state.put(types.aggregator, types.aggregator, next);
    return shown(next);
  },

  async DeleteFindingAggregator(input, ctx) {
    await requireHomeAggregator(ctx, input.FindingAggregatorArn!);
    ctx.state.delete(types.aggregator, types.aggregator);
    return {};
  },
};

const modes = ["ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS"] as const;

function checked(
  ctx: CallContext,
  mode: string,
  regions: readonly string[] | undefined,
): Pick<Aggregator, "mode" | "regions"> {
  const found = modes.find((each) => each === mode);
  if (!found) throw invalidInput(`Invalid parameter 'RegionLinkingMode': ${mode}`);
  const named = found === "ALL_REGIONS_EXCEPT_SPECIFIED" || found === "SPECIFIED_REGIONS";
  if (named !== (regions ?? []).length > 0) throw invalidInput(`Invalid parameter 'Regions' with ${mode}`);
  const wrong = regions?.find((region) => !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region) || region === ctx.region);
  if (wrong !== undefined) throw invalidInput(`Invalid parameter 'Regions': ${wrong}`);
  return { mode: found, regions: [...(regions ?? [])] };
}

async function requireAggregator(ctx: CallContext, arn: string): Promise<Aggregator> {
  await requireHub(ctx);
  const aggregator = await aggregatorOf(ctx.state, ctx.account);
  if (aggregator?.arn !== arn) throw notFound(`The finding aggregator ${arn} was not found`);
  return aggregator;
}

/** "You must invoke this operation from the current aggregation Region." */
async function requireHomeAggregator(ctx: CallContext, arn: string): Promise<Aggregator> {
  const aggregator = await requireAggregator(ctx, arn);
  if (aggregator.home !== ctx.region) throw invalidInput(`The aggregation Region is ${aggregator.home}`);
  return aggregator;
}

function shown({ arn, home, mode, regions }: Aggregator) {
  return {
    FindingAggregatorArn: arn,
    FindingAggregationRegion: home,
    RegionLinkingMode: mode,
    ...(regions.length > 0 ? { Regions: regions } : {}),
  };
}
