/**
 * Receivers of one process keep off each other's messages: the store's versions decide in any case, between processes
 * too; this spares the attempts.
 */
import type { CallContext } from "#gateway/context.ts";

/** Messages that calls of this process are about to take. */
export class Claims {
  readonly #holders = new Map<string, string>();
  readonly #byQueue = new Map<string, number>();

  /** How many messages of the queue are being taken; a receiver looks past so many. */
  heldOf(epoch: string): number {
    return this.#byQueue.get(epoch) ?? 0;
  }

  /** Whether the call may take it; until the call is settled nobody else may. */
  take(ctx: CallContext, epoch: string, id: string): boolean {
    const holder = this.#holders.get(id);
    if (holder !== undefined) return holder === ctx.requestId;
    this.#holders.set(id, ctx.requestId);
    this.#byQueue.set(epoch, this.heldOf(epoch) + 1);
    ctx.onSettled(() => {
      this.#holders.delete(id);
      const left = this.heldOf(epoch) - 1;
      if (left > 0) this.#byQueue.set(epoch, left);
      else this.#byQueue.delete(epoch);
    });
    return true;
  }
}
