/**
 * Receivers of one process keep off each other's messages: the store's versions decide in any case, between processes
 * too; this spares the attempts.
 */
import type { CallContext } from "#gateway/context.ts";

/** Messages that calls of this process are about to take. */
export class Claims {
  readonly #holders = new Map<string, string>();
  readonly #byQueue = new Map<string, { held: number; furthest: number; looks: number }>();

  /**
   * Where a receiver best begins to look: behind what others are taking right now, which need not be read again. Every
   * so often at the very beginning, for a message that somebody meant to take and did not.
   * @returns epoch milliseconds of the first `visibleAt` to look at.
   */
  start(epoch: string): number {
    const queue = this.#byQueue.get(epoch);
    if (!queue) return 0;
    return ++queue.looks % 8 === 0 ? 0 : queue.furthest;
  }

  /** How many messages of the queue are being taken. */
  heldOf(epoch: string): number {
    return this.#byQueue.get(epoch)?.held ?? 0;
  }

  /** Whether the call may take it; until the call is settled nobody else may. */
  take(ctx: CallContext, epoch: string, id: string, visibleAt: number): boolean {
    const holder = this.#holders.get(id);
    if (holder !== undefined) return holder === ctx.requestId;
    this.#holders.set(id, ctx.requestId);
    let queue = this.#byQueue.get(epoch);
    if (!queue) this.#byQueue.set(epoch, (queue = { held: 0, furthest: 0, looks: 0 }));
    queue.held += 1;
    queue.furthest = Math.max(queue.furthest, visibleAt);
    const entered = queue;
    ctx.onSettled(() => {
      this.#holders.delete(id);
      entered.held -= 1;
      if (entered.held === 0) this.#byQueue.delete(epoch);
    });
    return true;
  }
}
