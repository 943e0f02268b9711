/**
 * Moving a message to another queue: to its dead-letter queue, or back. The content is not encrypted anew. Standard
 * messages keep the time they were sent, FIFO messages start anew.
 * Source: SQS Developer Guide, "Using dead-letter queues in Amazon SQS", sections "Understanding message retention
 * periods for dead-letter queues" and "Configuring a dead-letter queue redrive".
 */
import type { Document } from "#store/contract.ts";
import type { Sequences } from "#kernel/sequences.ts";
import { putGroup, readGroup, type ReadGroup } from "./groups.ts";
import {
  contentOf,
  messageDocumentId,
  putBody,
  putMessage,
  scopeOf,
  types,
  type Message,
  type Queue,
  type Work,
} from "./state.ts";

export interface Relocation {
  from: Queue;
  to: Queue;
  document: Document<Message>;
  /** Marks a message that was set aside with the queue it came from; a redriven one loses the mark and its counts. */
  reason: "deadLetter" | "redrive";
}

/** Stages the move. The group of a FIFO source is the caller's to update. */
export async function relocate(
  work: Work,
  sequences: Sequences,
  { from, to, document, reason }: Relocation,
): Promise<void> {
  const { receipt: _, receivedAt: _at, deadLetterSource: _source, ...kept } = document.value;
  const { now } = work;
  const groupId = kept.groupId ?? kept.messageId;
  const { group, version }: ReadGroup = to.fifo ? await readGroup(work, to, groupId) : { version: 0 };
  const sequence = sequences.next(now, group?.last);
  const sentAt = to.fifo ? now : kept.sentAt;
  const moved: Message = {
    ...kept,
    sequence,
    sentAt,
    visibleAt: now,
    receivedHere: 0,
    received: reason === "redrive" ? 0 : kept.received,
    expiresAt: sentAt + to.retention * 1000,
    ...(reason === "deadLetter" ? { deadLetterSource: from.arn } : {}),
    ...(to.fifo ? { groupId } : {}),
  };
  if (reason === "redrive") delete moved.firstReceivedAt;
  // Both queues are in one account and Region, so a long body's document stays; only its end of life moves.
  const content = kept.content === undefined ? await contentOf(work, from, kept) : undefined;
  if (content !== undefined) putBody(work, to, kept.messageId, content, moved.expiresAt);
  work.state.delete(types.message, document.key.id, { version: document.version, at: scopeOf(from) });
  putMessage(work, to, moved, messageDocumentId(to, moved), 0);
  if (to.fifo) {
    const head = group?.head ?? { sequence, readyAt: now };
    putGroup(work, to, { groupId, last: sequence, head }, version);
  }
}
