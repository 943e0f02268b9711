/**
 * Log groups, metric filters and alarms through Terraform with the unmodified AWS provider: apply, a plan that finds
 * nothing to do, a change, destroy.
 */
import assert from "node:assert/strict";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { terraformTest } from "../terraform.ts";

const configuration = (retention: number, threshold: number) => `
resource "aws_kms_key" "logs" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "kms:*", Resource = "*", Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" } },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey*", "kms:Describe*"], Resource = "*", Principal = { Service = "logs.us-east-1.amazonaws.com" } },
    ]
  })
}
resource "aws_cloudwatch_log_group" "app" {
  name              = "/tf/app"
  retention_in_days = ${retention}
  kms_key_id        = aws_kms_key.logs.arn
  tags              = { team = "red" }
}
resource "aws_cloudwatch_log_stream" "app" {
  name           = "one"
  log_group_name = aws_cloudwatch_log_group.app.name
}
resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "{ $.level = \\"ERROR\\" }"
  metric_transformation {
    name          = "errors"
    namespace     = "Tf/App"
    value         = "1"
    default_value = "0"
  }
}
resource "aws_cloudwatch_log_resource_policy" "route53" {
  policy_name = "route53"
  policy_document = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "logs:PutLogEvents", Resource = "*", Principal = { Service = "route53.amazonaws.com" } }]
  })
}
resource "aws_cloudwatch_query_definition" "mine" {
  name            = "mine"
  log_group_names = [aws_cloudwatch_log_group.app.name]
  query_string    = "fields @timestamp, @message | limit 20"
}
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "tf-errors"
  alarm_description   = "too many errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  datapoints_to_alarm = 1
  metric_name         = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].name
  namespace           = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].namespace
  period              = 60
  statistic           = "Sum"
  threshold           = ${threshold}
  treat_missing_data  = "notBreaching"
  tags                = { team = "red" }
}
resource "aws_cloudwatch_metric_alarm" "rate" {
  alarm_name          = "tf-rate"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 1
  threshold           = 10
  metric_query {
    id          = "e1"
    expression  = "m2 / m1 * 100"
    label       = "Error Rate"
    return_data = true
  }
  metric_query {
    id = "m1"
    metric {
      metric_name = "calls"
      namespace   = "Tf/App"
      period      = 120
      stat        = "Sum"
      unit        = "Count"
      dimensions  = { app = "web" }
    }
  }
  metric_query {
    id = "m2"
    metric {
      metric_name = "errors"
      namespace   = "Tf/App"
      period      = 120
      stat        = "Sum"
      unit        = "Count"
    }
  }
}
resource "aws_cloudwatch_composite_alarm" "both" {
  alarm_name = "tf-both"
  alarm_rule = "ALARM(\${aws_cloudwatch_metric_alarm.errors.alarm_name}) OR ALARM(\${aws_cloudwatch_metric_alarm.rate.alarm_name})"
}
`;

terraformTest("terraform applies, finds nothing more to do, changes and destroys", async (instance, terraform) => {
  const logs = new CloudWatchLogs({ ...instance.client, region: "us-east-1" });
  const cloudwatch = new CloudWatch({ ...instance.client, region: "us-east-1" });
  await terraform.settle(configuration(7, 5));
  await terraform.settle(configuration(14, 6));
  const { logGroups } = await logs.describeLogGroups({ logGroupNamePrefix: "/tf/app" });
  assert.equal(logGroups![0]!.retentionInDays, 14);
  const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNames: ["tf-errors"] });
  assert.equal(MetricAlarms![0]!.Threshold, 6);
  await terraform.destroy();
  assert.deepEqual((await logs.describeLogGroups({})).logGroups, []);
  const left = await cloudwatch.describeAlarms({ AlarmTypes: ["MetricAlarm", "CompositeAlarm"] });
  assert.deepEqual([left.MetricAlarms, left.CompositeAlarms], [[], []]);
});
