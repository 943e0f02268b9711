/**
 * Subscription filters need somewhere to deliver to. No destination that AWS knows is served here, so that each is
 * refused with what AWS answers when its test message cannot be delivered.
 */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter, notFound } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { requireGroup } from "../target.ts";
import { filterOf } from "./readEvents.ts";

/** Recorded in issues of serverless, terraform-provider-aws and aws-cdk. */
const undeliverable: Readonly<Record<string, string>> = {
  lambda:
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
  kinesis:
    "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state.",
  firehose:
    "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state.",
};

export async function putSubscriptionFilter(
  input: Input<"PutSubscriptionFilter">,
  ctx: CallContext,
): Promise<Output<"PutSubscriptionFilter">> {
  await requireGroup(ctx, input.logGroupName!);
  filterOf(input.filterPattern);
  const service = parseArn(input.destinationArn!)?.service ?? "";
  throw invalidParameter(undeliverable[service] ?? "The specified destination does not exist.");
}

export async function describeSubscriptionFilters(
  input: Input<"DescribeSubscriptionFilters">,
  ctx: CallContext,
): Promise<Output<"DescribeSubscriptionFilters">> {
  await requireGroup(ctx, input.logGroupName!);
  return { subscriptionFilters: [] };
}

export async function deleteSubscriptionFilter(
  input: Input<"DeleteSubscriptionFilter">,
  ctx: CallContext,
): Promise<Output<"DeleteSubscriptionFilter">> {
  await requireGroup(ctx, input.logGroupName!);
  throw notFound("The specified subscription filter does not exist.");
}
