/**
 * Time comes in as an argument everywhere, so that every test is repeatable and `jikimi time +90d`
 * can show a rotation, a renewal or an expiry today.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that runs with the system's, moved by an offset that may only grow. */
export class AdjustableClock implements Clock {
  #offset: number;
  readonly #base: Clock;
  readonly #followers = new Set<(offset: number) => void>();

  constructor(offset = 0, base: Clock = systemClock) {
    this.#offset = offset;
    this.#base = base;
  }

  now(): number {
    return this.#base.now() + this.#offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Moves the clock forward. Going back would make issued tokens and leases valid again, so it is refused. */
  advance(milliseconds: number): void {
    if (!Number.isSafeInteger(milliseconds) || milliseconds < 0) {
      throw new RangeError(`the clock moves forward by whole milliseconds only, got ${milliseconds} ms`);
    }
    if (this.now() + milliseconds > latest) throw new RangeError("the clock does not go beyond the year 9999");
    this.#offset += milliseconds;
    for (const follower of this.#followers) follower(this.#offset);
  }

  /** Moves to the offset of another clock, unless it is there or beyond. */
  follow(offset: number): void {
    if (offset > this.#offset) this.advance(offset - this.#offset);
  }

  /** Tells of every move, until the function it gives is called. */
  onMove(follower: (offset: number) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

/** The last instant whose ISO 8601 form has a year of four digits. */
const latest = Date.UTC(9999, 11, 31, 23, 59, 59);

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** The last answer of `isoSeconds`: all that is recorded within a second bears the same text. */
const latestText = { second: Number.NaN, text: "" };

/** ISO 8601 with seconds, the form CloudTrail and IAM use: `2026-01-01T00:00:00Z`. */
export function isoSeconds(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second === latestText.second) return latestText.text;
  const text = `${new Date(milliseconds).toISOString().slice(0, -".000Z".length)}Z`;
  latestText.second = second;
  latestText.text = text;
  return text;
}

/** Milliseconds in a fixed width, so that the order of texts is the order of times. */
export function timeText(milliseconds: number): string {
  return String(Math.max(0, Math.floor(milliseconds))).padStart(16, "0");
}
