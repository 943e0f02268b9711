/** Queues and topics through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy. */
import assert from "node:assert/strict";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually } from "../instance.ts";
import { terraformTest } from "../terraform.ts";

const configuration = (delay: number, prefix: string) => `
resource "aws_sqs_queue" "dead" {
  name = "tf-dead"
}
resource "aws_sqs_queue" "work" {
  name                       = "tf-work"
  delay_seconds              = ${delay}
  visibility_timeout_seconds = 45
  message_retention_seconds  = 86400
  receive_wait_time_seconds  = 5
  tags                       = { stage = "${prefix}" }
}
resource "aws_sqs_queue_redrive_policy" "work" {
  queue_url      = aws_sqs_queue.work.id
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 4 })
}
resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url            = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.work.arn] })
}
resource "aws_sqs_queue" "ordered" {
  name                        = "tf-ordered.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
  sqs_managed_sse_enabled     = true
}
data "aws_iam_policy_document" "work" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.work.arn]
    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.news.arn]
    }
  }
}
resource "aws_sqs_queue_policy" "work" {
  queue_url = aws_sqs_queue.work.id
  policy    = data.aws_iam_policy_document.work.json
}
resource "aws_sns_topic" "news" {
  name              = "tf-news"
  display_name      = "News"
  signature_version = 2
  tags              = { stage = "${prefix}" }
}
data "aws_iam_policy_document" "news" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.news.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}
resource "aws_sns_topic_policy" "news" {
  arn    = aws_sns_topic.news.arn
  policy = data.aws_iam_policy_document.news.json
}
resource "aws_sns_topic" "ordered" {
  name                        = "tf-ordered.fifo"
  fifo_topic                  = true
  content_based_deduplication = true
}
resource "aws_sns_topic_subscription" "work" {
  topic_arn            = aws_sns_topic.news.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.work.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ kind = [{ prefix = "${prefix}" }] })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn })
}
`;

terraformTest("terraform applies, finds nothing more to do, changes and destroys", async (instance, terraform) => {
  await terraform.settle(configuration(0, "a"));
  await terraform.settle(configuration(1, "b"));

  // What was declared works: a message of the right kind arrives, late.
  const [sns, sqs] = [new SNS(instance.client), new SQS(instance.client)];
  const TopicArn = (await sns.listTopics({})).Topics!.find((topic) => topic.TopicArn!.endsWith(":tf-news"))!.TopicArn!;
  const publish = (Message: string) =>
    sns.publish({ TopicArn, Message, MessageAttributes: { kind: { DataType: "String", StringValue: Message } } });
  await publish("a message of the old kind");
  await publish("b message of the new kind");
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: "tf-work" });
  const message = await eventually(async () => (await sqs.receiveMessage({ QueueUrl })).Messages?.[0]);
  assert.equal(message.Body, "b message of the new kind");

  await terraform.destroy();
  assert.equal((await sqs.listQueues({})).QueueUrls, undefined);
  assert.deepEqual((await sns.listTopics({})).Topics, []);
});
