/**
 * Order among the calls of one process that change the same thing, so that they do not lose races against each other:
 * the store's versions decide in any case, between processes too; this spares the attempts.
 */
import type { CallContext } from "./context.ts";

/** Calls in the same lane go one after the other. A lane is left when its call is settled. */
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
