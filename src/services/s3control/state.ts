/**
 * What S3 Control keeps. It is kept among S3's documents, because S3 reads it with every request: the account's
 * Block Public Access, and access points with their aliases.
 */
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import { globalRegion } from "#store/contract.ts";
import type { At, CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";

export interface PublicAccessBlock {
  BlockPublicAcls: boolean;
  IgnorePublicAcls: boolean;
  BlockPublicPolicy: boolean;
  RestrictPublicBuckets: boolean;
}

export interface AccessPoint {
  name: string;
  account: string;
  region: string;
  bucket: string;
  bucketAccount: string;
  alias: string;
  createdAt: number;
  publicAccessBlock: PublicAccessBlock;
  policy?: string;
  /** The policy as it is evaluated, where it names users or roles. */
  boundPolicy?: BoundPolicy;
}

export const installation: At = { account: "000000000000", region: globalRegion, service: "s3" };

export function ofAccount(account: string): At {
  return { account, region: globalRegion, service: "s3" };
}

export function ofRegion(account: string, region: string): At {
  return { account, region, service: "s3" };
}

/** Missing switches are off. */
export function publicAccessBlock(
  input: Partial<Record<keyof PublicAccessBlock, boolean | undefined>>,
): PublicAccessBlock {
  return {
    BlockPublicAcls: input.BlockPublicAcls ?? false,
    IgnorePublicAcls: input.IgnorePublicAcls ?? false,
    BlockPublicPolicy: input.BlockPublicPolicy ?? false,
    RestrictPublicBuckets: input.RestrictPublicBuckets ?? false,
  };
}

/** The account of the request, which must be the caller's own. */
export function requireAccount(ctx: CallContext, accountId: string | undefined): string {
  if (accountId === undefined || !/^\d{12}$/.test(accountId)) {
    throw new AwsError("InvalidRequest", "Missing required header or value for this request: x-amz-account-id", 400);
  }
  if (accountId !== ctx.account) throw new AwsError("AccessDenied", "Access Denied", 403);
  return accountId;
}

export const noSuchAccessPoint = (name: string) =>
  new AwsError("NoSuchAccessPoint", "The specified accesspoint does not exist", 404, {
    fields: { AccessPointName: name },
  });
