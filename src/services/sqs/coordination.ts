/**
 * Order among the calls of one process, so that they do not lose races against each other: the store's versions decide
 * in any case, between processes too; this spares the attempts.
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

/** Calls that change the same message group go one after the other. A lane is left when its call is settled. */
export class Lanes {
  /** The call that is inside, and those that wait. */
  readonly #lanes = new Map<string, { holder: string; queue: (() => void)[] }>();

  async enter(ctx: CallContext, name: string): Promise<void> {
    if (this.tryEnter(ctx, name)) return;
    const lane = this.#lanes.get(name)!;
    await new Promise<void>((resolve) => {
      lane.queue.push(() => {
        lane.holder = ctx.requestId;
        resolve();
      });
    });
    ctx.onSettled(() => this.leave(ctx, name));
  }

  tryEnter(ctx: CallContext, name: string): boolean {
    const lane = this.#lanes.get(name);
    if (lane) return lane.holder === ctx.requestId;
    this.#lanes.set(name, { holder: ctx.requestId, queue: [] });
    ctx.onSettled(() => this.leave(ctx, name));
    return true;
  }

  /** Several at once, always in the same order, so that no two calls wait for each other. */
  async enterAll(ctx: CallContext, names: readonly string[]): Promise<void> {
    for (const name of [...new Set(names)].toSorted()) await this.enter(ctx, name);
  }

  /** Before the call is settled only by one that has staged nothing. */
  leave(ctx: CallContext, name: string): void {
    const lane = this.#lanes.get(name);
    if (lane?.holder !== ctx.requestId) return;
    const next = lane.queue.shift();
    if (next) next();
    else this.#lanes.delete(name);
  }
}

/** Twenty digits that rise with each message of this process and, as the clock does, across restarts. */
export class Sequences {
  #last = 0n;

  next(now: number, atLeast = "0"): string {
    const byClock = BigInt(Math.floor(now)) * 10_000_000n;
    const floor = BigInt(atLeast);
    let next = byClock > this.#last ? byClock : this.#last + 128n;
    if (next <= floor) next = floor + 128n;
    this.#last = next;
    return next.toString().padStart(20, "0");
  }
}
