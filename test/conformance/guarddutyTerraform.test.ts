/**
 * GuardDuty through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy.
 */
import assert from "node:assert/strict";
import { Organizations } from "@aws-sdk/client-organizations";
import { aws } from "../cli.ts";
import { terraformTest } from "../terraform.ts";

const configuration = (rank: number, frequency: string, activate: boolean, member: string) => `
resource "aws_guardduty_detector" "main" {
  enable                       = true
  finding_publishing_frequency = "${frequency}"
  tags                         = { team = "red" }
}
resource "aws_guardduty_detector_feature" "s3" {
  detector_id = aws_guardduty_detector.main.id
  name        = "S3_DATA_EVENTS"
  status      = "ENABLED"
}
resource "aws_guardduty_detector_feature" "eks" {
  detector_id = aws_guardduty_detector.main.id
  name        = "EKS_AUDIT_LOGS"
  status      = "DISABLED"
  depends_on  = [aws_guardduty_detector_feature.s3]
}
resource "aws_guardduty_filter" "quiet" {
  name        = "quiet"
  action      = "ARCHIVE"
  detector_id = aws_guardduty_detector.main.id
  rank        = 1
  description = "by terraform ${rank}"
  tags        = { stage = "${rank}" }
  finding_criteria {
    criterion {
      field  = "region"
      equals = ["eu-west-1"]
    }
    criterion {
      field                 = "severity"
      greater_than_or_equal = "4"
    }
    criterion {
      field        = "updatedAt"
      greater_than = "2020-01-01T00:00:00Z"
      less_than    = "2030-02-01T00:00:00Z"
    }
  }
}
resource "aws_s3_bucket" "lists" {
  bucket        = "tf-guard-lists"
  force_destroy = true
}
resource "aws_s3_object" "trusted" {
  bucket  = aws_s3_bucket.lists.id
  key     = "trusted"
  content = "10.0.0.0/8\\n"
}
resource "aws_s3_object" "threats" {
  bucket  = aws_s3_bucket.lists.id
  key     = "threats"
  content = "203.0.113.0/24\\n"
}
resource "aws_guardduty_ipset" "trusted" {
  activate    = true
  detector_id = aws_guardduty_detector.main.id
  format      = "TXT"
  location    = "https://s3.amazonaws.com/\${aws_s3_object.trusted.bucket}/\${aws_s3_object.trusted.key}"
  name        = "trusted"
}
resource "aws_guardduty_threatintelset" "threats" {
  activate    = ${activate}
  detector_id = aws_guardduty_detector.main.id
  format      = "TXT"
  location    = "https://s3.amazonaws.com/\${aws_s3_object.threats.bucket}/\${aws_s3_object.threats.key}"
  name        = "threats"
  tags        = { team = "red" }
}
data "aws_iam_policy_document" "bucket" {
  statement {
    actions   = ["s3:PutObject", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.export.arn, "\${aws_s3_bucket.export.arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["guardduty.amazonaws.com"]
    }
  }
}
data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:GenerateDataKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["guardduty.amazonaws.com"]
    }
  }
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root"]
    }
  }
}
resource "aws_s3_bucket" "export" {
  bucket        = "tf-guard-export"
  force_destroy = true
}
resource "aws_s3_bucket_policy" "export" {
  bucket = aws_s3_bucket.export.id
  policy = data.aws_iam_policy_document.bucket.json
}
resource "aws_kms_key" "export" {
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}
resource "aws_guardduty_publishing_destination" "export" {
  detector_id     = aws_guardduty_detector.main.id
  destination_arn = aws_s3_bucket.export.arn
  kms_key_arn     = aws_kms_key.export.arn
  depends_on      = [aws_s3_bucket_policy.export]
}
resource "aws_guardduty_member" "other" {
  account_id                 = "${member}"
  detector_id                = aws_guardduty_detector.main.id
  email                      = "member@example.com"
  invite                     = true
  invitation_message         = "please"
  disable_email_notification = true
}
data "aws_guardduty_detector" "seen" {
  depends_on = [aws_guardduty_detector.main]
}
`;

const organization = (whom: string) => `
resource "aws_guardduty_detector" "main" {}
resource "aws_guardduty_organization_admin_account" "admin" {
  admin_account_id = data.aws_caller_identity.me.account_id
  depends_on       = [aws_guardduty_detector.main]
}
resource "aws_guardduty_organization_configuration" "all" {
  auto_enable_organization_members = "${whom}"
  detector_id                      = aws_guardduty_detector.main.id
  depends_on                       = [aws_guardduty_organization_admin_account.admin]
}
resource "aws_guardduty_organization_configuration_feature" "s3" {
  detector_id = aws_guardduty_detector.main.id
  name        = "S3_DATA_EVENTS"
  auto_enable = "NEW"
  depends_on  = [aws_guardduty_organization_configuration.all]
}
`;

terraformTest("terraform applies, finds nothing more to do, changes and destroys", async (instance, terraform) => {
  const organizations = new Organizations(instance.client);
  await organizations.createOrganization({ FeatureSet: "ALL" });
  const made = await organizations.createAccount({ AccountName: "member", Email: "member@example.com" });
  const CreateAccountRequestId = made.CreateAccountStatus!.Id!;
  const { CreateAccountStatus } = await organizations.describeCreateAccountStatus({ CreateAccountRequestId });
  const member = CreateAccountStatus!.AccountId!;

  await terraform.settle(configuration(1, "SIX_HOURS", true, member));

  await terraform.settle(configuration(2, "ONE_HOUR", false, member));
  const { DetectorIds } = await aws(instance, ["guardduty", "list-detectors"]);
  const detector = await aws(instance, ["guardduty", "get-detector", "--detector-id", DetectorIds[0]]);
  assert.equal(detector.FindingPublishingFrequency, "ONE_HOUR");
  await terraform.destroy();
  assert.deepEqual((await aws(instance, ["guardduty", "list-detectors"])).DetectorIds, []);

  await terraform.settle(organization("ALL"));
  await terraform.settle(organization("NONE"));
});
