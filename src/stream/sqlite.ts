import type { Clock } from "#kernel/clock.ts";
import { checkName } from "#store/limits.ts";
import { checkLease, type SqliteStore } from "#store/sqlite.ts";
import { SqliteDatabase, type Component } from "#store/sqlite-database.ts";
import { Refusal } from "#store/sqlite-protocol.ts";
import { LeaseLost, type PartitionLease, type StoredEvent, type Stream, type StreamEvent } from "./contract.ts";
import { streamMigrations } from "./migrations/index.ts";
import {
  checkOffset,
  checkPartition,
  checkPartitions,
  checkRead,
  defaultPartitions,
  prepareEvents,
} from "./partition.ts";
import type { StreamCommandOptions, StreamMarks } from "./sqlite-commands.ts";
import { Watermarks } from "./watermarks.ts";

/** The reads of streams in a SQLite file. */
export const streamReads = {
  head: "select last from stream_heads where stream = ? and partition = ?",
  read: "select offset, id, key, time, event from events where stream = ? and partition = ? and offset > ? order by offset limit ? + 0",
  committed: "select committed from stream_groups where stream = ? and name = ? and partition = ?",
} as const;

/** An event whose content is still the JSON text that was appended. */
export type StoredText = Omit<StoredEvent, "event"> & { event: string };

/** A row of `streamReads.read`. */
export type EventRow = [offset: number, id: string, key: string, time: number, event: string];

/**
 * Streams in a SQLite file with group commit: in a file of their own, or in the store's. Then the events of a batch
 * are written by the batch itself, and need neither the outbox nor a second sync.
 */
export class SqliteStream implements Stream {
  readonly partitions: number;
  /** The store whose batches write their events here themselves. */
  readonly store: SqliteStore | undefined;
  readonly #db: SqliteDatabase;
  readonly #clock: Clock;
  readonly #marks: Watermarks;
  #closed = false;

  private constructor(
    db: SqliteDatabase,
    clock: Clock,
    partitions: number,
    marks: Watermarks,
    store: SqliteStore | undefined,
  ) {
    this.#db = db;
    this.#clock = clock;
    this.#marks = marks;
    this.partitions = partitions;
    this.store = store;
  }

  /** The number of partitions is set when the file is made; afterwards the file's own number holds. */
  static async open(path: string, options: { clock: Clock; partitions?: number }): Promise<SqliteStream> {
    const { component, marks } = componentOf(options, false);
    const db = new SqliteDatabase(path, component);
    try {
      const partitions = Number(await db.loaded);
      return new SqliteStream(db, options.clock, partitions, marks, undefined);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /** In the store's file. Events that wait in its outbox are taken over first. */
  static async beside(store: SqliteStore, options: { clock: Clock; partitions?: number }): Promise<SqliteStream> {
    const { component, marks } = componentOf(options, true);
    const partitions = Number(await store.database.use(component));
    return new SqliteStream(store.database, options.clock, partitions, marks, store);
  }

  async append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    const prepared = prepareEvents(stream, events, this.partitions);
    if (prepared.length > 0) await this.#db.write("stream.append", this.#clock.now(), prepared);
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    const events: (Omit<StoredEvent, "event"> & { event: unknown })[] = await this.readText(
      stream,
      partition,
      after,
      limit,
    );
    for (const each of events) each.event = JSON.parse(each.event as string);
    return events as StoredEvent<T>[];
  }

  /** `read` for those who pass the events on. */
  async readText(stream: string, partition: number, after: number, limit: number): Promise<StoredText[]> {
    checkPartition(partition, this.partitions);
    checkRead(after, limit);
    return this.#db
      .tuples<EventRow>(streamReads.read, stream, partition, after, limit)
      .map(([offset, id, key, time, event]) => ({ partition, offset, id, key, time, event }));
  }

  async wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    checkPartition(partition, this.partitions);
    const mark = this.#marks.of(stream, partition);
    const head = this.#db.get<{ last: number }>(streamReads.head, stream, partition)?.last ?? 0;
    if (head <= after && !this.#closed) await mark.waitAbove(after, timeoutMs);
  }

  async committed(stream: string, group: string, partition: number): Promise<number> {
    checkPartition(partition, this.partitions);
    return this.#db.get<{ committed: number }>(streamReads.committed, stream, group, partition)?.committed ?? 0;
  }

  async commit(lease: PartitionLease, offset: number): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    try {
      await this.#db.write("stream.commit", this.#clock.now(), stream, group, partition, owner, fencingToken, offset);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (typeof error.value === "number") checkOffset(offset, error.value);
      throw new LeaseLost(lease);
    }
  }

  async lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined> {
    checkName("stream", stream);
    checkName("group", group);
    checkPartition(partition, this.partitions);
    checkLease(group, owner, ttlMs);
    const taken = await this.#db.write<Pick<PartitionLease, "fencingToken" | "expiresAt"> | null>(
      "stream.lease",
      this.#clock.now(),
      stream,
      group,
      partition,
      owner,
      ttlMs,
    );
    return taken === null ? undefined : { stream, group, partition, owner, ...taken };
  }

  async release(lease: PartitionLease): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    await this.#db.write("stream.release", this.#clock.now(), stream, group, partition, owner, fencingToken);
  }

  async trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    return await this.#db.write<number>("stream.trim", this.#clock.now(), stream, groups, before);
  }

  /** The store's file is closed by the store. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.store) await this.#db.close();
    this.#marks.wakeAll();
  }
}

function componentOf(
  { clock, partitions = defaultPartitions }: { clock: Clock; partitions?: number },
  besideStore: boolean,
): { component: Component; marks: Watermarks } {
  checkPartitions(partitions);
  const marks = new Watermarks();
  const options: StreamCommandOptions = { partitions, besideStore, now: clock.now() };
  const component: Component = {
    name: "stream",
    migrations: streamMigrations,
    commands: new URL("./sqlite-commands.ts", import.meta.url).href,
    options,
    onMarks: (raised: StreamMarks) => {
      for (const [stream, partition, last] of raised) marks.of(stream, partition).raise(last);
    },
  };
  return { component, marks };
}
