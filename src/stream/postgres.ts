import type { Clock } from "#kernel/clock.ts";
import { systemRandom, type Random } from "#kernel/ids.ts";
import { GroupCommit } from "#store/group-commit.ts";
import { checkName } from "#store/limits.ts";
import { PostgresClient } from "#store/postgres-client.ts";
import { checkLease } from "#store/sqlite.ts";
import { LeaseLost, type PartitionLease, type StoredEvent, type Stream, type StreamEvent } from "./contract.ts";
import { streamMigrations } from "./migrations/index.ts";
import {
  checkOffset,
  checkPartition,
  checkPartitions,
  checkRead,
  deduplicationWindow,
  defaultPartitions,
  prepareEvents,
  type PreparedEvent,
} from "./partition.ts";
import { Watermarks } from "./watermarks.ts";

const sql = {
  keepPartitions: "insert into jikimi.stream_settings (name, value) values ('partitions', $1) on conflict do nothing",
  partitions: "select value from jikimi.stream_settings where name = 'partitions'",
  append: "select last::text from jikimi.append_events($1::text::jsonb, $2::text::jsonb, $3)",
  read: `select partition, "offset", id, key, time, event from jikimi.events
    where stream = $1 and partition = $2 and "offset" > $3 order by "offset" limit $4`,
  head: "select last from jikimi.stream_heads where stream = $1 and partition = $2",
  committed: "select committed from jikimi.stream_groups where stream = $1 and name = $2 and partition = $3",
  commit: `update jikimi.stream_groups set committed = greatest(committed, $1)
    where stream = $2 and name = $3 and partition = $4 and owner = $5 and token = $6 returning committed`,
  take: "select jikimi.take_partition($1, $2, $3, $4, $5, $6) as token",
  release: `update jikimi.stream_groups set owner = '', expires_at = 0
    where stream = $1 and name = $2 and partition = $3 and owner = $4 and token = $5`,
  trim: "select jikimi.trim_events($1, $2::text::jsonb, $3) as removed",
} as const;

export interface PostgresStreamOptions {
  clock: Clock;
  random?: Random;
  partitions?: number;
  timeoutMs?: number;
  connectTimeoutMs?: number;
}

interface PendingAppend {
  stream: string;
  partitions: readonly number[];
  json: string;
}

/** Streams in PostgreSQL, in the same database as the store or in another. Appends that wait together travel together. */
export class PostgresStream implements Stream {
  readonly #clock: Clock;
  readonly #client: PostgresClient;
  readonly #marks = new Watermarks();
  readonly #appends: GroupCommit<PendingAppend, void>;
  #partitions: number;

  private constructor(url: string, options: PostgresStreamOptions) {
    this.#clock = options.clock;
    this.#partitions = options.partitions ?? defaultPartitions;
    checkPartitions(this.#partitions);
    this.#client = new PostgresClient(url, {
      ...options,
      random: options.random ?? systemRandom,
      channel: "jikimi_stream",
      onNotification: (payload) => {
        const [stream = "", partition, last] = payload.split(" ");
        this.#marks.of(stream, Number(partition)).raise(Number(last));
      },
      onLost: () => this.#marks.wakeAll(),
    });
    this.#appends = new GroupCommit((group) => this.#appendGroup(group), { size: ({ json }) => json.length });
  }

  /** The number of partitions is set by the first process; afterwards the database's own number holds. */
  static async open(url: string, options: PostgresStreamOptions): Promise<PostgresStream> {
    const stream = new PostgresStream(url, options);
    try {
      await stream.#client.migrate("stream", streamMigrations);
      await stream.#client.write(sql.keepPartitions, [stream.#partitions]);
      const rows = await stream.#client.read<{ value: number }>(sql.partitions);
      stream.#partitions = rows[0]!.value;
    } catch (error) {
      await stream.close();
      throw error;
    }
    return stream;
  }

  get partitions(): number {
    return this.#partitions;
  }

  async append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    const prepared: PreparedEvent[] = prepareEvents(stream, events, this.#partitions);
    if (prepared.length === 0) return;
    const partitions = [...new Set(prepared.map((event) => event.partition))];
    // Without the brackets, so that a group is put together by joining.
    await this.#appends.add({ stream, partitions, json: JSON.stringify(prepared).slice(1, -1) });
  }

  async #appendGroup(group: readonly PendingAppend[]): Promise<PromiseSettledResult<void>[]> {
    const events = `[${group.map((append) => append.json).join(",")}]`;
    const named = new Map(
      group.flatMap(({ stream, partitions }) =>
        partitions.map((partition) => [`${stream}/${partition}`, [stream, partition]]),
      ),
    );
    const parameters = [JSON.stringify([...named.values()]), events, Math.floor(this.#clock.now())];
    const rows = await this.#client.write<{ last: string }>(sql.append, parameters);
    const heads = JSON.parse(rows[0]?.last ?? "[]") as [stream: string, partition: number, last: number][];
    for (const [stream, partition, last] of heads) this.#marks.of(stream, partition).raise(last);
    return group.map(() => ({ status: "fulfilled", value: undefined }));
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    checkPartition(partition, this.#partitions);
    checkRead(after, limit);
    const rows = await this.#client.read<Omit<StoredEvent, "event"> & { event: string }>(sql.read, [
      stream,
      partition,
      after,
      limit,
    ]);
    return rows.map((row) => ({ ...row, event: JSON.parse(row.event) as T }));
  }

  async #head(stream: string, partition: number): Promise<number> {
    return (await this.#client.read<{ last: number }>(sql.head, [stream, partition]))[0]?.last ?? 0;
  }

  async wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    checkPartition(partition, this.#partitions);
    const mark = this.#marks.of(stream, partition);
    if (mark.value > after || (await this.#head(stream, partition)) > after) return;
    await mark.waitAbove(after, timeoutMs);
  }

  async committed(stream: string, group: string, partition: number): Promise<number> {
    checkPartition(partition, this.#partitions);
    const rows = await this.#client.read<{ committed: number }>(sql.committed, [stream, group, partition]);
    return rows[0]?.committed ?? 0;
  }

  async commit(lease: PartitionLease, offset: number): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    checkOffset(offset, await this.#head(stream, partition));
    const rows = await this.#client.write(sql.commit, [offset, stream, group, partition, owner, fencingToken]);
    if (rows.length === 0) throw new LeaseLost(lease);
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
    checkPartition(partition, this.#partitions);
    checkLease(group, owner, ttlMs);
    const now = Math.floor(this.#clock.now());
    const expiresAt = Math.floor(now + ttlMs);
    const rows = await this.#client.write<{ token: number | null }>(sql.take, [
      stream,
      group,
      partition,
      owner,
      now,
      expiresAt,
    ]);
    const fencingToken = rows[0]?.token ?? null;
    return fencingToken === null ? undefined : { stream, group, partition, owner, fencingToken, expiresAt };
  }

  async release(lease: PartitionLease): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    await this.#client.write(sql.release, [stream, group, partition, owner, fencingToken]);
  }

  async trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    const limit = Math.floor(Math.min(before, this.#clock.now() - deduplicationWindow));
    const rows = await this.#client.write<{ removed: number }>(sql.trim, [stream, JSON.stringify(groups), limit]);
    return rows[0]?.removed ?? 0;
  }

  async close(): Promise<void> {
    await this.#appends.drain();
    await this.#client.close();
    this.#marks.wakeAll();
  }
}
