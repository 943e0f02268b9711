/**
 * What the edge saw: sampled requests, addresses over the limits of rate-based rules.
 * Source: AWS WAF API Reference, GetSampledRequests (three hours), GetRateBasedStatementManagedKeys.
 */
import type { SampledHTTPRequest } from "@aws-sdk/client-wafv2";
import type { CallContext } from "#gateway/context.ts";
import type { ReportedSample } from "#engines/waf/contract.ts";
import { openReport } from "#engines/waf/index.ts";
import type { Rule } from "#engines/waf/model.ts";
import { documentKey } from "#engines/waf/index.ts";
import type { RuleGroupDocument } from "#engines/waf/model.ts";
import { invalidParameter, nonexistent, reasons, unsupportedKeys } from "../errors.ts";
import type { WafHandlers } from "../sdk.ts";
import { findByArn, type RateKeysDocument, type ReportDocument, requireNamed, timeText, types } from "../state.ts";

export const sampleKeptMs = 3 * 3_600_000;
/** Source: GetSampledRequests: "from among the first 5,000 requests". */
const mostLookedAt = 5_000;

export const sampleHandlers = {
  async GetSampledRequests(input, ctx) {
    const webAcl = await findByArn(ctx, "webacl", input.WebAclArn);
    if (!webAcl) throw nonexistent();
    const start = Math.max(input.TimeWindow!.StartTime!.getTime(), ctx.now - sampleKeptMs);
    const end = input.TimeWindow!.EndTime!.getTime();
    if (end < start) throw invalidParameter("ENTITY_LIMIT", "TimeWindow", reasons.formatting);
    const samples = await samplesOf(ctx, webAcl.arn, webAcl.id, input.RuleMetricName!, start, end);
    const most = input.MaxItems!;
    return {
      SampledRequests: samples.slice(0, most).map(shown),
      PopulationSize: samples.reduce((sum, { weight }) => sum + weight, 0),
      TimeWindow: { StartTime: new Date(start), EndTime: new Date(end) },
    };
  },

  async GetRateBasedStatementManagedKeys(input, ctx) {
    const webAcl = await requireNamed(ctx, "webacl", {
      Scope: input.Scope,
      Id: input.WebACLId,
      Name: input.WebACLName,
    });
    const rules =
      input.RuleGroupRuleName === undefined
        ? webAcl.rules
        : await groupRules(ctx, webAcl.rules, input.RuleGroupRuleName);
    const statement = rules.find(({ Name }) => Name === input.RuleName)?.Statement.RateBasedStatement;
    if (!statement) throw nonexistent();
    if (statement.AggregateKeyType !== "IP" && statement.AggregateKeyType !== "FORWARDED_IP") throw unsupportedKeys();
    const counter = [
      webAcl.arn,
      ...(input.RuleGroupRuleName === undefined ? [] : [input.RuleGroupRuleName]),
      input.RuleName!,
    ].join("|");
    const found = await ctx.state.get<RateKeysDocument>(types.rateKeys, webAcl.id);
    const addresses = found?.value.keys[counter] ?? [];
    return {
      ManagedKeysIPV4: {
        IPAddressVersion: "IPV4",
        Addresses: addresses.filter((each) => !each.includes(":")).map((each) => `${each}/32`),
      },
      ManagedKeysIPV6: {
        IPAddressVersion: "IPV6",
        Addresses: addresses.filter((each) => each.includes(":")).map((each) => `${each}/128`),
      },
    };
  },
} satisfies WafHandlers;

async function groupRules(ctx: CallContext, rules: readonly Rule[], name: string): Promise<readonly Rule[]> {
  const arn = rules.find(({ Name }) => Name === name)?.Statement.RuleGroupReferenceStatement?.ARN;
  if (arn === undefined) throw nonexistent();
  const key = documentKey(arn)!;
  const found = await ctx.state.get<RuleGroupDocument>(key.type, key.id, { account: key.account, region: key.region });
  if (!found) throw nonexistent();
  return found.value.rules;
}

async function samplesOf(
  ctx: CallContext,
  arn: string,
  id: string,
  metric: string,
  start: number,
  end: number,
): Promise<ReportedSample[]> {
  const found: ReportedSample[] = [];
  // A report is filed under its first request, and spans a few seconds.
  const from = timeText(start - 60_000);
  let after: string | undefined;
  do {
    const page = await ctx.state.find<ReportDocument>(types.report, "metric", {
      from: `${id}/${metric}/${from}`,
      to: `${id}/${metric}/${timeText(end + 1)}`,
      limit: 200,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) {
      const { samples } = await openReport({ webAclArn: arn, sealed: value.sealed }, (...sealed) =>
        ctx.keys.reveal(...sealed),
      );
      found.push(
        ...samples.filter((sample) => sample.ruleMetric === metric && sample.time >= start && sample.time <= end),
      );
    }
    after = page.next;
  } while (after !== undefined && found.length < mostLookedAt);
  return found.slice(0, mostLookedAt);
}

function shown({ sample, weight, time }: ReportedSample): SampledHTTPRequest {
  return { ...(sample as unknown as SampledHTTPRequest), Weight: weight, Timestamp: new Date(time) };
}
