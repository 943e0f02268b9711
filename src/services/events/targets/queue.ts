/** SQS queues: as targets, and as dead-letter queues. */
import { parseArn } from "#kernel/arn.ts";
import { textAttributes } from "#engines/delivery/deadLetter.ts";
import type { JobContext } from "#gateway/context.ts";
import { eventsPrincipal, type Delivery, type Place } from "../state.ts";
import { clientsFor, type Attempt } from "./clients.ts";

export async function toQueue(ctx: JobContext, attempt: Attempt): Promise<void> {
  const arn = parseArn(attempt.target.Arn!)!;
  const group = attempt.target.SqsParameters?.MessageGroupId;
  const { traceHeader } = attempt.delivery;
  await clientsFor(ctx, attempt).sqs.SendMessage({
    QueueUrl: `${ctx.config.endpoint}/${arn.account}/${arn.resource}`,
    MessageBody: attempt.input,
    ...(group === undefined ? {} : { MessageGroupId: group }),
    // The event again is no second message.
    ...(arn.resource.endsWith(".fifo") ? { MessageDeduplicationId: deduplicationId(attempt) } : {}),
    ...(traceHeader === undefined
      ? {}
      : { MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: traceHeader } } }),
  });
}

function deduplicationId({ event }: Attempt): string {
  return event["replay-name"] === undefined ? event.id : `${event.id}-${event["replay-name"]}`.slice(0, 128);
}

/** Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events": the message attributes. */
export async function setAside(
  ctx: JobContext,
  place: Place,
  queue: string,
  about: { sourceArn: string; targetArn?: string; ruleArn?: string },
  { dead }: Pick<Delivery, "dead">,
  body: string,
): Promise<void> {
  const arn = parseArn(queue)!;
  const { sqs } = ctx.asService(eventsPrincipal, { ...place, region: arn.region, sourceArn: about.sourceArn });
  await sqs.SendMessage({
    QueueUrl: `${ctx.config.endpoint}/${arn.account}/${arn.resource}`,
    MessageBody: body,
    MessageAttributes: {
      ...textAttributes({
        ERROR_CODE: dead!.code,
        ERROR_MESSAGE: dead!.message,
        RULE_ARN: about.ruleArn,
        TARGET_ARN: about.targetArn,
        EXHAUSTED_RETRY_CONDITION: dead!.condition,
      }),
      RETRY_ATTEMPTS: { DataType: "Number", StringValue: String(dead!.retries) },
    },
  });
}
