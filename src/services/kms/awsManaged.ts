/**
 * AWS managed keys: made when a service first needs one, or when somebody first looks at its alias. Their policy
 * lets the account look, and lets use them only through that service.
 * Source: KMS Developer Guide, "AWS managed keys" and "Default key policies for AWS managed keys" (the policies that
 * GetKeyPolicy returns for them, id `auto-<service>-N`).
 */
import type { CallContext } from "#gateway/context.ts";
import { holding } from "./errors.ts";
import { type AliasDocument, type KeyDocument, keyIndexes, newVersion, types } from "./state.ts";

interface AwsManagedRow {
  /** As the policy's Sid says it. */
  label: string;
  /** The service makes grants for its own resources. */
  grants?: true;
}

/** By the name in `alias/aws/…`, which is also the service's host label in `kms:ViaService`, except where `via` says. */
const rows: Readonly<Record<string, AwsManagedRow & { via?: string }>> = {
  acm: { label: "ACM", grants: true },
  backup: { label: "AWS Backup", grants: true },
  dynamodb: { label: "DynamoDB", grants: true },
  ebs: { label: "EBS", via: "ec2", grants: true },
  elasticfilesystem: { label: "EFS", grants: true },
  es: { label: "Elasticsearch", grants: true },
  kinesis: { label: "Kinesis", grants: true },
  lambda: { label: "AWS Lambda", grants: true },
  rds: { label: "RDS", grants: true },
  redshift: { label: "Redshift", grants: true },
  s3: { label: "S3" },
  secretsmanager: { label: "AWS Secrets Manager", grants: true },
  sns: { label: "SNS", grants: true },
  sqs: { label: "SQS" },
  ssm: { label: "AWS Systems Manager" },
};

const aliasPrefix = "alias/aws/";
const yearDays = 365;
const dayMs = 86_400_000;

export function isAwsAlias(name: string): boolean {
  return name.startsWith(aliasPrefix);
}

/** Stages the AWS managed key of an alias; `undefined` when no service has that name. */
export async function makeAwsManagedKey(ctx: CallContext, name: string): Promise<KeyDocument | undefined> {
  const service = name.slice(aliasPrefix.length);
  const row = Object.hasOwn(rows, service) ? rows[service] : undefined;
  if (!row) return undefined;
  const key = await ctx.once(`aws-managed-key ${name}`, async (): Promise<KeyDocument> => {
    const keyId = ctx.random.uuid();
    const arn = `arn:${ctx.partition}:kms:${ctx.region}:${ctx.account}:key/${keyId}`;
    const base = { arn, spec: "SYMMETRIC_DEFAULT", versions: [] } as const;
    const first = await holding(newVersion(ctx, { ...base, versions: [] }, ctx.now), arn);
    return {
      ...base,
      keyId,
      account: ctx.account,
      region: ctx.region,
      description: `Default key that protects my ${row.label} data when no other key is defined`,
      usage: "ENCRYPT_DECRYPT",
      state: "Enabled",
      manager: "AWS",
      createdAt: ctx.now,
      policy: policyOf(service, row, ctx),
      tags: {},
      aliases: [name],
      grants: 0,
      versions: [first],
      rotation: { periodDays: yearDays, nextAt: ctx.now + yearDays * dayMs },
    };
  });
  const alias: AliasDocument = { name, targetKeyId: key.keyId, createdAt: ctx.now, updatedAt: ctx.now };
  ctx.state.put(types.key, key.keyId, key, { indexes: keyIndexes(key), version: 0 });
  ctx.state.put(types.alias, name, alias, { version: 0 });
  return key;
}

function policyOf(service: string, row: AwsManagedRow & { via?: string }, ctx: CallContext): string {
  const use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"];
  if (row.grants) use.push("kms:CreateGrant");
  use.push("kms:DescribeKey");
  return JSON.stringify({
    Version: "2012-10-17",
    Id: `auto-${service}-2`,
    Statement: [
      {
        Sid: `Allow access through ${row.label} for all principals in the account that are authorized to use ${row.label}`,
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: use,
        Resource: "*",
        Condition: {
          StringEquals: {
            "kms:ViaService": `${row.via ?? service}.${ctx.region}.amazonaws.com`,
            "kms:CallerAccount": ctx.account,
          },
        },
      },
      {
        Sid: "Allow direct access to key metadata to the account",
        Effect: "Allow",
        Principal: { AWS: `arn:${ctx.partition}:iam::${ctx.account}:root` },
        Action: ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        Resource: "*",
      },
    ],
  });
}
