/** Streams of which some have their events sealed: the reading half of `#store/sealed.ts`, and appending to them. */
import { eventLimit, toJson } from "#store/limits.ts";
import type { SealedKinds } from "#store/sealed.ts";
import { eventBound, openValue, sealJson, type SealingKeys } from "#store/sealing.ts";
import type { PartitionLease, StoredEvent, Stream, StreamEvent } from "./contract.ts";

export class SealedStream implements Stream {
  readonly #stream: Stream;
  readonly #streams: ReadonlySet<string>;
  readonly #keys: SealingKeys;

  constructor(stream: Stream, kinds: Pick<SealedKinds, "streams">, keys: SealingKeys) {
    this.#stream = stream;
    this.#streams = kinds.streams;
    this.#keys = keys;
  }

  get partitions(): number {
    return this.#stream.partitions;
  }

  async append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    await this.#stream.append(
      stream,
      this.#streams.has(stream) ? await sealEvents(this.#keys, stream, events) : events,
    );
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    const events = await this.#stream.read<T>(stream, partition, after, limit);
    if (!this.#streams.has(stream)) return events;
    return await Promise.all(
      events.map(async (each) => ({
        ...each,
        event: await openValue(this.#keys, each.event, eventBound(stream, each.id)),
      })),
    );
  }

  wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    return this.#stream.wait(stream, partition, after, timeoutMs);
  }
  committed(stream: string, group: string, partition: number): Promise<number> {
    return this.#stream.committed(stream, group, partition);
  }
  commit(lease: PartitionLease, offset: number): Promise<void> {
    return this.#stream.commit(lease, offset);
  }
  lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined> {
    return this.#stream.lease(stream, group, partition, owner, ttlMs);
  }
  release(lease: PartitionLease): Promise<void> {
    return this.#stream.release(lease);
  }
  trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    return this.#stream.trim(stream, groups, before);
  }
  close(): Promise<void> {
    return this.#stream.close();
  }
}

/** Events as they are kept. */
export async function sealEvents(
  keys: SealingKeys,
  stream: string,
  events: readonly StreamEvent[],
): Promise<StreamEvent[]> {
  const key = await keys.current();
  return events.map((each) => ({
    ...each,
    event: sealJson(key, toJson("event", each.event, eventLimit), eventBound(stream, each.id)),
  }));
}
