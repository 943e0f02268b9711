/**
 * What GuardDuty reads of a bucket for a finding, with the rights of its service-linked role and no others: what that
 * role may not read is not shown, and not assumed.
 * Source: GuardDuty User Guide, "Service-linked role permissions for GuardDuty"; API Reference, S3BucketDetail.
 */
import { AwsError } from "#kernel/errors.ts";
import { partitionOf } from "#kernel/arn.ts";
import type { BlockPublicAccess, BucketBlocks } from "#engines/guard/detection.ts";
import type { Clients } from "#gateway/clients.ts";
import type { ReactorContext } from "#gateway/context.ts";
import type { S3BucketDetail } from "./sdk.ts";
import { detectorArn, servicePrincipal, serviceRoleArn, type Detector } from "./state.ts";

export interface BucketReading {
  detail: S3BucketDetail;
  blocks: BucketBlocks;
}

/** What is known of a bucket; absent members could not be read. */
interface BucketFacts {
  /** Permissions of everyone, and of everyone with an AWS account. */
  acl?: readonly string[];
  policyIsPublic?: boolean;
  blocks: BucketBlocks;
}

/** What S3 answers when something is simply not set. */
const unset =
  /^(NoSuch(BucketPolicy|TagSet|PublicAccessBlockConfiguration)|ServerSideEncryptionConfigurationNotFoundError)$/;

/** The answer, "unset" when there is none, "unknown" when it may not be read. */
async function ask<T>(call: Promise<T>): Promise<T | "unset" | "unknown"> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    return unset.test(error.code) ? "unset" : "unknown";
  }
}

const groups = "http://acs.amazonaws.com/groups/global/";

export async function readBucket(ctx: ReactorContext, detector: Detector, bucket: string): Promise<BucketReading> {
  const { account, region } = detector;
  const clients = ctx.asRole(serviceRoleArn(account, region), "GuardDuty", servicePrincipal, {
    account,
    region,
    sourceArn: detectorArn(detector),
  });
  const at = { Bucket: bucket };
  const [acl, policy, bucketBlock, accountBlock, tags, encryption, created] = await Promise.all([
    ask(clients.s3.GetBucketAcl(at)),
    ask(clients.s3.GetBucketPolicyStatus(at)),
    ask(clients.s3.GetPublicAccessBlock(at)),
    ask(clients.s3control.GetPublicAccessBlock({ AccountId: account })),
    ask(clients.s3.GetBucketTagging(at)),
    ask(clients.s3.GetBucketEncryption(at)),
    ask(creationOf(clients, bucket)),
  ]);
  const permissions = (group: string): string[] =>
    answer(acl)?.Grants?.flatMap(({ Grantee, Permission }) =>
      Grantee?.URI === groups + group && Permission !== undefined ? [Permission] : [],
    ) ?? [];
  const facts: BucketFacts = {
    ...(acl === "unknown" || acl === "unset"
      ? {}
      : { acl: [...permissions("AllUsers"), ...permissions("AuthenticatedUsers")] }),
    ...(policy === "unknown" ? {} : { policyIsPublic: answer(policy)?.PolicyStatus?.IsPublic === true }),
    blocks: { ...blockOf("bucket", bucketBlock), ...blockOf("account", accountBlock) },
  };
  const rule = answer(encryption)?.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
  const owner = answer(acl)?.Owner?.ID;
  const createdAt = answer(created);
  const detail: S3BucketDetail = {
    Arn: `arn:${partitionOf(region)}:s3:::${bucket}`,
    Name: bucket,
    Type: "Destination",
    ...(createdAt === undefined ? {} : { CreatedAt: createdAt }),
    ...(owner === undefined ? {} : { Owner: { Id: owner } }),
    Tags: (answer(tags)?.TagSet ?? []).map(({ Key, Value }) => ({ Key, Value })),
    ...(rule?.SSEAlgorithm === undefined
      ? {}
      : {
          DefaultServerSideEncryption: {
            EncryptionType: rule.SSEAlgorithm,
            ...(rule.KMSMasterKeyID === undefined ? {} : { KmsMasterKeyArn: rule.KMSMasterKeyID }),
          },
        }),
    PublicAccess: publicAccess(facts),
  };
  return { detail, blocks: facts.blocks };
}

function answer<T>(asked: T | "unset" | "unknown"): T | undefined {
  return asked === "unset" || asked === "unknown" ? undefined : asked;
}

async function creationOf(clients: Clients, bucket: string): Promise<Date | undefined> {
  const { Buckets } = await clients.s3.ListBuckets({ Prefix: bucket });
  return Buckets?.find(({ Name }) => Name === bucket)?.CreationDate;
}

const open: BlockPublicAccess = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

type BlockAnswer =
  | { PublicAccessBlockConfiguration?: import("@aws-sdk/client-s3").PublicAccessBlockConfiguration | undefined }
  | "unset"
  | "unknown";

function blockOf(name: keyof BucketBlocks, asked: BlockAnswer): BucketBlocks {
  if (asked === "unknown") return {};
  const configuration = answer(asked)?.PublicAccessBlockConfiguration;
  const block: BlockPublicAccess =
    configuration === undefined
      ? open
      : {
          blockPublicAcls: configuration.BlockPublicAcls === true,
          ignorePublicAcls: configuration.IgnorePublicAcls === true,
          blockPublicPolicy: configuration.BlockPublicPolicy === true,
          restrictPublicBuckets: configuration.RestrictPublicBuckets === true,
        };
  return { [name]: block };
}

const reading = new Set(["READ", "FULL_CONTROL"]);
const writing = new Set(["WRITE", "FULL_CONTROL"]);

function publicAccess({ acl, policyIsPublic, blocks: { bucket, account } }: BucketFacts) {
  const everyone = acl ?? [];
  const ignored = bucket?.ignorePublicAcls === true || account?.ignorePublicAcls === true;
  const restricted = bucket?.restrictPublicBuckets === true || account?.restrictPublicBuckets === true;
  const isPublic = (everyone.length > 0 && !ignored) || (policyIsPublic === true && !restricted);
  const unknown = acl === undefined || policyIsPublic === undefined;
  return {
    EffectivePermission: isPublic ? "PUBLIC" : unknown ? "UNKNOWN" : "NOT_PUBLIC",
    PermissionConfiguration: {
      BucketLevelPermissions: {
        ...(acl === undefined
          ? {}
          : {
              AccessControlList: {
                AllowsPublicReadAccess: everyone.some((permission) => reading.has(permission)),
                AllowsPublicWriteAccess: everyone.some((permission) => writing.has(permission)),
              },
            }),
        // S3 says whether the policy is public, not to what: both are said of a public one.
        ...(policyIsPublic === undefined
          ? {}
          : { BucketPolicy: { AllowsPublicReadAccess: policyIsPublic, AllowsPublicWriteAccess: policyIsPublic } }),
        ...(bucket === undefined ? {} : { BlockPublicAccess: capital(bucket) }),
      },
      ...(account === undefined ? {} : { AccountLevelPermissions: { BlockPublicAccess: capital(account) } }),
    },
  };
}

function capital(block: BlockPublicAccess) {
  return {
    BlockPublicAcls: block.blockPublicAcls,
    IgnorePublicAcls: block.ignorePublicAcls,
    BlockPublicPolicy: block.blockPublicPolicy,
    RestrictPublicBuckets: block.restrictPublicBuckets,
  };
}
