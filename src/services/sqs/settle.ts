/**
 * What a receiver does with a message it holds: delete it, or change how long it stays hidden.
 * Source: SQS API Reference, DeleteMessage and ChangeMessageVisibility.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { expiredHandle, invalidValue, notAvailable, notInFlight } from "./errors.ts";
import { groupWith, headOf, putGroup, readGroup } from "./groups.ts";
import type { Parts } from "./parts.ts";
import { readHandle } from "./receipts.ts";
import {
  deleteMessage,
  isInFlight,
  putMessage,
  scopeOf,
  signal,
  types,
  type Message,
  type Queue,
  type Work,
} from "./state.ts";

const longestHiddenMs = 43_200_000;

/** Changes of one call to messages of one queue; groups are brought up to date at the end. */
export class Settlement {
  readonly #ctx: CallContext;
  readonly #parts: Parts;
  readonly #queue: Queue;
  readonly #work: Work;
  /** By document id: what became of it; `undefined` when it is gone. */
  readonly #changed = new Map<string, Message | undefined>();
  readonly #groups = new Set<string>();

  constructor(ctx: CallContext, parts: Parts, queue: Queue) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#queue = queue;
    this.#work = { state: ctx.state, now: ctx.clock.now() };
  }

  /**
   * A handle of an earlier receive deletes nothing: a standard queue answers success, as for a message that is gone;
   * a FIFO queue says that it has expired.
   * @throws ReceiptHandleIsInvalid, InvalidParameterValue
   */
  async delete(handle: string): Promise<void> {
    const receipt = readHandle(this.#queue, handle);
    const document = receipt && (await this.#read(receipt.id));
    if (!document) return;
    const current = document.value.receipt === receipt.receipt;
    if (this.#queue.fifo && !(current && isInFlight(document.value, this.#work.now))) throw expiredHandle(handle);
    if (!current) return;
    deleteMessage(this.#work, this.#queue, document);
    this.#note(document.key.id, document.value, undefined);
  }

  /** @throws ReceiptHandleIsInvalid, InvalidParameterValue, MessageNotInflight */
  async changeVisibility(handle: string, seconds: number): Promise<void> {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > 43_200) {
      throw invalidValue(seconds, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and 43200.");
    }
    const { now } = this.#work;
    const receipt = readHandle(this.#queue, handle);
    const document = receipt && (await this.#read(receipt.id));
    if (!document || document.value.receipt !== receipt.receipt) throw notAvailable(handle);
    const { value: message } = document;
    if (!isInFlight(message, now)) throw notInFlight();
    const visibleAt = now + seconds * 1000;
    if (visibleAt - (message.receivedAt ?? now) > longestHiddenMs) {
      throw invalidValue(
        seconds,
        "VisibilityTimeout",
        "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
      );
    }
    const next: Message = { ...message, visibleAt };
    putMessage(this.#work, this.#queue, next, document.key.id, document.version);
    this.#note(document.key.id, message, next);
    if (visibleAt < message.visibleAt) signal(this.#work, this.#queue);
  }

  /** Stages the groups as they are after the changes. */
  async finish(): Promise<void> {
    for (const groupId of this.#groups) {
      const { group, version } = await readGroup(this.#work, this.#queue, groupId);
      if (!group) continue;
      const documents = await headOf(this.#work, this.#queue, groupId);
      const remaining = documents.flatMap(({ key, value }) => {
        const message = this.#changed.has(key.id) ? this.#changed.get(key.id) : value;
        return message ? [message] : [];
      });
      putGroup(this.#work, this.#queue, groupWith(group, remaining, this.#work.now), version);
      signal(this.#work, this.#queue);
    }
  }

  async #read(id: string): Promise<Document<Message> | undefined> {
    // Changes of one group go one after the other; the lane is named by the group's part of the id.
    if (this.#queue.fifo) await this.#parts.lanes.enter(this.#ctx, id.slice(0, id.lastIndexOf("/")));
    return await this.#work.state.get<Message>(types.message, id, scopeOf(this.#queue));
  }

  #note(id: string, before: Message, after: Message | undefined): void {
    this.#changed.set(id, after);
    if (this.#queue.fifo) this.#groups.add(before.groupId ?? "");
  }
}

/** The lanes of the groups of these handles, entered in order before anything is read. */
export async function enterGroupsOf(
  ctx: CallContext,
  parts: Parts,
  queue: Queue,
  handles: readonly string[],
): Promise<void> {
  if (!queue.fifo) return;
  const lanes = handles.flatMap((handle) => {
    try {
      const receipt = readHandle(queue, handle);
      return receipt ? [receipt.id.slice(0, receipt.id.lastIndexOf("/"))] : [];
    } catch {
      // It is refused when its turn comes.
      return [];
    }
  });
  await parts.lanes.enterAll(ctx, lanes);
}
