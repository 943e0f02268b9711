/**
 * IAM through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy.
 * The provider comes from `TF_PLUGIN_DIR` or from where terraform's own configuration finds it; without, skipped.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { startInstance } from "../instance.ts";
import { Terraform } from "../terraform.ts";

const policy = (action: string) =>
  `jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "${action}", Resource = "*" }] })`;

const configuration = (stage: string, session: number) => `
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "us-east-1"
}
data "aws_caller_identity" "me" {}
data "aws_iam_policy" "read" {
  name = "ReadOnlyAccess"
}
resource "aws_iam_policy" "app" {
  name        = "tf-app"
  path        = "/tf/"
  description = "made by terraform"
  policy      = ${policy(`s3:${stage}`)}
  tags        = { team = "red" }
}
resource "aws_iam_policy" "boundary" {
  name   = "tf-boundary"
  policy = ${policy("s3:*")}
}
resource "aws_iam_user" "alice" {
  name                 = "tf-alice"
  path                 = "/tf/"
  permissions_boundary = aws_iam_policy.boundary.arn
  force_destroy        = true
  tags                 = { stage = "${stage}" }
}
resource "aws_iam_group" "devs" {
  name = "tf-devs"
  path = "/tf/"
}
resource "aws_iam_group_membership" "devs" {
  name  = "devs"
  group = aws_iam_group.devs.name
  users = [aws_iam_user.alice.name]
}
resource "aws_iam_group_policy_attachment" "devs" {
  group      = aws_iam_group.devs.name
  policy_arn = aws_iam_policy.app.arn
}
resource "aws_iam_group_policy" "devs" {
  group  = aws_iam_group.devs.name
  name   = "inline"
  policy = ${policy("sqs:*")}
}
resource "aws_iam_user_policy" "alice" {
  user   = aws_iam_user.alice.name
  name   = "inline"
  policy = ${policy("sqs:*")}
}
resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = data.aws_iam_policy.read.arn
}
resource "aws_iam_access_key" "alice" {
  user = aws_iam_user.alice.name
}
resource "aws_iam_user_login_profile" "alice" {
  user                    = aws_iam_user.alice.name
  password_length         = 24
  password_reset_required = true
}
resource "aws_iam_role" "app" {
  name                 = "tf-app"
  path                 = "/tf/"
  description          = "${stage}"
  max_session_duration = ${session}
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
resource "aws_iam_role" "trusted" {
  name = "tf-trusted"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = [aws_iam_user.alice.arn, "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root"] }
    }]
  })
}
resource "aws_iam_role_policy" "app" {
  role   = aws_iam_role.app.name
  name   = "inline"
  policy = ${policy("sqs:*")}
}
resource "aws_iam_role_policy_attachment" "app" {
  role       = aws_iam_role.app.name
  policy_arn = aws_iam_policy.app.arn
}
resource "aws_iam_instance_profile" "app" {
  name = "tf-app"
  role = aws_iam_role.app.name
}
resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length        = 14
  require_lowercase_characters   = true
  require_numbers                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 5
}
resource "aws_iam_account_alias" "alias" {
  account_alias = "tf-example"
}
resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}
resource "aws_iam_service_linked_role" "guardduty" {
  aws_service_name = "guardduty.amazonaws.com"
}
resource "aws_iam_virtual_mfa_device" "phone" {
  virtual_mfa_device_name = "tf-phone"
}
`;

const installed = (await isInstalled("terraform")) && (await isInstalled(awsCommand()));

test(
  "terraform applies, finds nothing more to do, changes and destroys",
  {
    skip: installed ? false : "needs terraform and the AWS CLI",
    timeout: 600_000,
  },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "jikimi-terraform-"));
    const instance = await startInstance();
    t.after(async () => {
      await instance.stop();
      await rm(folder, { recursive: true, force: true });
    });
    const before = await aws(instance, ["iam", "get-account-summary"]);
    const terraform = new Terraform(instance, folder);
    await writeFile(join(folder, "main.tf"), configuration("GetObject", 7200));
    if (!(await terraform.init())) return t.skip("needs the AWS provider: TF_PLUGIN_DIR");

    await terraform.apply(configuration("GetObject", 7200));
    const settled = await terraform.plan();
    assert.equal(settled.code, 0, settled.stdout);

    await terraform.apply(configuration("PutObject", 3600));
    const changed = await terraform.plan();
    assert.equal(changed.code, 0, changed.stdout);
    const { Role } = await aws(instance, ["iam", "get-role", "--role-name", "tf-app"]);
    assert.deepEqual([Role.MaxSessionDuration, Role.Description], [3600, "PutObject"]);

    await terraform.destroy();
    assert.deepEqual(await aws(instance, ["iam", "get-account-summary"]), before);
  },
);
