import { Worker } from "node:worker_threads";
import { StoreUnavailable } from "./contract.ts";
import { Refusal, type FromWriter, type Outcome, type ToWriter, type Write } from "./sqlite-protocol.ts";

/**
 * Messages that the thread may have at a time: one that it syncs and one that waits for it. What comes meanwhile is
 * gathered, since a sync costs the same for one write and for many.
 */
const messagesUnderWay = 2;
/** Writes of one message, as many as the thread takes into one transaction. */
const messageSize = 512;

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * The owner's end of the writer thread. Writes are answered in their order.
 */
export class SqliteWriter {
  readonly #worker: Worker;
  /** Counts the messages to the thread, which sleeps until it rises. */
  readonly #posted = new Int32Array(new SharedArrayBuffer(4));
  readonly #onMarks: (marks: Record<string, unknown>) => void;
  readonly #sent: Pending[] = [];
  readonly #using = new Map<string, Pending>();
  readonly #queue: Write[] = [];
  readonly #queued: Pending[] = [];
  #scheduled = false;
  /** Messages with writes that are not answered. */
  #underWay = 0;
  #gone: string | undefined;
  #closing: Promise<void> | undefined;
  #closed: (() => void) | undefined;

  /** `onMarks` is called once for each group, when it is durable and before its writers resolve. */
  constructor(path: string, onMarks: (marks: Record<string, unknown>) => void) {
    this.#onMarks = onMarks;
    this.#worker = new Worker(new URL("./sqlite-writer-thread.ts", import.meta.url), {
      workerData: { path, posted: this.#posted },
      // Flags of the owner's command line (an evaluated text, a test runner) are none of the thread's.
      execArgv: [],
      // Piped through, they would make the standard streams of the whole process non-blocking.
      stdout: true,
      stderr: true,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on("message", (message: FromWriter) => this.#receive(message));
    this.#worker.on("error", (error) => this.#lose(String(error)));
    this.#worker.on("exit", () => this.#lose("its writer has ended"));
    this.#worker.unref();
  }

  get broken(): string | undefined {
    return this.#gone;
  }

  /** Loads a command set; `CommandModule` says what `url` has to export. */
  use(url: string, options: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      while (this.#queue.length > 0) this.#flush();
      this.#using.set(url, { resolve, reject });
      this.#post({ use: url, options });
    });
  }

  /** Rejects with `Refusal` when the command refused, with `StoreUnavailable` when the engine failed. */
  write(command: string, now: number, args: readonly unknown[]): Promise<unknown> {
    if (this.#gone !== undefined) {
      return Promise.reject(new StoreUnavailable(`the database failed earlier: ${this.#gone}`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push([command, now, args]);
      this.#queued.push({ resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0 || this.#underWay >= messagesUnderWay) return;
    this.#scheduled = true;
    setImmediate(() => this.#gather(1));
  }

  /** Sends when a turn of the event loop has brought nothing more: a lone writer waits for one turn, a crowd comes together. */
  #gather(before: number): void {
    const { length } = this.#queue;
    if (length > before && length < messageSize) {
      setImmediate(() => this.#gather(length));
      return;
    }
    this.#scheduled = false;
    this.#flush();
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    this.#sent.push(...this.#queued.splice(0, messageSize));
    this.#underWay++;
    this.#post({ writes: this.#queue.splice(0, messageSize) });
    this.#schedule();
  }

  #post(message: ToWriter): void {
    // The process stays alive for what it has promised, and for nothing else.
    this.#worker.ref();
    this.#worker.postMessage(message);
    Atomics.add(this.#posted, 0, 1);
    Atomics.notify(this.#posted, 0);
  }

  #receive(message: FromWriter): void {
    if ("closed" in message) {
      this.#closed?.();
      return;
    }
    if ("used" in message) {
      const waiting = this.#using.get(message.used);
      this.#using.delete(message.used);
      if (message.failure === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new StoreUnavailable(message.failure));
    } else {
      if (message.broken !== undefined) this.#gone = message.broken;
      this.#onMarks(message.marks);
      const answered = this.#sent.splice(0, message.count);
      let next = 0;
      for (const [position, outcome] of message.outcomes) {
        for (; next < position; next++) answered[next]!.resolve(undefined);
        settle(answered[next++]!, outcome);
      }
      for (; next < answered.length; next++) answered[next]!.resolve(undefined);
      this.#underWay -= message.messages;
      this.#schedule();
    }
    if (this.#sent.length === 0 && this.#using.size === 0 && !this.#closing) this.#worker.unref();
  }

  /** The thread is gone with what it had been given: nobody knows how that ended. */
  #lose(reason: string): void {
    this.#gone ??= reason;
    const error = new StoreUnavailable(`the database failed: ${reason}`, { unknown: true });
    for (const { reject } of [...this.#sent.splice(0), ...this.#queued.splice(0), ...this.#using.values()]) {
      reject(error);
    }
    this.#queue.length = 0;
    this.#using.clear();
    this.#closed?.();
  }

  /** Commits what was given before, then ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    while (this.#queue.length > 0) this.#flush();
    if (this.#gone === undefined || this.#sent.length > 0) {
      const closed = new Promise<void>((resolve) => (this.#closed = resolve));
      this.#post({ close: true });
      await closed;
    }
    await this.#worker.terminate();
  }
}

function settle({ resolve, reject }: Pending, outcome: Outcome): void {
  if ("value" in outcome) resolve(outcome.value);
  else if ("refusal" in outcome) reject(new Refusal(outcome.refusal));
  else if ("unavailable" in outcome) reject(new StoreUnavailable(outcome.unavailable, { unknown: outcome.unknown }));
  else reject(new Error(outcome.failure));
}
