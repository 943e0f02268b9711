/**
 * Requests per key within a sliding window, in one process. A window is kept as 60 buckets and the one being filled: a
 * request counts for the whole window and up to a sixtieth of it more, never less.
 */
import type { RateCounters } from "./contract.ts";

const bucketsPerWindow = 60;
const slots = bucketsPerWindow + 1;
/** Source: AWS WAF Developer Guide, "Rate-based rule caveats": at most 10,000 aggregation instances are managed. */
const mostKeys = 10_000;
/** How many of the oldest keys are looked at for the one to leave out. */
const evictionSample = 16;

interface Window {
  buckets: Uint32Array;
  /** Number of the newest bucket since the epoch. */
  newest: number;
  total: number;
}

export class MemoryRateCounters implements RateCounters {
  readonly #counters = new Map<string, Map<string, Window>>();

  hit(counter: string, key: string, windowSeconds: number, nowMs: number): number {
    let windows = this.#counters.get(counter);
    if (!windows) this.#counters.set(counter, (windows = new Map()));
    const bucket = bucketOf(windowSeconds, nowMs);
    let window = windows.get(key);
    if (window) {
      // To the end: the order of the map is that of the last use.
      windows.delete(key);
    } else {
      if (windows.size >= mostKeys) evict(windows, bucket);
      window = { buckets: new Uint32Array(slots), newest: bucket, total: 0 };
    }
    windows.set(key, window);
    advance(window, bucket);
    window.buckets[window.newest % slots]! += 1;
    window.total += 1;
    return window.total;
  }

  over(counter: string, windowSeconds: number, limit: number, nowMs: number, most: number): string[] {
    const windows = this.#counters.get(counter);
    if (!windows) return [];
    const bucket = bucketOf(windowSeconds, nowMs);
    const found: { key: string; total: number }[] = [];
    for (const [key, window] of windows) {
      advance(window, bucket);
      if (window.total === 0) windows.delete(key);
      else if (window.total > limit) found.push({ key, total: window.total });
    }
    return found
      .toSorted((a, b) => b.total - a.total)
      .slice(0, most)
      .map(({ key }) => key);
  }

  /** Forgets the counters of rules that are gone. */
  keepOnly(counters: ReadonlySet<string>): void {
    for (const counter of this.#counters.keys()) if (!counters.has(counter)) this.#counters.delete(counter);
  }
}

const bucketOf = (windowSeconds: number, nowMs: number): number =>
  Math.floor((nowMs * bucketsPerWindow) / (windowSeconds * 1_000));

/** Empties what has left the window. A window whose length was changed begins anew: its buckets have other numbers. */
function advance(window: Window, bucket: number): void {
  const steps = bucket - window.newest;
  if (steps === 0) return;
  if (steps < 0 || steps >= slots) {
    // Behind by a little is another clock's view of the same second; by more, another numbering.
    if (steps < 0 && steps > -slots) return;
    window.buckets.fill(0);
    window.total = 0;
  } else {
    for (let each = window.newest + 1; each <= bucket; each++) {
      const at = each % slots;
      window.total -= window.buckets[at]!;
      window.buckets[at] = 0;
    }
  }
  window.newest = bucket;
}

/** Of those not used for longest, the one with the fewest requests goes: an attacker's many new keys push out each other. */
function evict(windows: Map<string, Window>, bucket: number): void {
  let victim: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  let seen = 0;
  for (const [key, window] of windows) {
    advance(window, bucket);
    if (window.total < fewest) [victim, fewest] = [key, window.total];
    if (++seen >= evictionSample || fewest === 0) break;
  }
  if (victim !== undefined) windows.delete(victim);
}
