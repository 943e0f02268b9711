import { StoreUnavailable } from "#store/contract.ts";
import type { FollowedFile } from "#store/sqlite-followed.ts";
import type { IpcClient } from "#ipc/contract.ts";
import type { PartitionLease, StoredEvent, Stream, StreamEvent } from "./contract.ts";
import { IpcStream } from "./ipc.ts";
import { checkPartition, checkRead } from "./partition.ts";
import { streamReads, type EventRow } from "./sqlite.ts";
import type { StreamMarks } from "./sqlite-commands.ts";
import { Watermarks } from "./watermarks.ts";

/** Streams in the store's file, for a role on the owner's machine: read from the file, written by the owner. */
export class FollowingStream implements Stream {
  readonly #owner: IpcStream;
  readonly #file: FollowedFile;
  readonly #marks = new Watermarks();

  private constructor(owner: IpcStream, file: FollowedFile) {
    this.#owner = owner;
    this.#file = file;
    file.listen("stream", {
      onMarks: (raised) => {
        for (const [stream, partition, last] of raised as StreamMarks) this.#marks.of(stream, partition).raise(last);
      },
      onLost: () => this.#marks.reset(),
    });
  }

  /** The client stays open when the stream is closed. */
  static async open(client: IpcClient, file: FollowedFile): Promise<FollowingStream> {
    return new FollowingStream(await IpcStream.over(client), file);
  }

  get partitions(): number {
    return this.#owner.partitions;
  }

  append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    return this.#owner.append(stream, events);
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    const { rows } = this.#file;
    if (!rows) return await this.#owner.read<T>(stream, partition, after, limit);
    checkPartition(partition, this.partitions);
    checkRead(after, limit);
    return rows
      .tuples<EventRow>(streamReads.read, stream, partition, after, limit)
      .map(([offset, id, key, time, event]) => ({ partition, offset, id, key, time, event: JSON.parse(event) as T }));
  }

  /** Rejects when the owner is lost meanwhile: what was known of the partition may be of another file. */
  async wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    const { rows, generation } = this.#file;
    if (!rows) return await this.#owner.wait(stream, partition, after, timeoutMs);
    checkPartition(partition, this.partitions);
    const head = rows.get<{ last: number }>(streamReads.head, stream, partition)?.last ?? 0;
    if (head <= after) await this.#marks.of(stream, partition).waitAbove(after, timeoutMs);
    if (this.#file.generation !== generation) throw new StoreUnavailable("the owner of the streams was lost");
  }

  async committed(stream: string, group: string, partition: number): Promise<number> {
    const { rows } = this.#file;
    if (!rows) return await this.#owner.committed(stream, group, partition);
    checkPartition(partition, this.partitions);
    return rows.get<{ committed: number }>(streamReads.committed, stream, group, partition)?.committed ?? 0;
  }

  commit(lease: PartitionLease, offset: number): Promise<void> {
    return this.#owner.commit(lease, offset);
  }

  lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined> {
    return this.#owner.lease(stream, group, partition, owner, ttlMs);
  }

  release(lease: PartitionLease): Promise<void> {
    return this.#owner.release(lease);
  }

  trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    return this.#owner.trim(stream, groups, before);
  }

  async close(): Promise<void> {
    this.#marks.wakeAll();
  }
}
