/**
 * IAM through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy.
 */
import assert from "node:assert/strict";
import { aws } from "../cli.ts";
import { terraformTest } from "../terraform.ts";

const policy = (action: string) =>
  `jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "${action}", Resource = "*" }] })`;

const configuration = (stage: string, session: number) => `
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

terraformTest("terraform applies, finds nothing more to do, changes and destroys", async (instance, terraform) => {
  const before = await aws(instance, ["iam", "get-account-summary"]);

  await terraform.settle(configuration("GetObject", 7200));

  await terraform.settle(configuration("PutObject", 3600));
  const { Role } = await aws(instance, ["iam", "get-role", "--role-name", "tf-app"]);
  assert.deepEqual([Role.MaxSessionDuration, Role.Description], [3600, "PutObject"]);

  await terraform.destroy();
  assert.deepEqual(await aws(instance, ["iam", "get-account-summary"]), before);
});
