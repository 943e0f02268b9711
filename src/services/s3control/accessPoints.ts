/**
 * Access points and their policies.
 * Source: Amazon S3 User Guide, "Creating access points", "Access points restrictions and limitations"; Amazon S3
 * Control API Reference.
 */
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import { parsePolicy } from "#policy/parse.ts";
import { checkResourceScope } from "#policy/resourceScope.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { isPublicPolicy } from "#engines/publicPolicy/publicPolicy.ts";
import type { In, Out } from "./sdk.ts";
import {
  installation,
  noSuchAccessPoint,
  ofAccount,
  ofRegion,
  publicAccessBlock,
  requireAccount,
  type AccessPoint,
  type PublicAccessBlock,
} from "./state.ts";

const namePattern = /^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$/;
const allBlocked: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

export function accessPointArn(ctx: CallContext, account: string, name: string): string {
  return `arn:${ctx.partition}:s3:${ctx.region}:${account}:accesspoint/${name}`;
}

/** The name alone, where clients also give an ARN. */
export function nameOf(name: string | undefined): string {
  return name?.split(/[:/]/).at(-1) ?? "";
}

async function requirePoint(ctx: CallContext, input: { AccountId?: string | undefined; Name?: string | undefined }) {
  const account = requireAccount(ctx, input.AccountId);
  const name = nameOf(input.Name);
  const found = namePattern.test(name)
    ? await ctx.state.get<AccessPoint>("accessPoint", name, ofRegion(account, ctx.region))
    : undefined;
  if (!found) throw noSuchAccessPoint(name);
  return found.value;
}

export async function createAccessPoint(
  input: In<"CreateAccessPoint">,
  ctx: CallContext,
): Promise<Out<"CreateAccessPoint">> {
  const account = requireAccount(ctx, input.AccountId);
  const name = input.Name!;
  if (!namePattern.test(name) || name.endsWith("-s3alias")) {
    throw new AwsError("InvalidRequest", "The specified access point name is not valid.", 400);
  }
  if (input.VpcConfiguration) {
    throw new AwsError(
      "NotImplemented",
      "Access points in a VPC are not served: there is no VPC to bind them to.",
      501,
    );
  }
  if (input.Scope) throw new AwsError("NotImplemented", "Access points with a scope are not served.", 501);
  if (input.Tags?.length) throw new AwsError("NotImplemented", "Tags of access points are not served.", 501);
  const bucket = await ctx.state.get<{ owner: string; region: string }>("bucket", nameOf(input.Bucket), installation);
  if (bucket?.value.owner !== (input.BucketAccountId ?? account) || bucket.value.region !== ctx.region) {
    throw new AwsError("InvalidRequest", "Amazon S3 AccessPoints can only be created for existing bucket", 400);
  }
  const at = ofRegion(account, ctx.region);
  if (await ctx.state.get("accessPoint", name, at)) {
    throw new AwsError(
      "AccessPointAlreadyOwnedByYou",
      "Your previous request to create the named accesspoint succeeded and you already own it.",
      409,
      {
        fields: { AccessPointName: name },
      },
    );
  }
  const alias = `${base36Id(`${name.slice(0, 20).replace(/-$/, "")}-`, 34, ctx.random)}-s3alias`;
  const point: AccessPoint = {
    name,
    account,
    region: ctx.region,
    bucket: nameOf(input.Bucket),
    bucketAccount: bucket.value.owner,
    alias,
    createdAt: ctx.now,
    publicAccessBlock: input.PublicAccessBlockConfiguration
      ? publicAccessBlock(input.PublicAccessBlockConfiguration)
      : allBlocked,
  };
  ctx.state.put("accessPoint", name, point, { indexes: { bucket: point.bucket }, at });
  ctx.state.put("accessPointAlias", alias, { name, account, region: ctx.region }, { version: 0, at: installation });
  ctx.state.check("bucket", point.bucket, installation);
  return { AccessPointArn: accessPointArn(ctx, account, name), Alias: alias };
}

export async function getAccessPoint(input: In<"GetAccessPoint">, ctx: CallContext): Promise<Out<"GetAccessPoint">> {
  const point = await requirePoint(ctx, input);
  return {
    ...listed(ctx, point),
    PublicAccessBlockConfiguration: point.publicAccessBlock,
    CreationDate: new Date(point.createdAt),
  };
}

function listed(ctx: CallContext, point: AccessPoint) {
  return {
    Name: point.name,
    NetworkOrigin: "Internet" as const,
    Bucket: point.bucket,
    BucketAccountId: point.bucketAccount,
    AccessPointArn: accessPointArn(ctx, point.account, point.name),
    Alias: point.alias,
  };
}

export async function listAccessPoints(
  input: In<"ListAccessPoints">,
  ctx: CallContext,
): Promise<Out<"ListAccessPoints">> {
  const account = requireAccount(ctx, input.AccountId);
  const limit = Math.min(Math.max(input.MaxResults ?? 1000, 1), 1000);
  const after = input.NextToken === undefined ? undefined : Buffer.from(input.NextToken, "base64url").toString("utf8");
  if (after !== undefined && !namePattern.test(after)) {
    throw new AwsError("InvalidNextTokenException", "The specified token is not valid.", 400);
  }
  const points: AccessPoint[] = [];
  let cursor = after;
  let more = true;
  while (more && points.length <= limit) {
    const page: { items: { key: { id: string }; value: AccessPoint }[]; next?: string } =
      await ctx.state.list<AccessPoint>(
        "accessPoint",
        cursor === undefined ? {} : { after: cursor },
        ofRegion(account, ctx.region),
      );
    for (const { value } of page.items) {
      if (input.Bucket === undefined || value.bucket === nameOf(input.Bucket)) points.push(value);
    }
    cursor = page.next;
    more = page.next !== undefined;
  }
  const shown = points.slice(0, limit);
  return {
    AccessPointList: shown.map((point) => listed(ctx, point)),
    ...(points.length > limit ? { NextToken: Buffer.from(shown.at(-1)!.name).toString("base64url") } : {}),
  };
}

export async function deleteAccessPoint(
  input: In<"DeleteAccessPoint">,
  ctx: CallContext,
): Promise<Out<"DeleteAccessPoint">> {
  const point = await requirePoint(ctx, input);
  ctx.state.delete("accessPoint", point.name, { at: ofRegion(point.account, point.region) });
  ctx.state.delete("accessPointAlias", point.alias, { version: "any", at: installation });
  return {};
}

export async function putAccessPointPolicy(
  input: In<"PutAccessPointPolicy">,
  ctx: CallContext,
): Promise<Out<"PutAccessPointPolicy">> {
  const point = await requirePoint(ctx, input);
  const document = input.Policy ?? "";
  const arn = accessPointArn(ctx, point.account, point.name);
  checkResourceScope(parsePolicy(document, "resource"), "s3", (resource) => typesWithin(arn, resource));
  const account = await ctx.state.get<PublicAccessBlock>(
    "accountPublicAccessBlock",
    "configuration",
    ofAccount(point.account),
  );
  const blocked = point.publicAccessBlock.BlockPublicPolicy || account?.value.BlockPublicPolicy === true;
  if (blocked && isPublicPolicy(document)) {
    throw new AwsError(
      "AccessDenied",
      "Public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
      403,
    );
  }
  const { boundPolicy: _, ...rest } = point;
  const kept = await keepPolicy(
    ctx.identity,
    document,
    () => new AwsError("MalformedPolicy", "Invalid principal in policy", 400),
  );
  put(ctx, { ...rest, ...kept });
  return {};
}

/**
 * An access point's policy speaks of that access point and of objects through it. What it passes on is the bucket's
 * (the service authorization reference does not list the access point for all of that, e.g. for ListMultipartUploads).
 * Source: Amazon S3 User Guide, "Access point compatibility with AWS services", "… with S3 operations".
 */
function typesWithin(point: string, resource: string): readonly string[] | undefined {
  if (resource === point) return ["accesspoint", "bucket"];
  return resource.startsWith(`${point}/object/`) ? ["accesspointobject", "object"] : undefined;
}

function put(ctx: CallContext, point: AccessPoint): void {
  const at = ofRegion(point.account, point.region);
  ctx.state.put("accessPoint", point.name, point, { indexes: { bucket: point.bucket }, at });
}

const noPolicy = () => new AwsError("NoSuchAccessPointPolicy", "The specified accesspoint policy does not exist", 404);

export async function getAccessPointPolicy(
  input: In<"GetAccessPointPolicy">,
  ctx: CallContext,
): Promise<Out<"GetAccessPointPolicy">> {
  const { policy, boundPolicy } = await requirePoint(ctx, input);
  if (policy === undefined) throw noPolicy();
  return { Policy: await shownPolicy(ctx.identity, policy, boundPolicy) };
}

export async function getAccessPointPolicyStatus(
  input: In<"GetAccessPointPolicyStatus">,
  ctx: CallContext,
): Promise<Out<"GetAccessPointPolicyStatus">> {
  const { policy } = await requirePoint(ctx, input);
  if (policy === undefined) throw noPolicy();
  return { PolicyStatus: { IsPublic: isPublicPolicy(policy) } };
}

export async function deleteAccessPointPolicy(
  input: In<"DeleteAccessPointPolicy">,
  ctx: CallContext,
): Promise<Out<"DeleteAccessPointPolicy">> {
  const { policy: _policy, boundPolicy: _bound, ...point } = await requirePoint(ctx, input);
  put(ctx, point);
  return {};
}
