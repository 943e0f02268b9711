/**
 * One reading of a partition for all reactors that follow it: they are woken by the same events and read from the same
 * place, so an event is taken out of the stream and parsed once. Readers must not change what they are given.
 */
import type { StoredEvent, Stream } from "#stream/contract.ts";

/** How long the last events of a partition are kept for a reactor that comes later. Milliseconds. */
const keptMs = 1_000;

interface Recent {
  events: readonly StoredEvent[];
  drop: NodeJS.Timeout;
}

export class SharedReads {
  readonly #stream: Stream;
  readonly #recent = new Map<string, Recent>();
  readonly #underWay = new Map<string, Promise<readonly StoredEvent[]>>();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** At least one event after `after` when there is one; at most `limit`. */
  async read(stream: string, partition: number, after: number, limit: number): Promise<readonly StoredEvent[]> {
    const name = `${stream}/${partition}`;
    const known = this.#knownAfter(name, after);
    if (known.length > 0) return known.slice(0, limit);
    const reading = `${name}/${after}/${limit}`;
    let events = this.#underWay.get(reading);
    if (!events) {
      events = this.#read(name, stream, partition, after, limit).finally(() => this.#underWay.delete(reading));
      this.#underWay.set(reading, events);
    }
    return await events;
  }

  /** What is kept of a partition may be of a stream that is no more. */
  forget(stream: string, partition: number): void {
    const name = `${stream}/${partition}`;
    clearTimeout(this.#recent.get(name)?.drop);
    this.#recent.delete(name);
  }

  /** What follows in the last events that were read, when they have the next one. */
  #knownAfter(name: string, after: number): readonly StoredEvent[] {
    const events = this.#recent.get(name)?.events;
    const first = events?.[0];
    // Offsets are dense but for what has been trimmed away: the next one is in it, or nothing is known.
    if (!events || !first || first.offset > after + 1) return [];
    return events.slice(Math.max(0, after + 1 - first.offset));
  }

  async #read(
    name: string,
    stream: string,
    partition: number,
    after: number,
    limit: number,
  ): Promise<readonly StoredEvent[]> {
    const events = await this.#stream.read(stream, partition, after, limit);
    if (events.length > 0) this.#remember(name, events);
    return events;
  }

  #remember(name: string, events: readonly StoredEvent[]): void {
    const before = this.#recent.get(name);
    // A reactor that is far behind does not take from the others what they are about to read.
    if (before && before.events.at(-1)!.offset >= events.at(-1)!.offset) return;
    clearTimeout(before?.drop);
    const drop = setTimeout(() => this.#recent.delete(name), keptMs).unref();
    this.#recent.set(name, { events, drop });
  }
}
