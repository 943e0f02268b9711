/** Insights: findings that match, counted by an attribute. Source: Security Hub API Reference; 100 of an account. */
import { isGroupable, groupBy } from "#engines/asff/grouping.ts";
import type { Filters } from "#engines/asff/filters.ts";
import type { HubFinding } from "#engines/asff/finding.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidInput, limitExceeded, notFound } from "../errors.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers, Output } from "../sdk.ts";
import { arnOf, each, requireHub, types, type Insight, type StoredFinding } from "../state.ts";
import { viewOf } from "../view.ts";
import { managedInsight } from "../managedInsights.ts";
import { compiled } from "./findings.ts";

const mostInsights = 100;

export const insightHandlers: HubHandlers = {
  async CreateInsight(input, ctx) {
    await requireHub(ctx);
    if ((await ctx.state.count(types.insight)) >= mostInsights) {
      throw limitExceeded(`An account can have at most ${mostInsights} custom insights in a Region`);
    }
    const id = ctx.random.uuid();
    const insight: Insight = {
      id,
      arn: arnOf(ctx, `insight/${ctx.account}/custom/${id}`),
      name: input.Name!,
      ...checked(input.Filters as Filters, input.GroupByAttribute!),
      createdAt: ctx.now,
    };
    ctx.state.put(types.insight, id, insight);
    return { InsightArn: insight.arn };
  },

  async UpdateInsight(input, ctx) {
    await requireHub(ctx);
    const insight = await requireOwnInsight(ctx, input.InsightArn!);
    ctx.state.put(types.insight, insight.id, {
      ...insight,
      name: input.Name ?? insight.name,
      ...checked((input.Filters as Filters | undefined) ?? insight.filters, input.GroupByAttribute ?? insight.groupBy),
    });
    return {};
  },

  async DeleteInsight(input, ctx) {
    await requireHub(ctx);
    const insight = await requireOwnInsight(ctx, input.InsightArn!);
    ctx.state.delete(types.insight, insight.id);
    return { InsightArn: insight.arn };
  },

  /** "If you don't provide any insight ARNs, then GetInsights returns all of your custom insights." */
  async GetInsights(input, ctx) {
    await requireHub(ctx);
    const all: Insight[] = [];
    if (input.InsightArns && input.InsightArns.length > 0) {
      for (const arn of input.InsightArns) all.push(await requireInsight(ctx, arn));
    } else {
      for await (const insight of each<Insight>(ctx.state, types.insight, ctx)) all.push(insight);
      all.sort((a, b) => a.createdAt - b.createdAt);
    }
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 100);
    return { Insights: all.slice(start, end).map(shown), ...tokenAfter(end, all.length) };
  },

  async GetInsightResults(input, ctx) {
    await requireHub(ctx);
    const insight = await requireInsight(ctx, input.InsightArn!);
    return {
      InsightResults: {
        InsightArn: insight.arn,
        GroupByAttribute: insight.groupBy,
        ResultValues: (await resultsOf(ctx, insight)).map(({ value, count }) => ({
          GroupByAttributeValue: value,
          Count: count,
        })),
      },
    };
  },
};

export async function resultsOf(ctx: CallContext, insight: Insight): Promise<{ value: string; count: number }[]> {
  const matches = compiled(insight.filters);
  const found: HubFinding[] = [];
  for (const place of await viewOf(ctx)) {
    for await (const { finding } of each<StoredFinding>(ctx.state, types.finding, place)) {
      if (matches(finding, ctx.now)) found.push(finding);
    }
  }
  return groupBy(found, insight.groupBy);
}

/** @throws InvalidInputException */
function checked(filters: Filters, groupBy: string): Pick<Insight, "filters" | "groupBy"> {
  compiled(filters);
  if (!isGroupable(groupBy)) throw invalidInput(`Invalid parameter 'GroupByAttribute': ${groupBy}`);
  return { filters, groupBy };
}

/** One of the account's own, or a managed one. @throws ResourceNotFoundException */
export async function requireInsight(ctx: CallContext, arn: string): Promise<Insight> {
  return managedInsight(ctx.region, arn) ?? (await requireOwnInsight(ctx, arn));
}

/** @throws ResourceNotFoundException; InvalidInputException: "You cannot edit or delete Security Hub managed insights." */
async function requireOwnInsight(ctx: CallContext, arn: string): Promise<Insight> {
  if (managedInsight(ctx.region, arn)) throw invalidInput(`The managed insight ${arn} cannot be changed`);
  const id = arn.startsWith(arnOf(ctx, `insight/${ctx.account}/custom/`)) ? arn.split("/").at(-1)! : "";
  const found = id === "" ? undefined : await ctx.state.get<Insight>(types.insight, id);
  if (!found) throw notFound(`The insight ${arn} was not found`);
  return found.value;
}

type Shown = NonNullable<Output<"GetInsights">["Insights"]>[number];

function shown({ arn, name, filters, groupBy: by }: Insight): Shown {
  return { InsightArn: arn, Name: name, Filters: filters as Shown["Filters"], GroupByAttribute: by };
}
