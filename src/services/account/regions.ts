/**
 * ListRegions, GetRegionOptStatus, EnableRegion, DisableRegion. A Region is open or closed as soon as the call is
 * answered: there is nothing to distribute. Source: Account Management API Reference.
 */
import type { CallContext } from "#gateway/context.ts";
import { PageTokens, pageOfNamed } from "#gateway/pageTokens.ts";
import { AwsError } from "#kernel/errors.ts";
import { defaultRegions, optInRegions } from "#kernel/regions.ts";
import { targetOf } from "./access.ts";
import { openedRegions, setRegion } from "./optedRegions.ts";
import type { Input, Output } from "./sdk.ts";

type Status = "ENABLED" | "DISABLED" | "ENABLED_BY_DEFAULT";

const mostRegions = 50;
const invalid = (message: string, reason: "invalidRegionOptTarget" | "fieldValidationFailed") =>
  new AwsError("ValidationException", message, 400, { fields: { reason } });
const tokens = new PageTokens("account", () => invalid("The NextToken is invalid.", "fieldValidationFailed"));

async function statuses(ctx: CallContext, account: string): Promise<{ RegionName: string; RegionOptStatus: Status }[]> {
  const opened = await openedRegions(ctx.state, account);
  const statusOf = (name: string): Status =>
    !optInRegions.has(name) || name === ctx.config.defaultRegion
      ? "ENABLED_BY_DEFAULT"
      : opened.has(name)
        ? "ENABLED"
        : "DISABLED";
  return [...defaultRegions, ...optInRegions]
    .toSorted()
    .map((RegionName) => ({ RegionName, RegionOptStatus: statusOf(RegionName) }));
}

async function found(ctx: CallContext, account: string, name: string) {
  const region = (await statuses(ctx, account)).find(({ RegionName }) => RegionName === name);
  if (!region) throw invalid(`The Region ${name} does not exist.`, "fieldValidationFailed");
  return region;
}

async function set(input: Input<"EnableRegion">, ctx: CallContext, enabled: boolean): Promise<Record<string, never>> {
  const account = targetOf(input, ctx);
  const { RegionName, RegionOptStatus } = await found(ctx, account, input.RegionName!);
  if (RegionOptStatus === "ENABLED_BY_DEFAULT") {
    const what = enabled ? "enable" : "disable";
    throw invalid(`You cannot ${what} ${RegionName}: it is enabled by default.`, "invalidRegionOptTarget");
  }
  await setRegion(ctx.state, account, RegionName, enabled);
  return {};
}

export const regionHandlers = {
  async ListRegions(input: Input<"ListRegions">, ctx: CallContext): Promise<Output<"ListRegions">> {
    const wanted: readonly string[] = input.RegionOptStatusContains ?? [];
    const listed = (await statuses(ctx, targetOf(input, ctx))).filter(
      ({ RegionOptStatus }) => wanted.length === 0 || wanted.includes(RegionOptStatus),
    );
    const paging = { after: tokens.read(input.NextToken), limit: input.MaxResults ?? mostRegions };
    const { items, next } = pageOfNamed(listed, paging, ({ RegionName }) => RegionName);
    return { Regions: items, ...(next === undefined ? {} : { NextToken: tokens.write(next) }) };
  },
  GetRegionOptStatus: (input: Input<"GetRegionOptStatus">, ctx: CallContext): Promise<Output<"GetRegionOptStatus">> =>
    found(ctx, targetOf(input, ctx), input.RegionName!),
  EnableRegion: (input: Input<"EnableRegion">, ctx: CallContext) => set(input, ctx, true),
  DisableRegion: (input: Input<"DisableRegion">, ctx: CallContext) => set(input, ctx, false),
};
