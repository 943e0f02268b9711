/** EventBridge and its Scheduler through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy. */
import assert from "node:assert/strict";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually } from "../instance.ts";
import { terraformTest } from "../terraform.ts";

const configuration = (kind: string, days: number) => `
resource "aws_cloudwatch_event_bus" "orders" {
  name        = "tf-orders"
  description = "orders ${kind}"
  tags        = { stage = "${kind}" }
}
resource "aws_cloudwatch_event_permission" "other" {
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  principal      = "111122223333"
  statement_id   = "OtherAccount"
}
resource "aws_cloudwatch_event_rule" "made" {
  name           = "tf-made"
  description    = "orders that were made"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  event_pattern  = jsonencode({ source = ["shop"], detail = { kind = ["${kind}"] } })
  tags           = { stage = "${kind}" }
}
resource "aws_cloudwatch_event_rule" "daily" {
  name                = "tf-daily"
  schedule_expression = "cron(0 3 * * ? *)"
  state               = "DISABLED"
}
resource "aws_sqs_queue" "work" {
  name = "tf-events"
}
resource "aws_sqs_queue" "dead" {
  name = "tf-events-dead"
}
data "aws_iam_policy_document" "work" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.work.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.made.arn]
    }
  }
}
resource "aws_sqs_queue_policy" "work" {
  queue_url = aws_sqs_queue.work.id
  policy    = data.aws_iam_policy_document.work.json
}
resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.made.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "queue"
  arn            = aws_sqs_queue.work.arn
  input_transformer {
    input_paths    = { kind = "$.detail.kind" }
    input_template = "{\\"kind\\": <kind>}"
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 5
  }
  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}
resource "aws_cloudwatch_event_archive" "orders" {
  name             = "tf-archive"
  event_source_arn = aws_cloudwatch_event_bus.orders.arn
  event_pattern    = jsonencode({ source = ["shop"] })
  retention_days   = ${days}
}
resource "aws_cloudwatch_event_connection" "hook" {
  name               = "tf-hook"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-key"
      value = "secret"
    }
    invocation_http_parameters {
      header {
        key   = "x-kind"
        value = "${kind}"
      }
    }
  }
}
resource "aws_cloudwatch_event_api_destination" "hook" {
  name                             = "tf-hook"
  invocation_endpoint              = "https://hook.example/${kind}"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.hook.arn
}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "hook" {
  name               = "tf-hook"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}
data "aws_iam_policy_document" "scheduler" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "scheduler" {
  name               = "tf-scheduler"
  assume_role_policy = data.aws_iam_policy_document.scheduler.json
}
resource "aws_scheduler_schedule_group" "shop" {
  name = "tf-shop"
  tags = { stage = "${kind}" }
}
resource "aws_scheduler_schedule" "nightly" {
  name                         = "tf-nightly"
  group_name                   = aws_scheduler_schedule_group.shop.name
  schedule_expression          = "cron(0 ${days} * * ? *)"
  schedule_expression_timezone = "Asia/Seoul"
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }
  target {
    arn      = aws_sqs_queue.work.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ kind = "${kind}" })
    dead_letter_config {
      arn = aws_sqs_queue.dead.arn
    }
    retry_policy {
      maximum_event_age_in_seconds = 600
      maximum_retry_attempts       = 3
    }
  }
}
resource "aws_cloudwatch_event_target" "hook" {
  rule      = aws_cloudwatch_event_rule.daily.name
  target_id = "hook"
  arn       = aws_cloudwatch_event_api_destination.hook.arn
  role_arn  = aws_iam_role.hook.arn
  http_target {
    header_parameters       = { "x-day" = "$.time" }
    query_string_parameters = { kind = "${kind}" }
  }
}
`;

terraformTest(
  "buses, rules, targets, archives, connections, destinations and permissions through Terraform",
  async (instance, terraform) => {
    await terraform.settle(configuration("new", 3));
    await terraform.settle(configuration("changed", 5));

    // What was declared works.
    const region = "us-east-1";
    const events = new EventBridge({ ...instance.client, region });
    const sqs = new SQS({ ...instance.client, region });
    const put = (kind: string) =>
      events.putEvents({
        Entries: [{ Source: "shop", DetailType: "t", Detail: JSON.stringify({ kind }), EventBusName: "tf-orders" }],
      });
    await put("new");
    await put("changed");
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName: "tf-events" });
    const message = await eventually(async () => (await sqs.receiveMessage({ QueueUrl })).Messages?.[0]);
    assert.deepEqual(JSON.parse(message.Body!), { kind: "changed" });

    await terraform.destroy();
    assert.deepEqual(
      (await events.listEventBuses({})).EventBuses!.map(({ Name }) => Name),
      ["default"],
    );
    assert.deepEqual((await events.listRules({})).Rules, []);
    assert.deepEqual((await events.listConnections({})).Connections, []);
  },
);
