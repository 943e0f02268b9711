/** Sending, receiving, deleting, and changing visibility. */
import type { CallContext } from "#gateway/context.ts";
import { checkEntries, eachEntry } from "../batches.ts";
import { largestMessage } from "../attributes.ts";
import { batchTooLong, invalidValue, missing } from "../errors.ts";
import type { Parts } from "../parts.ts";
import { requireQueue } from "../queue.ts";
import { answerAttempt, rememberAttempt } from "../attempts.ts";
import { receive } from "../receive.ts";
import type { In, Out, SqsHandlers } from "../sdk.ts";
import { accept, enterGroups, prepare, type Prepared } from "../send.ts";
import { enterGroupsOf, Settlement } from "../settle.ts";
import { shownMessage } from "../shown.ts";
import type { Queue } from "../state.ts";

export function messageHandlers(parts: Parts): SqsHandlers {
  return {
    async SendMessage(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const entry = prepare(queue, input);
      await enterGroups(ctx, parts, queue, [entry]);
      return await accept(ctx, parts, queue, entry);
    },

    async SendMessageBatch(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const entries = checkEntries(input.Entries);
      // Sizes first: a batch that is too long is refused whole.
      const sizes = entries.map((entry) => sizeOf(entry));
      const size = sizes.reduce((sum, each) => sum + each, 0);
      if (size > largestMessage) throw batchTooLong(largestMessage, size);
      const prepared = new Map<string, Prepared>();
      const checked = await eachEntry(entries, async (entry) => {
        prepared.set(entry.Id, prepare(queue, entry));
        return {};
      });
      await enterGroups(ctx, parts, queue, [...prepared.values()]);
      const accepted = await eachEntry(checked.Successful, ({ Id }) =>
        acceptEntry(ctx, parts, queue, prepared.get(Id)!),
      );
      const failed = [...(checked.Failed ?? []), ...(accepted.Failed ?? [])];
      return { Successful: accepted.Successful, Failed: failed.length > 0 ? failed : undefined };
    },

    ReceiveMessage: (input, ctx) => receiveMessage(input, ctx, parts),

    async DeleteMessage(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const settlement = new Settlement(ctx, parts, queue);
      await settlement.delete(input.ReceiptHandle ?? "");
      await settlement.finish();
      return {};
    },

    async DeleteMessageBatch(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const entries = checkEntries(input.Entries);
      await enterGroupsOf(
        ctx,
        parts,
        queue,
        entries.map((entry) => entry.ReceiptHandle ?? ""),
      );
      const settlement = new Settlement(ctx, parts, queue);
      const results = await eachEntry(entries, async (entry) => {
        await settlement.delete(entry.ReceiptHandle ?? "");
        return {};
      });
      await settlement.finish();
      return { Successful: results.Successful, Failed: results.Failed };
    },

    async ChangeMessageVisibility(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      if (input.VisibilityTimeout === undefined) throw missing("VisibilityTimeout");
      const settlement = new Settlement(ctx, parts, queue);
      await settlement.changeVisibility(input.ReceiptHandle ?? "", input.VisibilityTimeout);
      await settlement.finish();
      return {};
    },

    async ChangeMessageVisibilityBatch(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const entries = checkEntries(input.Entries);
      await enterGroupsOf(
        ctx,
        parts,
        queue,
        entries.map((entry) => entry.ReceiptHandle ?? ""),
      );
      const settlement = new Settlement(ctx, parts, queue);
      const results = await eachEntry(entries, async (entry) => {
        if (entry.VisibilityTimeout === undefined) throw missing("VisibilityTimeout");
        await settlement.changeVisibility(entry.ReceiptHandle ?? "", entry.VisibilityTimeout);
        return {};
      });
      await settlement.finish();
      return { Successful: results.Successful, Failed: results.Failed };
    },
  };
}

type BatchEntry = NonNullable<In<"SendMessageBatch">["Entries"]>[number];

/** Body and attributes as sent, whether or not they are valid. */
function sizeOf(entry: BatchEntry): number {
  let size = Buffer.byteLength(entry.MessageBody ?? "");
  for (const [name, value] of Object.entries(entry.MessageAttributes ?? {})) {
    size += Buffer.byteLength(name) + Buffer.byteLength(value.DataType ?? "");
    size += value.BinaryValue?.length ?? Buffer.byteLength(value.StringValue ?? "");
  }
  return size;
}

async function acceptEntry(ctx: CallContext, parts: Parts, queue: Queue, entry: Prepared) {
  const { MessageId, MD5OfMessageBody, ...more } = await accept(ctx, parts, queue, entry);
  return { MessageId, MD5OfMessageBody, ...more };
}

async function receiveMessage(
  input: In<"ReceiveMessage">,
  ctx: CallContext,
  parts: Parts,
): Promise<Out<"ReceiveMessage">> {
  const queue = await requireQueue(ctx, input.QueueUrl);
  const wanted = {
    most: within(
      input.MaxNumberOfMessages ?? 1,
      "MaxNumberOfMessages",
      1,
      10,
      "Must be between 1 and 10, if provided.",
    ),
    visibilityMs:
      1000 *
      within(
        input.VisibilityTimeout ?? queue.visibilityTimeout,
        "VisibilityTimeout",
        0,
        43_200,
        "Must be between 0 and 43200, if provided.",
      ),
    waitMs:
      1000 *
      within(input.WaitTimeSeconds ?? queue.wait, "WaitTimeSeconds", 0, 20, "Must be >= 0 and <= 20, if provided."),
  };
  const attemptId = input.ReceiveRequestAttemptId;
  const again = await answerAttempt(ctx, parts, queue, attemptId, wanted.visibilityMs);
  const taken = again ?? (await receive(ctx, parts, queue, wanted));
  if (!again && attemptId !== undefined && taken.length > 0) rememberAttempt(ctx, queue, attemptId, taken);
  const messages = [];
  for (const each of taken) messages.push(await shownMessage(ctx, parts, queue, each, input));
  return messages.length > 0 ? { Messages: messages } : {};
}

function within(value: number, parameter: string, least: number, most: number, reason: string): number {
  if (!Number.isInteger(value) || value < least || value > most) throw invalidValue(value, parameter, reason);
  return value;
}
