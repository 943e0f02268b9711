/**
 * Delivery status logs: how deliveries of a topic ended, written to CloudWatch Logs with a role of the topic's owner.
 * Source: SNS Developer Guide, "Amazon SNS message delivery status" (attributes, `sns/<region>/<account>/<topic>` and
 * `…/Failure`, members of an entry).
 */
import { createHash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Clients } from "#gateway/clients.ts";
import { invalid, invalidBecause, notServed } from "./errors.ts";
import type { Outcome } from "#engines/delivery/outcome.ts";
import type { Topic } from "./state.ts";
import { snsPrincipal, type Job } from "./targets.ts";

/** Prefixes of the attributes, and whether subscriptions of the kind exist here. */
const kinds = { HTTP: true, SQS: true, Lambda: false, Firehose: false, Application: false } as const;
type Kind = keyof typeof kinds;
type Member = "successRole" | "failureRole" | "rate";

/** What a topic keeps: roles, and per cent of the successes. */
export type DeliveryStatus = Partial<Record<Kind, { successRole?: string; failureRole?: string; rate?: number }>>;

const members: Readonly<Record<string, Member>> = {
  SuccessFeedbackRoleArn: "successRole",
  FailureFeedbackRoleArn: "failureRole",
  SuccessFeedbackSampleRate: "rate",
};

const names =
  /^(HTTP|SQS|Lambda|Firehose|Application)(SuccessFeedbackRoleArn|FailureFeedbackRoleArn|SuccessFeedbackSampleRate)$/;

/** `undefined` for an attribute that is about something else. @throws InvalidParameter */
export function withFeedback(
  before: DeliveryStatus | undefined,
  name: string,
  value: string,
): { deliveryStatus: DeliveryStatus } | undefined {
  const found = names.exec(name);
  if (!found) return undefined;
  const kind = found[1] as Kind;
  const member = members[found[2]!]!;
  const { [member]: _, ...rest } = before?.[kind] ?? {};
  const next =
    value === "" ? rest : { ...rest, [member]: member === "rate" ? percent(name, value) : role(kind, name, value) };
  return { deliveryStatus: { ...before, [kind]: next } };
}

/** The rate alone does nothing: without a role nothing is logged, as on AWS. */
function percent(name: string, value: string): number {
  if (!/^(\d{1,2}|100)$/.test(value)) throw invalidBecause(name, "value must be between 0 and 100");
  return Number(value);
}

function role(kind: Kind, name: string, value: string): string {
  if (!/^arn:[a-z-]+:iam::\d{12}:role\/.+$/.test(value)) throw invalid(name);
  if (!kinds[kind]) throw notServed(name, `${kind} endpoints`);
  return value;
}

/** The role that an attribute passes, if it passes one. */
export function passedRole(name: string, value: string): string | undefined {
  return names.test(name) && name.endsWith("RoleArn") && value !== "" ? value : undefined;
}

export function shownFeedback(status: DeliveryStatus | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(status ?? {}).flatMap(([kind, settings]) =>
      Object.entries(members).flatMap(([suffix, member]) =>
        settings[member] === undefined ? [] : [[`${kind}${suffix}`, String(settings[member])]],
      ),
    ),
  );
}

/** Writes entries; one log stream per life of the delivering job. A log that cannot be written holds up no message. */
export class StatusLog {
  readonly #ctx: JobContext;
  readonly #stream: string;

  constructor(ctx: JobContext) {
    this.#ctx = ctx;
    this.#stream = ctx.random.uuid();
  }

  /** Of a delivery that has ended: delivered, or given up. `attempts` counts this one. */
  async ended(job: Job, outcome: Outcome, attempts: number): Promise<void> {
    const { topic, subscription, message } = job;
    const kind: Kind | undefined =
      subscription.protocol === "sqs" ? "SQS" : /^http/.test(subscription.protocol) ? "HTTP" : undefined;
    const settings = kind && topic.deliveryStatus?.[kind];
    if (!settings || !message) return;
    const roleArn = outcome.ok ? settings.successRole : settings.failureRole;
    if (roleArn === undefined) return;
    if (outcome.ok && this.#ctx.random.below(100) >= (settings.rate ?? 0)) return;
    try {
      await this.#write(topic, roleArn, entryOf(job, outcome, attempts, this.#ctx), outcome.ok);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      this.#ctx.log.warn(
        { topic: topic.arn, role: roleArn, code: error.code },
        "a delivery status could not be logged",
      );
    }
  }

  async #write(topic: Topic, roleArn: string, entry: object, ok: boolean): Promise<void> {
    const { account, region } = topic;
    const where = { account, region, sourceArn: topic.arn };
    const { logs } = this.#ctx.asRole(roleArn, "SNSFeedback", snsPrincipal, where);
    const logGroupName = `sns/${region}/${account}/${topic.name}${ok ? "" : "/Failure"}`;
    const put = () =>
      logs.PutLogEvents({
        logGroupName,
        logStreamName: this.#stream,
        logEvents: [{ timestamp: this.#ctx.clock.now(), message: JSON.stringify(entry) }],
      });
    try {
      await put();
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
      await this.#makePlace(logs, logGroupName);
      await put();
    }
  }

  async #makePlace(logs: Clients["logs"], logGroupName: string): Promise<void> {
    await unlessThere(logs.CreateLogGroup({ logGroupName }));
    await unlessThere(logs.CreateLogStream({ logGroupName, logStreamName: this.#stream }));
  }
}

async function unlessThere(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "ResourceAlreadyExistsException") throw error;
  }
}

function entryOf(job: Job, outcome: Outcome, attempts: number, { clock, random }: JobContext): object {
  const { topic, subscription, message, published } = job;
  const publishedAt = message!.publishedAt;
  return {
    notification: {
      messageMD5Sum: createHash("md5").update(published!.message).digest("hex"),
      messageId: message!.messageId,
      topicArn: topic.arn,
      timestamp: new Date(publishedAt).toISOString().replace("T", " ").replace("Z", ""),
    },
    delivery: {
      deliveryId: random.uuid(),
      destination: subscription.endpoint,
      providerResponse: outcome.ok ? outcome.response : outcome.message,
      dwellTimeMs: Math.max(0, clock.now() - publishedAt),
      attempts,
      ...(outcome.status === undefined ? {} : { statusCode: outcome.status }),
    },
    status: outcome.ok ? "SUCCESS" : "FAILURE",
  };
}
