/**
 * A trail's topic is told of every log file that has been delivered.
 * Source: CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail" (message `s3Bucket`,
 * `s3ObjectKey`; topic policy for cloudtrail.amazonaws.com with the trail as source).
 */
import { parseArn, partitionOf } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import { reportFailure, trailPrincipal, updateStatus } from "./delivery.ts";
import { noTopic } from "./errors.ts";
import type { Trail } from "./state.ts";

/** The topic after a call: a name is one of the trail's own account and Region, the empty text takes it away. */
export function withTopic(
  before: string | undefined,
  named: string | undefined,
  home: Pick<Trail, "account" | "homeRegion">,
): { topic?: string } {
  if (named === undefined) return before === undefined ? {} : { topic: before };
  if (named === "") return {};
  const region = home.homeRegion;
  const arn = named.startsWith("arn:") ? named : `arn:${partitionOf(region)}:sns:${region}:${home.account}:${named}`;
  const parsed = parseArn(arn);
  if (parsed?.service !== "sns" || parsed.region !== region || !/^[A-Za-z0-9_-]{1,256}$/.test(parsed.resource)) {
    throw noTopic();
  }
  return { topic: arn };
}

/** CloudTrail writes to a new topic once before it takes it. @throws InsufficientSnsTopicPolicyException */
export async function checkTopic(ctx: CallContext, trail: Trail, topic: string): Promise<void> {
  await ctx.once("topic", async () => {
    const where = { account: trail.account, region: trail.homeRegion };
    const aws = ctx.asService(trailPrincipal, { ...where, sourceArn: trail.arn, sourceAccount: trail.account });
    try {
      await aws.sns.Publish({ TopicArn: topic, Message: "CloudTrail validation message." });
    } catch (error) {
      if (error instanceof AwsError && error.status < 500) throw noTopic();
      throw error;
    }
  });
}

/** A topic that cannot be written to holds up no log file; GetTrailStatus says why. */
export async function notifyTopic(ctx: JobContext, trail: Trail, key: string): Promise<void> {
  if (trail.topic === undefined) return;
  const where = { account: trail.account, region: trail.homeRegion };
  const { sns } = ctx.asService(trailPrincipal, { ...where, sourceArn: trail.arn });
  const Message = JSON.stringify({ s3Bucket: trail.bucket, s3ObjectKey: [key] });
  try {
    await sns.Publish({ TopicArn: trail.topic, Message, Subject: "CloudTrail notification" });
  } catch (error) {
    return await reportFailure(ctx, trail, "notificationError", error);
  }
  const notifiedAt = ctx.clock.now();
  await updateStatus(ctx, trail, ({ notificationError: _cleared, ...status }) => ({ ...status, notifiedAt }));
}
