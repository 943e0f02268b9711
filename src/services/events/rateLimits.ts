/** How often API destinations are invoked. Source: EventBridge API Reference, CreateApiDestination (InvocationRateLimitPerSecond). */
import { parseArn } from "#kernel/arn.ts";
import type { Clock } from "#kernel/clock.ts";
import type { Store } from "#store/contract.ts";
import { scopeOf, types, type ApiDestination, type Place } from "./state.ts";

const capacity = 10_000;

/** Counts whole seconds of the one process that delivers. */
export class RateLimits {
  readonly #clock: Clock;
  readonly #rates = new Map<string, { second: number; count: number; limit: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there may be one more in this second. */
  async take(store: Store, place: Place, arn: string): Promise<boolean> {
    const second = Math.floor(this.#clock.now() / 1000);
    const rate = this.#rates.get(arn);
    if (rate?.second === second) {
      if (rate.count >= rate.limit) return false;
      rate.count += 1;
      return true;
    }
    const name = parseArn(arn)?.resource.split("/")[1] ?? "";
    const found = await store.get<ApiDestination>({ ...scopeOf(place), type: types.apiDestination, id: name });
    if (this.#rates.size >= capacity) this.#rates.clear();
    this.#rates.set(arn, { second, count: 1, limit: found?.value.ratePerSecond ?? 1 });
    return true;
  }
}
