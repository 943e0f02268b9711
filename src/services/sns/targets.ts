/** One attempt to deliver, by protocol. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { printable } from "#engines/delivery/deadLetter.ts";
import { delivered, failed, type Outcome } from "#engines/delivery/outcome.ts";
import type { JobContext } from "#gateway/context.ts";
import { effectivePolicy } from "./deliveryPolicy.ts";
import { confirmation, notification, textFor, unsubscribeUrl, subscribeUrl, type Envelope } from "./envelope.ts";
import type { HttpTarget } from "./httpTarget.ts";
import { sendMail } from "./mailTarget.ts";
import type { SnsSettings } from "./parts.ts";
import type { Signers } from "./signer.ts";
import type { Delivery, KeptAttribute, Message, Published, Subscription, Topic } from "./state.ts";

export const snsPrincipal = "sns.amazonaws.com";

/** Everything one attempt is about. */
export interface Job {
  topic: Topic;
  subscription: Subscription;
  delivery: Delivery;
  /** Of notifications. */
  message?: Message;
  published?: Published;
}

export class Targets {
  readonly #signers: Signers;
  readonly #http: HttpTarget;
  readonly #settings: SnsSettings;

  constructor(signers: Signers, http: HttpTarget, settings: SnsSettings) {
    this.#signers = signers;
    this.#http = http;
    this.#settings = settings;
  }

  async attempt(ctx: JobContext, job: Job): Promise<Outcome> {
    switch (job.subscription.protocol) {
      case "sqs":
        return await this.#toQueue(ctx, job, job.subscription.endpoint);
      case "http":
      case "https":
        return await this.#toHttp(ctx, job);
      case "email":
      case "email-json":
        return await this.#toMail(ctx, job);
    }
  }

  /** A message that could not be delivered, with why. Source: SNS Developer Guide, "Amazon SNS dead-letter queues". */
  async setAside(ctx: JobContext, job: Job, queue: string): Promise<Outcome> {
    const { code = "", message = "" } = job.delivery.failure ?? {};
    const why = {
      RequestID: job.delivery.messageId ?? job.message?.messageId ?? "",
      ErrorCode: code,
      ErrorMessage: message,
    };
    const attributes = Object.entries(why).flatMap(([name, value]): [string, KeptAttribute][] =>
      value === "" ? [] : [[name, { type: "String", value: printable(value) }]],
    );
    return await this.#toQueue(ctx, job, queue, Object.fromEntries(attributes));
  }

  async #envelope(ctx: JobContext, { topic, subscription, delivery, message, published }: Job): Promise<Envelope> {
    const signer = await this.#signers.of(ctx, topic.region);
    return message && published
      ? notification(ctx.config, topic, signer, subscription, message, published)
      : confirmation(ctx.config, topic, signer, delivery, subscription);
  }

  async #toQueue(ctx: JobContext, job: Job, queueArn: string, why?: Record<string, KeptAttribute>): Promise<Outcome> {
    const { topic, subscription, message, published } = job;
    const arn = parseArn(queueArn)!;
    const raw = subscription.raw && published !== undefined;
    const attributes = why ?? (raw ? published.attributes : {});
    const fifo = arn.resource.endsWith(".fifo");
    const { sqs } = ctx.asService(snsPrincipal, { account: topic.account, region: arn.region, sourceArn: topic.arn });
    try {
      const { MessageId } = await sqs.SendMessage({
        QueueUrl: `${ctx.config.endpoint}/${arn.account}/${arn.resource}`,
        MessageBody: raw ? textFor(published, subscription.protocol) : (await this.#envelope(ctx, job)).body,
        ...(Object.keys(attributes).length > 0
          ? {
              MessageAttributes: Object.fromEntries(
                Object.entries(attributes).map(([name, { type, value }]) => [
                  name,
                  type.startsWith("Binary")
                    ? { DataType: type, BinaryValue: Buffer.from(value, "base64") }
                    : { DataType: type, StringValue: value },
                ]),
              ),
            }
          : {}),
        ...(message?.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
        ...(fifo && message?.groupId === undefined ? { MessageGroupId: subscription.uuid } : {}),
        ...(fifo
          ? { MessageDeduplicationId: message?.deduplicationId ?? job.delivery.messageId ?? subscription.uuid }
          : {}),
      });
      return delivered(JSON.stringify({ sqsMessageId: MessageId }), 200);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      // What the queue's owner would have to mend is not tried again; what may pass is.
      const passing = error.status >= 500 || /Throttl|OverLimit/.test(error.code);
      return failed(error.code, error.message, !passing, error.status);
    }
  }

  async #toHttp(ctx: JobContext, job: Job): Promise<Outcome> {
    const { topic, subscription, published, message } = job;
    const { contentType } = effectivePolicy(subscription.protocol, topic.deliveryPolicy, subscription.deliveryPolicy);
    const raw = subscription.raw && published !== undefined && message !== undefined;
    const envelope = raw
      ? { type: "Notification", messageId: message.messageId, body: textFor(published, subscription.protocol) }
      : await this.#envelope(ctx, job);
    return await this.#http.send(
      {
        url: subscription.endpoint,
        body: envelope.body,
        headers: {
          "x-amz-sns-message-type": envelope.type,
          "x-amz-sns-message-id": envelope.messageId,
          "x-amz-sns-topic-arn": topic.arn,
          ...(envelope.type === "Notification" ? { "x-amz-sns-subscription-arn": subscription.arn } : {}),
          ...(raw ? { "x-amz-sns-rawdelivery": "true" } : {}),
          "content-type": contentType,
          "user-agent": "Amazon Simple Notification Service Agent",
        },
      },
      ctx.signal,
    );
  }

  async #toMail(ctx: JobContext, job: Job): Promise<Outcome> {
    const { smtpUrl } = this.#settings;
    if (smtpUrl === undefined) return failed("NoMailServer", "No mail server is configured.");
    const { topic, subscription, delivery, message, published } = job;
    const name = topic.displayName === "" ? "AWS Notification" : topic.displayName;
    const mail = { to: subscription.endpoint, messageId: message?.messageId ?? delivery.messageId ?? "" };
    if (subscription.protocol === "email-json") {
      const { body } = await this.#envelope(ctx, job);
      return await sendMail(smtpUrl, { ...mail, subject: `${name} Message`, text: body });
    }
    if (!message || !published) {
      const url = subscribeUrl(ctx.config, topic, delivery.token ?? "");
      const asked = delivery.kind === "SubscriptionConfirmation";
      const subject = asked
        ? "AWS Notification - Subscription Confirmation"
        : "AWS Notification - Unsubscribe Confirmation";
      const what = asked
        ? `You have chosen to subscribe to the topic:\n${topic.arn}\n\nTo confirm this subscription, visit:\n${url}\n`
        : `Your subscription to the topic below has been deactivated:\n${topic.arn}\n\nIf this was in error, visit:\n${url}\n`;
      return await sendMail(smtpUrl, { ...mail, subject, text: what });
    }
    const text = `${textFor(published, "email")}\n\n--\nTo stop receiving notifications from this topic, visit:\n${unsubscribeUrl(ctx.config, subscription)}\n`;
    return await sendMail(smtpUrl, { ...mail, subject: published.subject ?? `${name} Message`, text });
  }
}
