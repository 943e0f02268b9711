/** A message as a receiver sees it, with the attributes it asked for. Source: SQS API Reference, ReceiveMessage. */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { attributesDigest, bodyDigest, selectAttributes, shownMessageAttributes } from "./messageAttributes.ts";
import type { Parts } from "./parts.ts";
import type { Taken } from "./receive.ts";
import { writeHandle } from "./receipts.ts";
import type { In, Out } from "./sdk.ts";
import { contentOf, type Message, type Queue } from "./state.ts";

type Shown = NonNullable<Out<"ReceiveMessage">["Messages"]>[number];

export async function shownMessage(
  ctx: CallContext,
  parts: Parts,
  queue: Queue,
  { id, message }: Taken,
  input: In<"ReceiveMessage">,
): Promise<Shown> {
  const sealed = await contentOf({ state: ctx.state, now: ctx.now }, queue, message);
  if (sealed === undefined) throw new AwsError("InternalFailure", "The content of a message is missing.", 500);
  const { body, attributes } = await parts.sealer.open(ctx, queue, message.messageId, message.seal, sealed);
  const selected = selectAttributes(attributes, input.MessageAttributeNames);
  const system = systemAttributes(message, [
    ...(input.AttributeNames ?? []),
    ...(input.MessageSystemAttributeNames ?? []),
  ]);
  const digest = attributesDigest(selected);
  return {
    MessageId: message.messageId,
    ReceiptHandle: writeHandle({ id, receipt: message.receipt! }),
    MD5OfBody: bodyDigest(body),
    Body: body,
    ...(Object.keys(system).length > 0 ? { Attributes: system } : {}),
    ...(digest === undefined ? {} : { MD5OfMessageAttributes: digest }),
    ...(Object.keys(selected).length > 0 ? { MessageAttributes: shownMessageAttributes(selected) } : {}),
  };
}

/** One row per system attribute: what it is of a message. */
const rows: Readonly<Record<string, (message: Message) => string | number | undefined>> = {
  SenderId: ({ senderId }) => senderId,
  SentTimestamp: ({ sentAt }) => sentAt,
  ApproximateReceiveCount: ({ received }) => received,
  ApproximateFirstReceiveTimestamp: ({ firstReceivedAt }) => firstReceivedAt,
  SequenceNumber: ({ deduplicationId, sequence }) => (deduplicationId === undefined ? undefined : sequence),
  MessageDeduplicationId: ({ deduplicationId }) => deduplicationId,
  MessageGroupId: ({ groupId }) => groupId,
  AWSTraceHeader: ({ traceHeader }) => traceHeader,
  DeadLetterQueueSourceArn: ({ deadLetterSource }) => deadLetterSource,
};

function systemAttributes(message: Message, wanted: readonly string[]): Record<string, string> {
  const all = wanted.includes("All");
  const shown: Record<string, string> = {};
  for (const [name, read] of Object.entries(rows)) {
    const value = all || wanted.includes(name) ? read(message) : undefined;
    if (value !== undefined) shown[name] = String(value);
  }
  return shown;
}
