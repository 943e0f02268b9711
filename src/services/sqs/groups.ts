/**
 * Message groups of FIFO queues. A group's document says when its head can be received; while messages of the group are
 * in flight that is when the last of them becomes visible again, so that none overtakes them.
 *
 * INVARIANT: every change of a group's messages changes the group's document in the same batch, under its version.
 * INVARIANT: messages in flight are the first of their group: a receive takes from the head, and no further one is
 * possible until all of them are deleted or visible again.
 */
import { timeText } from "#kernel/clock.ts";
import type { Document } from "#store/contract.ts";
import { groupHash, isInFlight, scopeOf, types, type Group, type Message, type Queue, type Work } from "./state.ts";

/** A receive takes at most ten. */
export const largestReceive = 10;
/** An empty group is remembered this long, so that a clock that runs behind on another host cannot give a lower sequence. */
const rememberMs = 3_600_000;

export function groupDocumentId(queue: Queue, groupId: string): string {
  return `${queue.epoch}/${groupHash(groupId)}`;
}

/** A group as it is now, and the version to change it under. */
export interface ReadGroup {
  group?: Group;
  version: number;
}

export async function readGroup({ state }: Work, queue: Queue, groupId: string): Promise<ReadGroup> {
  const document = await state.get<Group>(types.group, groupDocumentId(queue, groupId), scopeOf(queue));
  return document ? { group: document.value, version: document.version } : { version: 0 };
}

export function putGroup({ state, now }: Work, queue: Queue, group: Group, version: number): void {
  const { head } = group;
  state.put<Group>(types.group, groupDocumentId(queue, group.groupId), group, {
    at: scopeOf(queue),
    version,
    ...(head
      ? { indexes: { ready: `${queue.epoch}/${timeText(head.readyAt)}/${head.sequence}` } }
      : { expiresAt: now + rememberMs }),
  });
}

/** The first messages of a group, oldest first. */
export async function headOf(
  { state }: Work,
  queue: Queue,
  groupId: string,
  after?: string,
): Promise<Document<Message>[]> {
  const prefix = `${groupDocumentId(queue, groupId)}/`;
  const query = { prefix, limit: largestReceive + 1, ...(after === undefined ? {} : { after }) };
  return (await state.list<Message>(types.message, query, scopeOf(queue))).items;
}

/** The group after its messages have become `remaining` (the first of them, oldest first). */
export function groupWith(group: Group, remaining: readonly Message[], now: number): Group {
  const [first] = remaining;
  if (!first) return { groupId: group.groupId, last: group.last };
  const inFlight = remaining.filter((message) => isInFlight(message, now)).map((message) => message.visibleAt);
  const readyAt = inFlight.length > 0 ? Math.max(...inFlight) : first.visibleAt;
  return { ...group, head: { sequence: first.sequence, readyAt } };
}
