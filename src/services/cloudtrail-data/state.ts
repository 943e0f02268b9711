/** What is read of CloudTrail's channels. CloudTrail writes it; events reach it through the stream. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { KeptPolicy } from "#gateway/boundPolicy.ts";
import type { At, CallContext } from "#gateway/context.ts";

export interface Channel {
  id: string;
  arn: string;
  account: string;
  region: string;
  tags: Record<string, string>;
}

export interface ChannelAddress {
  account: string;
  region: string;
  id: string;
}

/** The stream that CloudTrail follows, keyed by channel. */
export const activityStream = "cloudtrail-activity";

const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** ARN or ID. The Region is the call's. @throws InvalidChannelARN */
export function addressOf(ctx: CallContext, given: string): ChannelAddress {
  if (idForm.test(given)) return { account: ctx.account, region: ctx.region, id: given };
  const arn = parseArn(given);
  const id = arn?.service === "cloudtrail" && arn.resource.startsWith("channel/") ? arn.resource.slice(8) : undefined;
  if (!arn || !id || !idForm.test(id) || arn.region !== ctx.region) {
    throw new AwsError("InvalidChannelARN", "The specified channel ARN is not a valid channel ARN.", 400);
  }
  return { account: arn.account, region: arn.region, id };
}

function inCloudTrail({ account, region }: ChannelAddress): At {
  return { account, region, service: "cloudtrail" };
}

export async function findChannel(ctx: CallContext, address: ChannelAddress): Promise<Channel | undefined> {
  return (await ctx.state.get<Channel>("channel", address.id, inCloudTrail(address)))?.value;
}

export async function policyOf(ctx: CallContext, channel: Channel): Promise<KeptPolicy | undefined> {
  const found = await ctx.state.get<KeptPolicy>("resourcePolicy", channel.arn, inCloudTrail(channel));
  return found?.value;
}
