/**
 * Receiving: messages whose time has come are claimed by one batch that moves their time into the future. A message
 * that has been received too often goes to the dead-letter queue instead.
 * Source: SQS API Reference, ReceiveMessage; SQS Developer Guide, "Amazon SQS visibility timeout" (in-flight quotas),
 * "Amazon SQS short and long polling".
 */
import { timeText } from "#kernel/clock.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { longestDozeMs } from "./arrivals.ts";
import { overLimit } from "./errors.ts";
import { groupDocumentId, groupWith, headOf, putGroup, readGroup } from "./groups.ts";
import type { Parts } from "./parts.ts";
import { addressOfArn, findQueue } from "./queue.ts";
import { relocate } from "./relocation.ts";
import { putMessage, scopeOf, types, type Group, type Message, type Queue, type Work } from "./state.ts";

export interface Wanted {
  most: number;
  visibilityMs: number;
  waitMs: number;
}

export interface Taken {
  id: string;
  message: Message;
}

const mostInFlight = 120_000;
/** Groups looked at in one go. */
const groupPage = 25;

/** Stages the receive of up to `most` messages; waits for the first as long as `waitMs`. */
export async function receive(ctx: CallContext, parts: Parts, queue: Queue, wanted: Wanted): Promise<Taken[]> {
  const until = ctx.now + wanted.waitMs;
  const first = await new Receiver(ctx, parts, queue, wanted).take();
  if (first.length > 0 || wanted.waitMs === 0 || staged(ctx)) return first;
  // The client has gone, or the process is being stopped: it asks again, and somebody else answers.
  const over = AbortSignal.any([ctx.signal, ctx.draining]);
  const ticket = await parts.arrivals.enter(ctx.feed, queue);
  try {
    for (;;) {
      const taken = await new Receiver(ctx, parts, queue, wanted).take();
      const left = until - ctx.clock.now();
      if (taken.length > 0 || left <= 0 || over.aborted || staged(ctx)) return taken;
      await ticket.wait(Math.min(left, await untilDue(ctx, queue), longestDozeMs), over);
      if (over.aborted) return [];
      // Deleted, or purged: whoever asks again finds the queue as it is now.
      if ((await findQueue(ctx, queue))?.epoch !== queue.epoch) return [];
    }
  } finally {
    ticket.leave();
  }
}

/** Messages went to a dead-letter queue: that has to be committed, so the call does not wait on. */
const moved = new WeakSet<CallContext>();
const staged = (ctx: CallContext): boolean => moved.has(ctx);

/** Milliseconds until the next hidden message of the queue becomes visible. */
async function untilDue(ctx: CallContext, queue: Queue): Promise<number> {
  const now = ctx.clock.now();
  const [type, index] = queue.fifo ? [types.group, "ready"] : [types.message, "due"];
  const { items } = await ctx.state.find<Message | Group>(
    type,
    index,
    { from: `${queue.epoch}/${timeText(now + 1)}`, to: `${queue.epoch}0`, limit: 1 },
    scopeOf(queue),
  );
  const [next] = items;
  if (!next) return longestDozeMs;
  const at = "visibleAt" in next.value ? next.value.visibleAt : (next.value.head?.readyAt ?? now);
  return Math.max(1, at - now);
}

class Receiver {
  readonly #ctx: CallContext;
  readonly #parts: Parts;
  readonly #queue: Queue;
  readonly #wanted: Wanted;
  readonly #work: Work;
  readonly #taken: Taken[] = [];
  /** Looked at and dealt with in this very receive. */
  readonly #seen = new Set<string>();
  #deadLetterQueue: Queue | undefined;

  constructor(ctx: CallContext, parts: Parts, queue: Queue, wanted: Wanted) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#queue = queue;
    this.#wanted = wanted;
    this.#work = { state: ctx.state, now: ctx.clock.now() };
  }

  async take(): Promise<Taken[]> {
    if (await this.#full()) return [];
    this.#deadLetterQueue = await this.#findDeadLetterQueue();
    if (this.#queue.fifo) await this.#takeGroups();
    else await this.#takeMessages();
    return this.#taken;
  }

  /** @throws OverLimit for a short poll of a standard queue; everyone else gets nothing. */
  async #full(): Promise<boolean> {
    const inFlight = await this.#parts.inFlight.of(this.#ctx, this.#queue);
    if (inFlight < mostInFlight) return false;
    if (!this.#queue.fifo && this.#wanted.waitMs === 0) throw overLimit(mostInFlight);
    return true;
  }

  async #findDeadLetterQueue(): Promise<Queue | undefined> {
    const { redrive } = this.#queue;
    const address = redrive && addressOfArn(redrive.deadLetterTargetArn);
    return address && (await findQueue(this.#work, address));
  }

  async #takeMessages(): Promise<void> {
    const start = this.#parts.claims.start(this.#queue.epoch);
    await this.#takeFrom(start);
    if (start > 0 && this.#taken.length < this.#wanted.most) await this.#takeFrom(0);
  }

  /** Takes what is due, from a time on, until there is enough. */
  async #takeFrom(start: number): Promise<void> {
    const { claims } = this.#parts;
    const { epoch } = this.#queue;
    let after: string | undefined;
    do {
      const left = this.#wanted.most - this.#taken.length;
      const page = await this.#work.state.find<Message>(
        types.message,
        "due",
        {
          from: `${epoch}/${timeText(start)}`,
          to: `${epoch}/${timeText(this.#work.now + 1)}`,
          // Past some of those that other calls of this process are taking right now.
          limit: Math.min(200, left + (start > 0 ? 10 : claims.heldOf(epoch))),
          ...(after === undefined ? {} : { after }),
        },
        scopeOf(this.#queue),
      );
      for (const document of page.items) {
        if (this.#taken.length === this.#wanted.most) return;
        if (!claims.take(this.#ctx, epoch, document.key.id, document.value.visibleAt)) continue;
        if (this.#seen.has(document.key.id)) continue;
        this.#seen.add(document.key.id);
        if (this.#isPoison(document.value)) await this.#setAside(document);
        else this.#claim(document);
      }
      after = page.next;
    } while (after !== undefined && this.#taken.length < this.#wanted.most);
  }

  /** Whole heads of groups, oldest first; a group that another call is at work on is waited for only if it is the first. */
  async #takeGroups(): Promise<void> {
    const { epoch } = this.#queue;
    let after: string | undefined;
    do {
      const page = await this.#work.state.find<Group>(
        types.group,
        "ready",
        {
          from: `${epoch}/`,
          to: `${epoch}/${timeText(this.#work.now + 1)}`,
          limit: groupPage,
          ...(after === undefined ? {} : { after }),
        },
        scopeOf(this.#queue),
      );
      for (const { value } of page.items) {
        if (this.#taken.length === this.#wanted.most) return;
        await this.#takeGroup(value.groupId);
      }
      after = page.next;
    } while (after !== undefined && this.#taken.length < this.#wanted.most);
  }

  async #takeGroup(groupId: string): Promise<void> {
    const { lanes } = this.#parts;
    const lane = groupDocumentId(this.#queue, groupId);
    // Waiting with a lane in hand could wait for ever; without one it cannot.
    if (this.#taken.length === 0 && !staged(this.#ctx)) await lanes.enter(this.#ctx, lane);
    else if (!lanes.tryEnter(this.#ctx, lane)) return;
    const before = this.#taken.length;
    const { group, version } = await readGroup(this.#work, this.#queue, groupId);
    if (!group?.head || group.head.readyAt > this.#work.now) return lanes.leave(this.#ctx, lane);
    const documents = await headOf(this.#work, this.#queue, groupId);
    const left: Message[] = [];
    for (const document of documents) {
      const { value } = document;
      const full = this.#taken.length === this.#wanted.most;
      if (full || value.visibleAt > this.#work.now) left.push(value);
      else if (this.#isPoison(value)) await this.#setAside(document);
      else left.push(this.#claim(document));
    }
    // All of them were set aside: the group goes on behind them.
    const rest = left.length > 0 ? [] : await headOf(this.#work, this.#queue, groupId, documents.at(-1)?.key.id);
    left.push(...rest.map(({ value }) => value));
    putGroup(this.#work, this.#queue, groupWith(group, left, this.#work.now), version);
    if (this.#taken.length === before) moved.add(this.#ctx);
  }

  #isPoison(message: Message): boolean {
    const { redrive } = this.#queue;
    return (
      redrive !== undefined && this.#deadLetterQueue !== undefined && message.receivedHere >= redrive.maxReceiveCount
    );
  }

  async #setAside(document: Document<Message>): Promise<void> {
    moved.add(this.#ctx);
    await relocate(this.#work, this.#parts.sequences, {
      from: this.#queue,
      to: this.#deadLetterQueue!,
      document,
      reason: "deadLetter",
    });
  }

  #claim({ key, value, version }: Document<Message>): Message {
    const { now } = this.#work;
    const message: Message = {
      ...value,
      receipt: this.#ctx.random.bytes(12).toString("hex"),
      receivedAt: now,
      firstReceivedAt: value.firstReceivedAt ?? now,
      received: value.received + 1,
      receivedHere: value.receivedHere + 1,
      visibleAt: now + this.#wanted.visibilityMs,
    };
    putMessage(this.#work, this.#queue, message, key.id, version);
    this.#taken.push({ id: key.id, message });
    return message;
  }
}
