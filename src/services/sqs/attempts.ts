/**
 * ReceiveRequestAttemptId: a FIFO receive whose answer was lost is asked again and gets the same messages and handles,
 * hidden anew, as long as nothing has become of them.
 * Source: SQS API Reference, ReceiveMessage, "ReceiveRequestAttemptId".
 */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { invalidValue } from "./errors.ts";
import { groupWith, headOf, putGroup, readGroup } from "./groups.ts";
import type { Parts } from "./parts.ts";
import type { Taken } from "./receive.ts";
import { isInFlight, putMessage, scopeOf, types, type Message, type Queue, type Work } from "./state.ts";

interface Attempt {
  received: { id: string; receipt: string }[];
}

const rememberMs = 300_000;

/** The messages of the same attempt, or `undefined` when it is to be made. */
export async function answerAttempt(
  ctx: CallContext,
  parts: Parts,
  queue: Queue,
  attemptId: string | undefined,
  visibilityMs: number,
): Promise<Taken[] | undefined> {
  if (attemptId === undefined) return undefined;
  const invalid = !queue.fifo || !/^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/.test(attemptId);
  if (invalid) {
    throw invalidValue(
      attemptId.slice(0, 256),
      "ReceiveRequestAttemptId",
      queue.fifo
        ? "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        : "The request include parameter that is not valid for this queue type.",
    );
  }
  const work: Work = { state: ctx.state, now: ctx.clock.now() };
  const attempt = await ctx.state.get<Attempt>(types.attempt, documentId(queue, attemptId), scopeOf(queue));
  if (!attempt) return undefined;
  const lanes = attempt.value.received.map(({ id }) => id.slice(0, id.lastIndexOf("/")));
  await parts.lanes.enterAll(ctx, lanes);
  const documents: Document<Message>[] = [];
  for (const { id, receipt } of attempt.value.received) {
    const document = await ctx.state.get<Message>(types.message, id, scopeOf(queue));
    // Deleted, changed or visible again: the attempt is over, and this one is a new one.
    if (!document || document.value.receipt !== receipt || !isInFlight(document.value, work.now)) return undefined;
    documents.push(document);
  }
  const taken = documents.map(({ key, value, version }): Taken => {
    const message: Message = { ...value, visibleAt: work.now + visibilityMs };
    putMessage(work, queue, message, key.id, version);
    return { id: key.id, message };
  });
  await hideGroups(work, queue, taken);
  return taken;
}

async function hideGroups(work: Work, queue: Queue, taken: readonly Taken[]): Promise<void> {
  const changed = new Map(taken.map(({ id, message }) => [id, message]));
  for (const groupId of new Set(taken.map(({ message }) => message.groupId ?? ""))) {
    const { group, version } = await readGroup(work, queue, groupId);
    if (!group) continue;
    const head = (await headOf(work, queue, groupId)).map(({ key, value }) => changed.get(key.id) ?? value);
    putGroup(work, queue, groupWith(group, head, work.now), version);
  }
}

export function rememberAttempt(ctx: CallContext, queue: Queue, attemptId: string, taken: readonly Taken[]): void {
  const received = taken.map(({ id, message }) => ({ id, receipt: message.receipt! }));
  ctx.state.put<Attempt>(
    types.attempt,
    documentId(queue, attemptId),
    { received },
    {
      at: scopeOf(queue),
      version: "any",
      expiresAt: ctx.clock.now() + rememberMs,
    },
  );
}

function documentId(queue: Queue, attemptId: string): string {
  return `${queue.epoch}/${attemptId}`;
}
