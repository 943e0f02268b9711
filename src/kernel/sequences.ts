/** Sequence numbers of messages. */

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
