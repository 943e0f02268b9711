/** Slow senders: a body somebody waits for must bring a minimum per second. One timer judges all of them. */
interface Watched {
  giveUp(): void;
  bytes: number;
  /** Sweeps during which the reader was waiting for the client. */
  waited: number;
  waiting: boolean;
}

export interface BodyWatch {
  received(bytes: number): void;
  /** The reader is busy with what it got. */
  pause(): void;
  resume(): void;
  end(): void;
}

const sweepsPerWindow = 4;

export class BodyPace {
  readonly #watched = new Set<Watched>();
  readonly #perWindow: number;
  readonly #timer: NodeJS.Timeout;

  constructor(bytesPerSecond: number, windowMs: number) {
    this.#perWindow = (bytesPerSecond * windowMs) / 1000;
    this.#timer = setInterval(() => this.#sweep(), Math.max(5, windowMs / sweepsPerWindow));
    this.#timer.unref();
  }

  /** `giveUp` is called at most once, when too little came during a window of waiting. */
  watch(giveUp: () => void): BodyWatch {
    const entry: Watched = { giveUp, bytes: 0, waited: 0, waiting: true };
    const watched = this.#watched;
    watched.add(entry);
    return {
      received: (bytes) => void (entry.bytes += bytes),
      pause: () => void (entry.waiting = false),
      resume: () => void (entry.waiting = true),
      end: () => void watched.delete(entry),
    };
  }

  /** Bodies that are being read. */
  get size(): number {
    return this.#watched.size;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    for (const entry of this.#watched) {
      if (!entry.waiting || ++entry.waited < sweepsPerWindow) continue;
      if (entry.bytes < this.#perWindow) {
        this.#watched.delete(entry);
        entry.giveUp();
      }
      entry.waited = 0;
      entry.bytes = 0;
    }
  }
}
