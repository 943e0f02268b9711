/**
 * What goes to the streams: access log lines, metrics, reports of the firewall. Sent in batches; while the streams are
 * out of reach it waits, first in memory, then sealed on the disk, within bounds. What is beyond them is dropped and counted.
 *
 * INVARIANT: an item keeps its id however often it is sent, so a stream holds it once.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Random } from "#kernel/ids.ts";
import type { StreamEvent } from "#stream/contract.ts";
import type { Sealing } from "./sealing.ts";

export interface OutboxItem {
  stream: string;
  key: string;
  id: string;
  event: unknown;
}

export interface OutboxOptions {
  append(stream: string, events: readonly StreamEvent[]): Promise<void>;
  /** Last change of an item before it is sent, where the key holder is needed for it. */
  prepare(item: OutboxItem): Promise<OutboxItem>;
  folder: string;
  sealing: Sealing;
  random: Random;
  log: Logger;
  limits?: OutboxLimits;
}

export interface OutboxLimits {
  /** Characters that wait in memory before they go to the disk. */
  memory: number;
  /** Bytes on the disk. */
  disk: number;
  /** A call that takes longer has failed. */
  callMs: number;
  everyMs: number;
}

const defaults: OutboxLimits = { memory: 2_000_000, disk: 256 * 1024 * 1024, callMs: 10_000, everyMs: 1_000 };
const perAppend = 50;
/** At the end nobody waits long for streams that do not answer: the disk keeps what is left, under the same ids. */
const closeMs = 1_500;
const extension = ".sealed";

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #limits: OutboxLimits;
  #items: { item: OutboxItem; size: number }[] = [];
  #size = 0;
  #files: { name: string; size: number }[] = [];
  #next = 0;
  #timer: NodeJS.Timeout;
  #flushing: Promise<void> | undefined;
  dropped = 0;

  /** @param refill called before each turn: puts what has gathered since the last one */
  constructor(options: OutboxOptions, refill: () => void) {
    this.#options = options;
    this.#limits = options.limits ?? defaults;
    this.#timer = setInterval(() => {
      refill();
      void this.flush();
    }, this.#limits.everyMs);
    this.#timer.unref();
  }

  /** Finds what an earlier process has left on the disk. */
  async open(): Promise<void> {
    const names = (await readdir(this.#options.folder)).filter((name) => name.endsWith(extension)).toSorted();
    for (const name of names) {
      const size = (await readFile(join(this.#options.folder, name))).length;
      this.#files.push({ name, size });
    }
    this.#next = Number(names.at(-1)?.split(".")[0] ?? 0) + 1;
  }

  put(stream: string, key: string, event: unknown): void {
    const id = this.#options.random.bytes(16).toString("hex");
    const size = JSON.stringify(event).length;
    this.#items.push({ item: { stream, key, id, event }, size });
    this.#size += size;
  }

  /** Sends what waits; when that fails, what is too much for the memory goes to the disk. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  /** What cannot be sent any more stays on the disk for the next process. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    // The first may be one that had begun before the last items came.
    const sent = this.flush().then(() => this.flush());
    await Promise.race([sent, delay(closeMs)]);
    await this.#spill();
  }

  async #flush(): Promise<void> {
    try {
      await this.#sendFiles();
      await this.#sendItems();
    } catch (error) {
      this.#options.log.debug({ err: error }, "log lines and metrics wait for the streams");
      if (this.#size > this.#limits.memory) await this.#spill();
    }
  }

  async #sendFiles(): Promise<void> {
    for (let file = this.#files[0]; file; file = this.#files[0]) {
      const path = join(this.#options.folder, file.name);
      const opened = this.#options.sealing.open(await readFile(path).catch(() => Buffer.alloc(0)));
      // One that cannot be opened was sealed for another installation, or is broken: nobody will ever read it.
      if (opened) await this.#send(JSON.parse(opened.toString()) as OutboxItem[]);
      await rm(path, { force: true });
      this.#files.shift();
    }
  }

  async #sendItems(): Promise<void> {
    while (this.#items.length > 0) {
      const batch = this.#items.slice(0, perAppend);
      await this.#send(batch.map(({ item }) => item));
      this.#items.splice(0, batch.length);
      for (const { size } of batch) this.#size -= size;
    }
  }

  async #send(items: readonly OutboxItem[]): Promise<void> {
    const byStream = new Map<string, StreamEvent[]>();
    for (const item of items) {
      const { stream, key, id, event } = await within(this.#options.prepare(item), this.#limits.callMs);
      const events = byStream.get(stream) ?? [];
      events.push({ id, key, event });
      byStream.set(stream, events);
    }
    for (const [stream, events] of byStream) await within(this.#options.append(stream, events), this.#limits.callMs);
  }

  async #spill(): Promise<void> {
    if (this.#items.length === 0) return;
    const taken = this.#items;
    this.#items = [];
    this.#size = 0;
    const sealed = this.#options.sealing.seal(Buffer.from(JSON.stringify(taken.map(({ item }) => item))));
    const used = this.#files.reduce((sum, { size }) => sum + size, 0);
    if (used + sealed.length > this.#limits.disk) return this.#drop(taken.length, "the room on the disk is used up");
    const name = `${String(this.#next++).padStart(12, "0")}${extension}`;
    try {
      await writeFile(join(this.#options.folder, name), sealed, { mode: 0o600 });
      this.#files.push({ name, size: sealed.length });
    } catch (error) {
      this.#drop(taken.length, (error as Error).message);
    }
  }

  #drop(count: number, reason: string): void {
    this.dropped += count;
    this.#options.log.warn({ count, dropped: this.dropped, reason }, "log lines and metrics were dropped");
  }
}

async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
