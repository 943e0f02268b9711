/**
 * One moment of an image, read while writing goes on: what is about to be overwritten is read before it is.
 *
 * INVARIANT: whoever writes to a chunk has awaited `preserve` of it, so the cut shows what was there at its moment.
 */
import { chunkBytes } from "./writtenMap.ts";

export interface CutChunk {
  chunk: number;
  /** `chunkBytes`, as the image has them. */
  data: Buffer;
}

/** Chunks that were read for writers and wait to be taken; a writer waits when there are more. */
const mostPreserved = 64;

export class Cut {
  readonly total: number;
  readonly #read: (chunk: number) => Promise<Buffer>;
  /** Still to be read, in ascending order of insertion. */
  readonly #pending: Set<number>;
  readonly #reading = new Map<number, Promise<void>>();
  readonly #preserved: CutChunk[] = [];
  readonly #roomWaiters: (() => void)[] = [];
  #closed = false;

  constructor(chunks: readonly number[], read: (chunk: number) => Promise<Buffer>) {
    this.#pending = new Set(chunks);
    this.total = chunks.length;
    this.#read = read;
  }

  /** Before chunks are changed. A chunk that cannot be read fails the cut, not the writer. */
  async preserve(first: number, last: number): Promise<void> {
    for (let chunk = first; chunk <= last && !this.#closed; chunk++) {
      const underWay = this.#reading.get(chunk);
      if (underWay) await underWay;
      else if (this.#pending.has(chunk)) {
        while (this.#preserved.length >= mostPreserved && !this.#closed) {
          await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
        }
        await this.#take(chunk);
      }
    }
  }

  /** Every written chunk once, in no order. */
  async *chunks(): AsyncGenerator<CutChunk> {
    try {
      for (;;) {
        const preserved = this.#preserved.shift();
        if (preserved) {
          this.#roomWaiters.splice(0).forEach((wake) => wake());
          yield preserved;
          continue;
        }
        const [next] = this.#pending;
        if (next !== undefined) await this.#take(next);
        else if (this.#reading.size > 0) await Promise.all(this.#reading.values());
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#preserved.length === 0) return;
        if (this.#failure !== undefined) throw this.#failure;
      }
    } finally {
      this.close();
    }
  }

  /** Nothing is preserved any more. */
  close(): void {
    this.#closed = true;
    this.#pending.clear();
    this.#preserved.length = 0;
    this.#roomWaiters.splice(0).forEach((wake) => wake());
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  #failure: unknown;

  /** Marks the chunk before the first await: nobody reads it twice. */
  #take(chunk: number): Promise<void> {
    const underWay = this.#reading.get(chunk);
    if (underWay) return underWay;
    if (!this.#pending.delete(chunk)) return Promise.resolve();
    const reading = this.#read(chunk).then(
      (data) => {
        this.#preserved.push({ chunk, data: data.length === chunkBytes ? data : padded(data) });
        this.#reading.delete(chunk);
      },
      (error: unknown) => {
        this.#failure = error;
        this.#reading.delete(chunk);
      },
    );
    this.#reading.set(chunk, reading);
    return reading;
  }
}

function padded(data: Buffer): Buffer {
  const whole = Buffer.alloc(chunkBytes);
  data.copy(whole);
  return whole;
}
