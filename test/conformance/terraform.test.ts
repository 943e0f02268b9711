/**
 * Terraform with the unmodified AWS provider over everything that is served: apply, a plan that finds nothing to do,
 * a change, destroy. The sources of data are asked in the same configuration. IAM has its own test beside this one.
 */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { aws } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";
import { forwardProxy, readyTerraform, skipTerraform } from "../terraform.ts";

/** Two stages of one configuration: what differs is what is changed. */
interface Stage {
  name: string;
  days: number;
  flag: boolean;
}

const stages: readonly Stage[] = [
  { name: "first", days: 30, flag: true },
  { name: "second", days: 60, flag: false },
];

const kms = ({ name, flag, days }: Stage) => `
resource "aws_kms_key" "main" {
  description             = "${name}"
  deletion_window_in_days = 7
  enable_key_rotation     = ${flag}
  tags                    = { stage = "${name}" }
}
resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  is_enabled               = ${flag}
}
resource "aws_kms_key" "policied" {
  deletion_window_in_days = 7
}
resource "aws_kms_key_policy" "policied" {
  key_id = aws_kms_key.policied.key_id
  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "${name}"
    Statement = [{
      Sid       = "root"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}
resource "aws_kms_alias" "main" {
  name          = "alias/tf-main"
  target_key_id = ${flag ? "aws_kms_key.main.key_id" : "aws_kms_key.policied.key_id"}
}
resource "aws_iam_role" "grantee" {
  name = "tf-grantee"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
resource "aws_kms_grant" "grant" {
  name              = "tf-${days}"
  key_id            = aws_kms_key.main.key_id
  grantee_principal = aws_iam_role.grantee.arn
  operations        = ["Encrypt", "Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_equals = { stage = "${name}" }
  }
}
data "aws_kms_key" "main" {
  key_id = aws_kms_key.main.arn
}
data "aws_kms_alias" "main" {
  name       = aws_kms_alias.main.name
  depends_on = [aws_kms_alias.main]
}
`;

const s3 = ({ name, days, flag }: Stage) => `
data "aws_canonical_user_id" "me" {}
resource "aws_kms_key" "s3" {}
resource "aws_s3_bucket" "main" {
  bucket        = "tf-main"
  force_destroy = true
  tags          = { stage = "${name}" }
}
resource "aws_s3_bucket" "locked" {
  bucket              = "tf-locked"
  object_lock_enabled = true
  force_destroy       = true
}
resource "aws_s3_bucket" "logs" {
  bucket = "tf-logs"
}
resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id
  versioning_configuration {
    status = "${flag ? "Enabled" : "Suspended"}"
  }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.s3.arn
    }
    bucket_key_enabled = ${flag}
  }
}
resource "aws_s3_bucket_public_access_block" "main" {
  bucket                  = aws_s3_bucket.main.id
  block_public_acls       = true
  block_public_policy     = ${flag}
  ignore_public_acls      = true
  restrict_public_buckets = ${flag}
}
resource "aws_s3_bucket_policy" "main" {
  bucket = aws_s3_bucket.main.id
  policy = data.aws_iam_policy_document.main.json
}
data "aws_iam_policy_document" "main" {
  statement {
    sid       = "${name}"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["\${aws_s3_bucket.main.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.me.account_id]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["true"]
    }
  }
}
resource "aws_s3_bucket_cors_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  cors_rule {
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://${name}.example.com"]
    allowed_headers = ["*"]
    max_age_seconds = ${days}
  }
}
resource "aws_s3_bucket_ownership_controls" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    object_ownership = "BucketOwnerPreferred"
  }
}
resource "aws_s3_bucket_acl" "main" {
  bucket     = aws_s3_bucket.main.id
  acl        = "private"
  depends_on = [aws_s3_bucket_ownership_controls.main]
}
resource "aws_s3_bucket_object_lock_configuration" "locked" {
  bucket = aws_s3_bucket.locked.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = ${days}
    }
  }
}
resource "aws_s3_bucket_request_payment_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  payer  = "${flag ? "Requester" : "BucketOwner"}"
}
resource "aws_s3_object" "text" {
  bucket       = aws_s3_bucket.main.id
  key          = "text/${days}"
  content      = "${name}"
  content_type = "text/plain"
  tags         = { stage = "${name}" }
  metadata     = { stage = "${name}" }
  depends_on   = [aws_s3_bucket_versioning.main, aws_s3_bucket_server_side_encryption_configuration.main]
}
resource "aws_s3_account_public_access_block" "account" {
  block_public_acls   = ${flag}
  block_public_policy = false
}
resource "aws_s3_access_point" "point" {
  bucket = aws_s3_bucket.main.id
  name   = "tf-point"
}
data "aws_s3_bucket" "main" {
  bucket = aws_s3_bucket.main.id
}
data "aws_s3_object" "text" {
  bucket = aws_s3_bucket.main.id
  key    = aws_s3_object.text.key
}
data "aws_s3_objects" "all" {
  bucket     = aws_s3_bucket.main.id
  depends_on = [aws_s3_object.text]
}
output "canonical" {
  value = data.aws_canonical_user_id.me.id
}
output "keys" {
  value = data.aws_s3_objects.all.keys
}
`;

/** The provider itself watches a new lifecycle for most of a minute; it is applied once, beside the others. */
const s3Lifecycle = ({ days }: Stage) => `
resource "aws_s3_bucket" "aging" {
  bucket = "tf-aging"
}
resource "aws_s3_bucket_lifecycle_configuration" "aging" {
  bucket = aws_s3_bucket.aging.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {
      prefix = "tmp/"
    }
    expiration {
      days = ${days}
    }
    noncurrent_version_expiration {
      noncurrent_days = ${days}
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}
`;

const cloudtrail = ({ name, days, flag }: Stage) => `
locals {
  account = data.aws_caller_identity.me.account_id
  arn     = "arn:\${data.aws_partition.aws.partition}:cloudtrail:\${data.aws_region.here.name}:\${local.account}:trail/tf-trail"
}
resource "aws_s3_bucket" "trail" {
  bucket        = "tf-trail"
  force_destroy = true
}
resource "aws_s3_bucket_policy" "trail" {
  bucket = aws_s3_bucket.trail.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = aws_s3_bucket.trail.arn
      },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "\${aws_s3_bucket.trail.arn}/*"
        Condition = { StringEquals = { "s3:x-amz-acl" = "bucket-owner-full-control", "aws:SourceArn" = local.arn } }
      },
    ]
  })
}
resource "aws_kms_key" "trail" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::\${local.account}:root" }, Action = "kms:*", Resource = "*" },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"]
        Resource  = "*"
      },
    ]
  })
}
resource "aws_cloudtrail" "trail" {
  name                          = "tf-trail"
  s3_bucket_name                = aws_s3_bucket.trail.id
  s3_key_prefix                 = "${name}"
  kms_key_id                    = aws_kms_key.trail.arn
  enable_log_file_validation    = ${flag}
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_logging                = ${flag}
  tags                          = { stage = "${name}" }
  event_selector {
    read_write_type           = "${flag ? "All" : "WriteOnly"}"
    include_management_events = true
    data_resource {
      type   = "AWS::S3::Object"
      values = ["\${aws_s3_bucket.trail.arn}/"]
    }
  }
  depends_on = [aws_s3_bucket_policy.trail]
}
resource "aws_cloudtrail_event_data_store" "lake" {
  name                           = "tf-lake"
  retention_period               = ${days}
  multi_region_enabled           = ${flag}
  termination_protection_enabled = false
  kms_key_id                     = aws_kms_key.trail.arn
  tags                           = { stage = "${name}" }
  advanced_event_selector {
    name = "${name}"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
    field_selector {
      field  = "readOnly"
      equals = ["${String(flag)}"]
    }
  }
}
`;

const organizations = ({ name, flag }: Stage) => `
resource "aws_organizations_organization" "org" {
  feature_set          = "ALL"
  enabled_policy_types = ${flag ? '["SERVICE_CONTROL_POLICY"]' : '["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]'}
}
resource "aws_organizations_organizational_unit" "unit" {
  name      = "${name}"
  parent_id = aws_organizations_organization.org.roots[0].id
  tags      = { stage = "${name}" }
}
resource "aws_organizations_policy" "deny" {
  name        = "tf-deny"
  description = "${name}"
  type        = "SERVICE_CONTROL_POLICY"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "${name}", Effect = "Deny", Action = "kms:ScheduleKeyDeletion", Resource = "*" }]
  })
  depends_on = [aws_organizations_organization.org]
}
resource "aws_organizations_policy_attachment" "deny" {
  policy_id = aws_organizations_policy.deny.id
  target_id = aws_organizations_organizational_unit.unit.id
}
data "aws_organizations_organization" "org" {
  depends_on = [aws_organizations_organization.org]
}
`;

type Configuration = (stage: Stage) => string;
type Check = (instance: Instance) => Promise<void>;

/** What is there once the second stage has been applied, asked of another client. */
const checks: readonly [part: string, configuration: Configuration, check: Check, applied?: readonly Stage[]][] = [
  [
    "kms",
    kms,
    async (instance) => {
      const { KeyMetadata } = await aws(instance, ["kms", "describe-key", "--key-id", "alias/tf-main"]);
      assert.equal(KeyMetadata.KeyState, "Enabled");
    },
  ],
  [
    "s3",
    s3,
    async (instance) => {
      const head = await aws(instance, ["s3api", "head-object", "--bucket", "tf-main", "--key", "text/60"]);
      assert.deepEqual([head.ServerSideEncryption, head.Metadata], ["aws:kms", { stage: "second" }]);
    },
  ],
  [
    "s3 lifecycle",
    s3Lifecycle,
    async (instance) => {
      const bucket = ["--bucket", "tf-aging"];
      const { Rules } = await aws(instance, ["s3api", "get-bucket-lifecycle-configuration", ...bucket]);
      assert.deepEqual(Rules[0].Expiration, { Days: 30 });
    },
    stages.slice(0, 1),
  ],
  [
    "cloudtrail",
    cloudtrail,
    async (instance) => {
      const { IsLogging } = await aws(instance, ["cloudtrail", "get-trail-status", "--name", "tf-trail"]);
      assert.equal(IsLogging, false);
    },
  ],
  [
    "organizations",
    organizations,
    async (instance) => {
      const { Roots } = await aws(instance, ["organizations", "list-roots"]);
      assert.equal(Roots[0].PolicyTypes.length, 2);
    },
  ],
];

describe(
  "terraform: what is applied is found as it was applied",
  { skip: skipTerraform, timeout: 600_000, concurrency: true },
  () => {
    let instance: Instance;
    let proxy: Awaited<ReturnType<typeof forwardProxy>>;

    before(async () => {
      instance = await startInstance();
      proxy = await forwardProxy(instance);
    });

    after(async () => {
      await proxy?.close();
      await instance?.stop();
    });

    for (const [part, configuration, check, applied = stages] of checks) {
      test(part, (t) => lifecycle(t, instance, proxy.env, configuration, applied, check));
    }
  },
);

async function lifecycle(
  t: TestContext,
  instance: Instance,
  env: NodeJS.ProcessEnv,
  configuration: Configuration,
  applied: readonly Stage[],
  check: Check,
): Promise<void> {
  const terraform = await readyTerraform(t, instance, env);
  if (!terraform) return;
  for (const stage of applied) await terraform.settle(configuration(stage));
  await check(instance);
  await terraform.destroy();
}
