/** CreateTrail, UpdateTrail, DeleteTrail, DescribeTrails, GetTrail, ListTrails. Source: CloudTrail API Reference. */
import { AwsError } from "#kernel/errors.ts";
import { everyRegion, type CallContext } from "#gateway/context.ts";
import {
  bucketPolicy,
  invalidCombination,
  invalidPrefix,
  keyPolicy,
  noBucket,
  tooManyTrails,
  trailExists,
} from "../errors.ts";
import { checkLogs, withLogs } from "../logDelivery.ts";
import { encryptionContext } from "../encryptionContext.ts";
import { keyArn } from "../key.ts";
import { managedOrganization } from "../organization.ts";
import { objectPrefix } from "../paths.ts";
import type { Input, Output } from "../sdk.ts";
import { checkTopic, withTopic } from "../topicDelivery.ts";
import { tagsOf } from "../tagged.ts";
import { addressOf, checkTrailName, putTrail, requireTrail, trailArn, type Trail, type TrailStatus } from "../state.ts";

/** "You can create up to five trails per Region", multi-Region trails of other Regions included. */
const mostTrails = 5;

export async function createTrail(input: Input<"CreateTrail">, ctx: CallContext): Promise<Output<"CreateTrail">> {
  const name = input.Name!;
  checkTrailName(name);
  if (await ctx.state.get<Trail>("trail", name)) throw trailExists(name, ctx.account);
  if ((await visibleTrails(ctx, true)).length >= mostTrails) throw tooManyTrails(ctx.account, ctx.region, mostTrails);
  const trail: Trail = {
    name,
    arn: trailArn(ctx, name),
    account: ctx.account,
    homeRegion: ctx.region,
    bucket: input.S3BucketName!,
    ...(input.S3KeyPrefix ? { prefix: checkPrefix(input.S3KeyPrefix) } : {}),
    ...(input.KmsKeyId ? { kmsKeyId: await keyArn(ctx, input.KmsKeyId) } : {}),
    globalServiceEvents: input.IncludeGlobalServiceEvents ?? true,
    multiRegion: input.IsMultiRegionTrail ?? false,
    ...(input.IsOrganizationTrail ? { organization: await managedOrganization(ctx) } : {}),
    logFileValidation: input.EnableLogFileValidation ?? false,
    ...withLogs(undefined, input),
    ...withTopic(undefined, input.SnsTopicName, { account: ctx.account, homeRegion: ctx.region }),
    logging: false,
    tags: tagsOf(input.TagsList),
    createdAt: ctx.now,
  };
  checkCombination(trail);
  await checkDelivery(ctx, trail);
  if (trail.topic !== undefined) await checkTopic(ctx, trail, trail.topic);
  if (trail.logs) await checkLogs(ctx, trail, trail.logs);
  putTrail(ctx, trail);
  return described(trail);
}

export async function updateTrail(input: Input<"UpdateTrail">, ctx: CallContext): Promise<Output<"UpdateTrail">> {
  const before = await requireTrail(ctx, input.Name!);
  const { kmsKeyId, prefix, organization, logs, topic, ...rest } = before;
  const key =
    input.KmsKeyId === undefined ? kmsKeyId : input.KmsKeyId === "" ? undefined : await keyArn(ctx, input.KmsKeyId);
  const newPrefix =
    input.S3KeyPrefix === undefined ? prefix : input.S3KeyPrefix === "" ? undefined : checkPrefix(input.S3KeyPrefix);
  const ofOrganization =
    input.IsOrganizationTrail === undefined
      ? organization
      : input.IsOrganizationTrail
        ? await managedOrganization(ctx)
        : undefined;
  const trail: Trail = {
    ...rest,
    bucket: input.S3BucketName ?? before.bucket,
    ...(newPrefix === undefined ? {} : { prefix: newPrefix }),
    ...(key === undefined ? {} : { kmsKeyId: key }),
    globalServiceEvents: input.IncludeGlobalServiceEvents ?? before.globalServiceEvents,
    multiRegion: input.IsMultiRegionTrail ?? before.multiRegion,
    ...(ofOrganization === undefined ? {} : { organization: ofOrganization }),
    logFileValidation: input.EnableLogFileValidation ?? before.logFileValidation,
    ...withLogs(logs, input),
    ...withTopic(topic, input.SnsTopicName, before),
  };
  checkCombination(trail);
  await checkDelivery(ctx, trail);
  if (trail.topic !== undefined && trail.topic !== topic) await checkTopic(ctx, trail, trail.topic);
  if (trail.logs && JSON.stringify(trail.logs) !== JSON.stringify(logs)) await checkLogs(ctx, trail, trail.logs);
  putTrail(ctx, trail);
  return described(trail);
}

export async function deleteTrail(input: Input<"DeleteTrail">, ctx: CallContext): Promise<Output<"DeleteTrail">> {
  const trail = await requireTrail(ctx, input.Name!);
  const at = { region: trail.homeRegion };
  ctx.state.delete("trail", trail.name, { at });
  ctx.state.delete("status", trail.name, { version: "any", at });
  return {};
}

export async function describeTrails(
  input: Input<"DescribeTrails">,
  ctx: CallContext,
): Promise<Output<"DescribeTrails">> {
  const names = input.trailNameList ?? [];
  const all = await visibleTrails(ctx, input.includeShadowTrails ?? true);
  const wanted = new Set(names.map((name) => addressOf(ctx, name).name));
  const arns = new Set(names.filter((name) => name.startsWith("arn:")));
  const shown = names.length === 0 ? all : all.filter((trail) => arns.has(trail.arn) || wanted.has(trail.name));
  return { trailList: shown.map((trail) => view(trail)) };
}

export async function getTrail(input: Input<"GetTrail">, ctx: CallContext): Promise<Output<"GetTrail">> {
  return { Trail: view(await requireTrail(ctx, input.Name!)) };
}

const listSize = 100;

export async function listTrails(input: Input<"ListTrails">, ctx: CallContext): Promise<Output<"ListTrails">> {
  const trails = (await allTrails(ctx)).toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
  const rest = trails.filter((trail) => input.NextToken === undefined || trail.arn > input.NextToken);
  const page = rest.slice(0, listSize);
  return {
    Trails: page.map(({ arn, name, homeRegion }) => ({ TrailARN: arn, Name: name, HomeRegion: homeRegion })),
    ...(rest.length > page.length ? { NextToken: page.at(-1)!.arn } : {}),
  };
}

export async function getTrailStatus(
  input: Input<"GetTrailStatus">,
  ctx: CallContext,
): Promise<Output<"GetTrailStatus">> {
  const trail = await requireTrail(ctx, input.Name!);
  const status = (await ctx.state.get<TrailStatus>("status", trail.name, { region: trail.homeRegion }))?.value ?? {};
  const time = (at: number | undefined) => (at === undefined ? undefined : new Date(at));
  const text = (at: number | undefined) => (at === undefined ? "" : new Date(at).toISOString());
  return {
    IsLogging: trail.logging,
    LatestDeliveryTime: time(status.deliveredAt),
    LatestDeliveryError: status.deliveryError,
    StartLoggingTime: time(status.startedAt),
    StopLoggingTime: time(status.stoppedAt),
    LatestCloudWatchLogsDeliveryTime: time(status.logsAt),
    LatestCloudWatchLogsDeliveryError: status.logsError,
    LatestDigestDeliveryTime: time(status.digestAt),
    LatestDigestDeliveryError: status.digestError,
    LatestDeliveryAttemptTime: text(status.deliveredAt),
    LatestDeliveryAttemptSucceeded: status.deliveryError ? "" : text(status.deliveredAt),
    LatestNotificationTime: time(status.notifiedAt),
    LatestNotificationError: status.notificationError,
    LatestNotificationAttemptTime: text(status.notifiedAt),
    LatestNotificationAttemptSucceeded: status.notificationError ? "" : text(status.notifiedAt),
    TimeLoggingStarted: text(status.startedAt),
    TimeLoggingStopped: text(status.stoppedAt),
  };
}

/** Trails of the Region, and with `shadows` those of other Regions that cover this one. */
async function visibleTrails(ctx: CallContext, shadows: boolean): Promise<Trail[]> {
  const trails = await allTrails(ctx);
  return trails.filter((trail) => trail.homeRegion === ctx.region || (shadows && trail.multiRegion));
}

async function allTrails(ctx: CallContext): Promise<Trail[]> {
  const page = await ctx.state.list<Trail>("trail", { limit: 1000 }, { region: everyRegion });
  return page.items.map(({ value }) => value);
}

function view(trail: Trail) {
  return {
    ...described(trail),
    HomeRegion: trail.homeRegion,
    HasCustomEventSelectors: trail.selectors !== undefined || trail.advancedSelectors !== undefined,
    HasInsightSelectors: false,
  };
}

function described(trail: Trail) {
  return {
    Name: trail.name,
    S3BucketName: trail.bucket,
    ...(trail.prefix === undefined ? {} : { S3KeyPrefix: trail.prefix }),
    ...(trail.topic === undefined
      ? {}
      : { SnsTopicName: trail.topic.slice(trail.topic.lastIndexOf(":") + 1), SnsTopicARN: trail.topic }),
    IncludeGlobalServiceEvents: trail.globalServiceEvents,
    IsMultiRegionTrail: trail.multiRegion,
    TrailARN: trail.arn,
    LogFileValidationEnabled: trail.logFileValidation,
    ...(trail.kmsKeyId === undefined ? {} : { KmsKeyId: trail.kmsKeyId }),
    ...(trail.logs
      ? { CloudWatchLogsLogGroupArn: `${trail.logs.groupArn}:*`, CloudWatchLogsRoleArn: trail.logs.roleArn }
      : {}),
    IsOrganizationTrail: trail.organization !== undefined,
  };
}

function checkCombination(trail: Trail): void {
  if (trail.multiRegion && !trail.globalServiceEvents) {
    throw invalidCombination("Multi-Region trail must include global service events.");
  }
}

function checkPrefix(prefix: string): string {
  if (prefix.length > 200) throw invalidPrefix("S3 prefix length exceeds the maximum of 200 characters.");
  return prefix;
}

/** CloudTrail itself tries to write where the trail will, so that a wrong policy is found now and not in silence later. */
async function checkDelivery(ctx: CallContext, trail: Trail): Promise<void> {
  const s3 = ctx.asService("cloudtrail.amazonaws.com", { sourceArn: trail.arn, sourceAccount: trail.account }).s3;
  const attempt = async (work: Promise<unknown>, denied: AwsError) => {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      ctx.log.info({ code: error.code, reason: error.message, trail: trail.arn }, "the trail cannot deliver");
      throw error.code === "NoSuchBucket" ? noBucket(trail.bucket) : denied;
    }
  };
  await attempt(s3.GetBucketAcl({ Bucket: trail.bucket }), bucketPolicy(trail.bucket));
  const put = {
    Bucket: trail.bucket,
    Key: `${objectPrefix(trail, trail.account)}/CloudTrail/`,
    Body: new Uint8Array(0),
  };
  await attempt(s3.PutObject({ ...put, ACL: "bucket-owner-full-control" }), bucketPolicy(trail.bucket));
  if (trail.kmsKeyId === undefined) return;
  await attempt(
    s3.PutObject({
      ...put,
      ACL: "bucket-owner-full-control",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: trail.kmsKeyId,
      SSEKMSEncryptionContext: encryptionContext(trail),
    }),
    keyPolicy(trail.bucket, trail.kmsKeyId),
  );
}
