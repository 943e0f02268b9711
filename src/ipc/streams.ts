/** Items that may be under way to a reader that has not asked for more. */
const window = 16;

/** Name of the only member of the object that stands in a message where a stream was. */
const markKey = "jikimi:stream";

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function mark(number: number): Record<string, number> {
  return { [markKey]: number };
}

/** Takes the streams out of a value: the value itself, its members, and members of its members (arguments that are objects). */
export function packStreams(value: unknown): { value: unknown; streams: AsyncIterable<unknown>[] } {
  const streams: AsyncIterable<unknown>[] = [];
  const pack = (part: unknown, depth: number): unknown => {
    if (isStream(part)) return mark(streams.push(part) - 1);
    if (depth === 0 || typeof part !== "object" || part === null) return part;
    if (Array.isArray(part))
      return depth === 2 && part.some(mayHoldStream) ? part.map((item) => pack(item, depth - 1)) : part;
    if (!isPlain(part) || !Object.values(part).some(isStream)) return part;
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, pack(member, 0)]));
  };
  return { value: pack(value, 2), streams };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function mayHoldStream(value: unknown): boolean {
  if (isStream(value)) return true;
  return typeof value === "object" && value !== null && isPlain(value) && Object.values(value).some(isStream);
}

/** Puts the streams back where `packStreams` found them. */
export function unpackStreams(value: unknown, streams: readonly AsyncIterable<unknown>[]): unknown {
  if (streams.length === 0) return value;
  const unpack = (part: unknown, depth: number): unknown => {
    if (typeof part !== "object" || part === null) return part;
    const number = (part as Record<string, unknown>)[markKey];
    if (typeof number === "number" && streams[number]) return streams[number];
    if (depth === 0) return part;
    if (Array.isArray(part)) return part.map((item) => unpack(item, depth - 1));
    if (!isPlain(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, unpack(member, 0)]));
  };
  return unpack(value, 2);
}

/** Reads a source and sends its items as far as the reader has given leave. */
export class OutgoingStream {
  readonly #source: AsyncIterable<unknown>;
  readonly #send: { item: (value: unknown) => void; end: (error?: unknown) => void };
  #credit = window;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(
    source: AsyncIterable<unknown>,
    send: { item: (value: unknown) => void; end: (error?: unknown) => void },
  ) {
    this.#source = source;
    this.#send = send;
  }

  credit(count: number): void {
    this.#credit += count;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async run(): Promise<void> {
    try {
      for await (const value of this.#source) {
        while (this.#credit <= 0 && !this.#stopped) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
        // Leaving the loop calls `return` of the source, so that it frees what it holds.
        if (this.#stopped) break;
        this.#credit--;
        this.#send.item(value);
      }
      this.#send.end();
    } catch (error) {
      this.#send.end(error);
    }
  }
}

/** What the reader of a stream iterates. At most `window` items wait in it. */
export class IncomingStream implements AsyncIterableIterator<unknown> {
  readonly #peer: { credit: (count: number) => void; stop: () => void };
  readonly #items: unknown[] = [];
  #end: { error?: unknown } | undefined;
  #waiting: { resolve: (result: IteratorResult<unknown>) => void; reject: (error: unknown) => void } | undefined;

  constructor(peer: { credit: (count: number) => void; stop: () => void }) {
    this.#peer = peer;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(value: unknown): void {
    if (this.#end) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) {
      this.#items.push(value);
      return;
    }
    this.#peer.credit(1);
    waiting.resolve({ done: false, value });
  }

  end(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(end: { error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) return;
    if ("error" in end) waiting.reject(end.error);
    else waiting.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#items.length > 0) {
      const value = this.#items.shift();
      this.#peer.credit(1);
      return Promise.resolve({ done: false, value });
    }
    if (this.#end) {
      const end = this.#end;
      this.#end = {};
      return "error" in end ? Promise.reject(end.error as Error) : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  return(): Promise<IteratorResult<unknown>> {
    if (!this.#end) {
      this.#end = {};
      this.#items.length = 0;
      this.#peer.stop();
      // Who waits for an item learns that there will be none.
      this.#waiting?.resolve({ done: true, value: undefined });
      this.#waiting = undefined;
    }
    return Promise.resolve({ done: true, value: undefined });
  }
}
