/**
 * Targets: queues, topics and event buses, called as the execution role.
 * Source: EventBridge Scheduler User Guide, "Managing targets" (templated targets), "Context attributes", "Configuring a
 * dead-letter queue" (attributes); API Reference, Target.
 */
import { parseArn } from "#kernel/arn.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { textAttributes } from "#engines/delivery/deadLetter.ts";
import { delivered, outcomeOf, type Outcome } from "#engines/delivery/outcome.ts";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import { invalid, notServed } from "./errors.ts";
import type { Target } from "./sdk.ts";
import { schedulerPrincipal, type Execution, type KeptTarget, type Place } from "./state.ts";

type Kind = "queue" | "topic" | "bus";

function kindOf(arn: string): Kind | undefined {
  const parsed = parseArn(arn);
  if (parsed?.service === "sqs" && /^[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/.test(parsed.resource)) return "queue";
  if (parsed?.service === "sns" && /^[A-Za-z0-9_-]{1,256}$/.test(parsed.resource)) return "topic";
  if (parsed?.service === "events" && parsed.resource.startsWith("event-bus/")) return "bus";
  return undefined;
}

const foreign = [
  "EcsParameters",
  "KinesisParameters",
  "SageMakerPipelineParameters",
  "EventBridgePutEventsV2Parameters",
  "EventBridgePutRawEventsParameters",
] as const;

/** @throws ValidationException */
export function keptTarget(given: Target): KeptTarget {
  const { Arn = "", RoleArn = "", Input, DeadLetterConfig, RetryPolicy, SqsParameters, EventBridgeParameters } = given;
  const kind = kindOf(Arn);
  if (!kind) {
    if (!parseArn(Arn)) throw invalid(`Provided Arn is not in correct format: ${Arn}.`);
    throw notServed("Target.Arn", "Targets of this kind");
  }
  const other = foreign.find((name) => given[name] !== undefined);
  if (other !== undefined) throw notServed(other, "Targets of that kind");
  const role = parseArn(RoleArn);
  if (role?.service !== "iam" || !role.resource.startsWith("role/"))
    throw invalid("RoleArn has to be the ARN of a role.");
  if (kind === "queue" && Arn.endsWith(".fifo") && SqsParameters?.MessageGroupId === undefined) {
    throw invalid("SqsParameters.MessageGroupId is required for FIFO queues.");
  }
  if (kind === "bus" && !EventBridgeParameters)
    throw invalid("EventBridgeParameters is required for EventBridge event bus targets.");
  if (kind === "bus" && Input !== undefined && !isObject(Input))
    throw invalid("Input has to be a JSON object for event buses.");
  const queue = DeadLetterConfig?.Arn;
  if (queue !== undefined && (kindOf(queue) !== "queue" || queue.endsWith(".fifo"))) {
    throw invalid("The dead-letter queue has to be a standard SQS queue.");
  }
  const optional = { Input, DeadLetterConfig, RetryPolicy, SqsParameters, EventBridgeParameters };
  const set = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { Arn, RoleArn, ...(Object.fromEntries(set) as Partial<KeptTarget>) };
}

function isObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** The group is the source: "use the schedule group ARN" against the confused deputy. */
export function groupArnOf({ arn }: Pick<Execution["schedule"], "arn">): string {
  return arn.replace(/:schedule\/([^/]+)\/.*$/, ":schedule-group/$1");
}

function clientsOf(ctx: JobContext, place: Place, { schedule, target }: Execution, region: string): Clients {
  const where = { account: place.account, region, sourceArn: groupArnOf(schedule) };
  return ctx.asRole(target.RoleArn!, schedule.uid.replaceAll("-", ""), schedulerPrincipal, where);
}

/** One attempt. */
export async function invoke(
  ctx: JobContext,
  place: Place,
  executionId: string,
  execution: Execution,
): Promise<Outcome> {
  const { target } = execution;
  const arn = parseArn(target.Arn!)!;
  const input = inputOf(place, executionId, execution);
  const clients = clientsOf(ctx, place, execution, arn.region);
  try {
    switch (kindOf(target.Arn!)) {
      case "queue": {
        const group = target.SqsParameters?.MessageGroupId;
        await clients.sqs.SendMessage({
          QueueUrl: `${ctx.config.endpoint}/${arn.account}/${arn.resource}`,
          MessageBody: input,
          ...(group === undefined ? {} : { MessageGroupId: group }),
          ...(arn.resource.endsWith(".fifo") ? { MessageDeduplicationId: executionId } : {}),
        });
        return delivered();
      }
      case "topic":
        await clients.sns.Publish({ TopicArn: target.Arn!, Message: input });
        return delivered();
      default: {
        const { Source, DetailType } = target.EventBridgeParameters!;
        const Entries = [
          { EventBusName: target.Arn!, Source, DetailType, Detail: input, Time: new Date(execution.scheduledAt) },
        ];
        const { Entries: results = [] } = await clients.events.PutEvents({ Entries });
        const { ErrorCode, ErrorMessage = "" } = results[0] ?? {};
        return ErrorCode === undefined ? delivered() : outcomeOf(new AwsError(ErrorCode, ErrorMessage));
      }
    }
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return outcomeOf(error);
  }
}

/** The given input with its context attributes, or the event that stands for it. */
function inputOf({ account, region }: Place, executionId: string, execution: Execution): string {
  const { schedule, target, scheduledAt, attempts } = execution;
  if (target.Input !== undefined) {
    return target.Input.replaceAll("<aws.scheduler.schedule-arn>", schedule.arn)
      .replaceAll("<aws.scheduler.scheduled-time>", isoSeconds(scheduledAt))
      .replaceAll("<aws.scheduler.execution-id>", executionId)
      .replaceAll("<aws.scheduler.attempt-number>", String(attempts + 1));
  }
  return JSON.stringify({
    version: "0",
    id: executionId,
    "detail-type": "Scheduled Event",
    source: "aws.scheduler",
    account,
    time: isoSeconds(scheduledAt),
    region,
    resources: [schedule.arn],
    detail: "{}",
  });
}

/** To the dead-letter queue, as the execution role. @throws AwsError as the queue answers */
export async function setAside(
  ctx: JobContext,
  place: Place,
  executionId: string,
  execution: Execution,
): Promise<void> {
  const { schedule, target, scheduledAt, dead } = execution;
  const arn = parseArn(target.DeadLetterConfig!.Arn!)!;
  await clientsOf(ctx, place, execution, arn.region).sqs.SendMessage({
    QueueUrl: `${ctx.config.endpoint}/${arn.account}/${arn.resource}`,
    MessageBody: inputOf(place, executionId, execution),
    MessageAttributes: textAttributes({
      ERROR_CODE: dead!.code,
      ERROR_MESSAGE: dead!.message,
      EXECUTION_ID: executionId,
      EXHAUSTED_RETRY_CONDITION: dead!.condition,
      IS_PAYLOAD_TRUNCATED: "false",
      RETRY_ATTEMPTS: String(dead!.retries),
      SCHEDULED_TIME: isoSeconds(scheduledAt),
      SCHEDULE_ARN: schedule.arn,
      TARGET_ARN: target.Arn,
    }),
  });
}
