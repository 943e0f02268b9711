/** PutBucketCors, GetBucketCors, DeleteBucketCors. */
import type { CORSRule } from "@aws-sdk/client-s3";
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { invalidRequest, malformedXml, noSuchConfiguration } from "../errors.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket, type CorsRule } from "../state.ts";

const methods = new Set(["GET", "PUT", "HEAD", "POST", "DELETE"]);
const maxRules = 100;

export async function putBucketCors(input: In<"PutBucketCors">, ctx: CallContext): Promise<Out<"PutBucketCors">> {
  const bucket = await requireBucket(ctx, input);
  const rules = input.CORSConfiguration?.CORSRules ?? [];
  if (rules.length === 0 || rules.length > maxRules) throw malformedXml();
  putBucket(ctx, { ...bucket, cors: rules.map(checkRule) });
  return {};
}

function checkRule(rule: CORSRule): CorsRule {
  const { AllowedMethods: allowed = [], AllowedOrigins: origins = [] } = rule;
  if (allowed.length === 0 || origins.length === 0) throw malformedXml();
  for (const method of allowed) {
    if (!methods.has(method)) {
      throw invalidRequest(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
    }
  }
  for (const origin of origins) {
    if (origin.split("*").length > 2) {
      throw invalidRequest(`AllowedOrigin "${origin}" can not have more than one wildcard.`);
    }
  }
  for (const header of rule.AllowedHeaders ?? []) {
    if (header.split("*").length > 2) {
      throw invalidRequest(`AllowedHeader "${header}" can not have more than one wildcard.`);
    }
  }
  return {
    ...(rule.ID === undefined ? {} : { ID: rule.ID }),
    ...(rule.AllowedHeaders ? { AllowedHeaders: rule.AllowedHeaders } : {}),
    AllowedMethods: allowed,
    AllowedOrigins: origins,
    ...(rule.ExposeHeaders ? { ExposeHeaders: rule.ExposeHeaders } : {}),
    ...(rule.MaxAgeSeconds === undefined ? {} : { MaxAgeSeconds: rule.MaxAgeSeconds }),
  };
}

export async function getBucketCors(input: In<"GetBucketCors">, ctx: CallContext): Promise<Out<"GetBucketCors">> {
  const bucket = await requireBucket(ctx, input);
  if (!bucket.cors) throw noSuchConfiguration.cors(bucket.name);
  return { CORSRules: bucket.cors };
}

export async function deleteBucketCors(
  input: In<"DeleteBucketCors">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketCors">> {
  const { cors: _, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}
