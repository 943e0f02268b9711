/** How many messages of a queue are in flight: counted anew every second, and only estimated in between. */
import { timeText } from "#kernel/clock.ts";
import type { CallContext } from "#gateway/context.ts";
import { scopeOf, types, type Queue } from "./state.ts";

const freshMs = 1000;
const capacity = 10_000;

export class InFlightCounts {
  readonly #counts = new Map<string, { count: number; at: number }>();

  async of(ctx: CallContext, queue: Queue): Promise<number> {
    const now = ctx.clock.now();
    const known = this.#counts.get(queue.epoch);
    if (known && now - known.at < freshMs) return known.count;
    const count = await countInFlight(ctx, queue);
    if (this.#counts.size >= capacity) this.#counts.clear();
    this.#counts.set(queue.epoch, { count, at: now });
    return count;
  }
}

export function countInFlight(ctx: CallContext, queue: Queue): Promise<number> {
  const range = { from: `${queue.epoch}/${timeText(ctx.clock.now() + 1)}`, to: `${queue.epoch}0` };
  return ctx.state.countIndex(types.message, "flight", range, scopeOf(queue));
}
