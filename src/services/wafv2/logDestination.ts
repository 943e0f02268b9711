/**
 * Where the log of a web ACL goes. Setting it up gives the delivery service its rights in the caller's name: a resource
 * policy of CloudWatch Logs, or statements in the bucket's policy, as AWS WAF does.
 * Source: AWS WAF Developer Guide, "Sending web ACL traffic logs to …"; CloudWatch Logs User Guide, "Enable logging from
 * AWS services" (vended logs, permissions V1).
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter, noLogPermission, notServed, reasons } from "./errors.ts";

export const deliveryPrincipal = "delivery.logs.amazonaws.com";

export type Destination =
  | { kind: "logs"; arn: string; group: string }
  | { kind: "s3"; arn: string; bucket: string; prefix: string };

const groupArn = /^arn:[a-z-]+:logs:([a-z0-9-]+):(\d{12}):log-group:(aws-waf-logs-[\w.\-/#]{1,499})(?::\*)?$/;
const bucketArn = /^arn:[a-z-]+:s3:::(aws-waf-logs-[a-z0-9.-]{1,50})(?:\/(.+))?$/;

/** @throws WAFInvalidParameterException */
export function parseDestination(arn: string, place?: { account: string; region: string }): Destination {
  const group = groupArn.exec(arn);
  if (group && (!place || (group[1] === place.region && group[2] === place.account))) {
    return { kind: "logs", arn: arn.replace(/:\*$/, ""), group: group[3]! };
  }
  const bucket = bucketArn.exec(arn);
  if (bucket) return { kind: "s3", arn, bucket: bucket[1]!, prefix: (bucket[2] ?? "").replace(/\/$/, "") };
  if (/^arn:[a-z-]+:firehose:/.test(arn)) throw notServed("LOG_DESTINATION", arn, "Firehose streams are");
  throw invalidParameter("LOG_DESTINATION", arn, reasons.formatting);
}

/** @throws WAFLogDestinationPermissionIssueException, WAFInvalidParameterException */
export async function grantDelivery(ctx: CallContext, destination: Destination): Promise<void> {
  try {
    if (destination.kind === "logs") await grantOnGroup(ctx, destination);
    else await grantOnBucket(ctx, destination);
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500 || error.code.startsWith("WAF")) throw error;
    throw noLogPermission(error);
  }
}

const policyName = "AWSWAF-LOGS";

interface PolicyDocument {
  Version: string;
  Id?: string;
  Statement: Record<string, unknown>[];
}

async function grantOnGroup(ctx: CallContext, { group, arn }: Extract<Destination, { kind: "logs" }>): Promise<void> {
  const { logGroups } = await ctx.aws.logs.DescribeLogGroups({ logGroupNamePrefix: group });
  if (!(logGroups ?? []).some(({ logGroupName }) => logGroupName === group))
    throw invalidParameter("LOG_DESTINATION", arn, reasons.reference);
  const { resourcePolicies } = await ctx.aws.logs.DescribeResourcePolicies({});
  const text = (resourcePolicies ?? []).find((policy) => policy.policyName === policyName)?.policyDocument;
  const resource = `${arn}:log-stream:*`;
  const policy = (text === undefined ? undefined : (JSON.parse(text) as PolicyDocument)) ?? {
    Version: "2012-10-17",
    Statement: [],
  };
  if (JSON.stringify(policy).includes(JSON.stringify(resource))) return;
  policy.Statement.push({
    Effect: "Allow",
    Principal: { Service: deliveryPrincipal },
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Resource: [resource],
    Condition: {
      StringEquals: { "aws:SourceAccount": [ctx.account] },
      ArnLike: { "aws:SourceArn": [`arn:${ctx.partition}:logs:${ctx.region}:${ctx.account}:*`] },
    },
  });
  await ctx.aws.logs.PutResourcePolicy({ policyName, policyDocument: JSON.stringify(policy) });
}

async function grantOnBucket(ctx: CallContext, destination: Extract<Destination, { kind: "s3" }>): Promise<void> {
  const { bucket, prefix } = destination;
  const arn = `arn:${ctx.partition}:s3:::${bucket}`;
  const resource = `${arn}/${prefix === "" ? "" : `${prefix}/`}AWSLogs/${ctx.account}/*`;
  const policy = await bucketPolicy(ctx, bucket, destination.arn);
  const ours = policy.Statement.some(
    ({ Principal, Resource }) =>
      JSON.stringify(Principal ?? "").includes(deliveryPrincipal) && [Resource].flat().includes(resource),
  );
  if (ours) return;
  const from = {
    StringEquals: { "aws:SourceAccount": [ctx.account] },
    ArnLike: { "aws:SourceArn": [`arn:${ctx.partition}:logs:${ctx.region}:${ctx.account}:*`] },
  };
  policy.Statement.push(
    {
      Sid: `AWSLogDeliveryWrite${policy.Statement.length + 1}`,
      Effect: "Allow",
      Principal: { Service: deliveryPrincipal },
      Action: "s3:PutObject",
      Resource: resource,
      Condition: { ...from, StringEquals: { ...from.StringEquals, "s3:x-amz-acl": "bucket-owner-full-control" } },
    },
    {
      Sid: `AWSLogDeliveryAclCheck${policy.Statement.length + 1}`,
      Effect: "Allow",
      Principal: { Service: deliveryPrincipal },
      Action: "s3:GetBucketAcl",
      Resource: arn,
      Condition: from,
    },
  );
  await ctx.aws.s3.PutBucketPolicy({ Bucket: bucket, Policy: JSON.stringify(policy) });
}

async function bucketPolicy(ctx: CallContext, bucket: string, arn: string): Promise<PolicyDocument> {
  try {
    const { Policy } = await ctx.aws.s3.GetBucketPolicy({ Bucket: bucket });
    return JSON.parse(Policy ?? "") as PolicyDocument;
  } catch (error) {
    if (error instanceof AwsError && error.code === "NoSuchBucketPolicy")
      return { Version: "2012-10-17", Statement: [] };
    if (error instanceof AwsError && error.code === "NoSuchBucket")
      throw invalidParameter("LOG_DESTINATION", arn, reasons.reference);
    throw error;
  }
}
