import type { Clock } from "#kernel/clock.ts";
import { checkName } from "#store/limits.ts";
import { checkLease } from "#store/sqlite.ts";
import { SqliteDatabase } from "#store/sqlite-database.ts";
import { LeaseLost, type PartitionLease, type StoredEvent, type Stream, type StreamEvent } from "./contract.ts";
import { streamMigrations } from "./migrations/0001-events.ts";
import {
  checkOffset,
  checkPartition,
  checkPartitions,
  checkRead,
  deduplicationWindow,
  defaultPartitions,
  prepareEvents,
} from "./partition.ts";
import { Watermarks } from "./watermarks.ts";

const sql = {
  keepPartitions: "insert into settings (name, value) values ('partitions', ?) on conflict do nothing",
  partitions: "select value from settings where name = 'partitions'",
  head: "select last from stream_heads where stream = ? and partition = ?",
  setHead:
    "insert into stream_heads values (?, ?, ?) on conflict (stream, partition) do update set last = excluded.last",
  insert:
    "insert into events (stream, partition, offset, id, key, time, event) values (?, ?, ?, ?, ?, ?, ?) on conflict (stream, partition, id) do nothing",
  read: "select partition, offset, id, key, time, event from events where stream = ? and partition = ? and offset > ? order by offset limit ?",
  group:
    "select committed, owner, token, expires_at from stream_groups where stream = ? and name = ? and partition = ?",
  take: `insert into stream_groups (stream, name, partition, committed, owner, token, expires_at) values (?, ?, ?, 0, ?, ?, ?)
    on conflict (stream, name, partition) do update set owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at`,
  commit: `update stream_groups set committed = max(committed, ?)
    where stream = ? and name = ? and partition = ? and owner = ? and token = ?`,
  release:
    "update stream_groups set owner = '', expires_at = 0 where stream = ? and name = ? and partition = ? and owner = ? and token = ?",
  heads: "select partition, last from stream_heads where stream = ?",
  trim: "delete from events where stream = ? and partition = ? and offset <= ? and time < ?",
} as const;

interface GroupRow {
  committed: number;
  owner: string;
  token: number;
  expires_at: number;
}

/**
 * Streams in a SQLite file of their own (never the store's: it has one owner connection, and events would weigh
 * down its backups), with the same group commit.
 */
export class SqliteStream implements Stream {
  readonly partitions: number;
  readonly #db: SqliteDatabase;
  readonly #clock: Clock;
  readonly #marks = new Watermarks();

  private constructor(db: SqliteDatabase, clock: Clock, partitions: number) {
    this.#db = db;
    this.#clock = clock;
    this.partitions = partitions;
  }

  /** The number of partitions is set when the file is made; afterwards the file's own number holds. */
  static async open(path: string, options: { clock: Clock; partitions?: number }): Promise<SqliteStream> {
    const wanted = options.partitions ?? defaultPartitions;
    checkPartitions(wanted);
    const db = new SqliteDatabase(path, "stream", streamMigrations);
    const partitions = await db.write(() => {
      db.run(sql.keepPartitions, wanted);
      return db.get<{ value: number }>(sql.partitions)!.value;
    });
    return new SqliteStream(db, options.clock, partitions);
  }

  #head(stream: string, partition: number): number {
    return this.#db.get<{ last: number }>(sql.head, stream, partition)?.last ?? 0;
  }

  async append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    const prepared = prepareEvents(stream, events, this.partitions);
    if (prepared.length === 0) return;
    const heads = await this.#db.write(() => {
      const time = Math.floor(this.#clock.now());
      const last = new Map<number, number>();
      for (const { partition, id, key, event } of prepared) {
        const offset = (last.get(partition) ?? this.#head(stream, partition)) + 1;
        const added = this.#db.run(sql.insert, stream, partition, offset, id, key, time, event);
        last.set(partition, added ? offset : offset - 1);
      }
      for (const [partition, offset] of last) this.#db.run(sql.setHead, stream, partition, offset);
      return last;
    });
    for (const [partition, offset] of heads) this.#marks.of(stream, partition).raise(offset);
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    checkPartition(partition, this.partitions);
    checkRead(after, limit);
    return this.#db
      .all<Omit<StoredEvent, "event"> & { event: string }>(sql.read, stream, partition, after, limit)
      .map((row) => ({ ...row, event: JSON.parse(row.event) as T }));
  }

  async wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    checkPartition(partition, this.partitions);
    if (this.#head(stream, partition) > after) return;
    await this.#marks.of(stream, partition).waitAbove(after, timeoutMs);
  }

  async committed(stream: string, group: string, partition: number): Promise<number> {
    checkPartition(partition, this.partitions);
    return this.#db.get<GroupRow>(sql.group, stream, group, partition)?.committed ?? 0;
  }

  async commit(lease: PartitionLease, offset: number): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    await this.#db.write(() => {
      checkOffset(offset, this.#head(stream, partition));
      const updated = this.#db.run(sql.commit, offset, stream, group, partition, owner, fencingToken);
      if (updated === 0) throw new LeaseLost(lease);
    });
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
    return this.#db.write(() => {
      const now = this.#clock.now();
      const held = this.#db.get<GroupRow>(sql.group, stream, group, partition);
      if (held && held.owner !== owner && held.expires_at > now) return undefined;
      const fencingToken = held ? (held.owner === owner ? held.token : held.token + 1) : 1;
      const expiresAt = Math.floor(now + ttlMs);
      this.#db.run(sql.take, stream, group, partition, owner, fencingToken, expiresAt);
      return { stream, group, partition, owner, fencingToken, expiresAt };
    });
  }

  async release(lease: PartitionLease): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    await this.#db.write(() => this.#db.run(sql.release, stream, group, partition, owner, fencingToken));
  }

  async trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    return this.#db.write(() => {
      const limit = Math.min(before, this.#clock.now() - deduplicationWindow);
      let removed = 0;
      for (const { partition, last } of this.#db.all<{ partition: number; last: number }>(sql.heads, stream)) {
        const committed = groups.map(
          (group) => this.#db.get<GroupRow>(sql.group, stream, group, partition)?.committed ?? 0,
        );
        removed += this.#db.run(sql.trim, stream, partition, Math.min(last, ...committed), limit);
      }
      return removed;
    });
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#marks.wakeAll();
  }
}
