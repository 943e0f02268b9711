/** The writes of the streams on the writer's thread (`#store/sqlite-writer-thread.ts`). */
import type { SqliteConnection } from "#store/sqlite-connection.ts";
import { Refusal, type CommandSet, type WriterShared } from "#store/sqlite-protocol.ts";
import { deduplicationWindow, partitionOf, type PreparedEvent } from "./partition.ts";

const sql = {
  keepPartitions: "insert into settings (name, value) values ('partitions', ?) on conflict do nothing",
  partitions: "select value from settings where name = 'partitions'",
  head: "select last from stream_heads where stream = ? and partition = ?",
  setHead:
    "insert into stream_heads values (?, ?, ?) on conflict (stream, partition) do update set last = excluded.last",
  insert:
    "insert into events (stream, partition, offset, id, key, time, checked, event) values (?, ?, ?, ?, ?, ?, 0, ?)",
  insertChecked: `insert into events (stream, partition, offset, id, key, time, checked, event) values (?, ?, ?, ?, ?, ?, 1, ?)
    on conflict (stream, partition, id) where checked = 1 do nothing`,
  group:
    "select committed, owner, token, expires_at from stream_groups where stream = ? and name = ? and partition = ?",
  take: `insert into stream_groups (stream, name, partition, committed, owner, token, expires_at) values (?, ?, ?, 0, ?, ?, ?)
    on conflict (stream, name, partition) do update set owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at`,
  commit: `update stream_groups set committed = max(committed, ?)
    where stream = ? and name = ? and partition = ? and owner = ? and token = ?`,
  release:
    "update stream_groups set owner = '', expires_at = 0 where stream = ? and name = ? and partition = ? and owner = ? and token = ?",
  first: "select min(offset) as first from events where stream = ? and partition = ?",
  heads: "select partition, last from stream_heads where stream = ?",
  trim: "delete from events where stream = ? and partition = ? and offset <= ? and time < ?",
  outbox: "select stream, key, id, event from outbox order by sequence",
  emptyOutbox: "delete from outbox",
} as const;

/** Events of a partition that one call of `trim` removes at most, so that it never holds up the others for long. */
const trimmed = 2_000;

export interface StreamCommandOptions {
  /** Number of partitions of a new file. */
  partitions: number;
  /** The file is the store's: the events of a batch are written in its transaction, and there is no outbox. */
  besideStore: boolean;
  /** Epoch milliseconds, for events that still wait in the outbox. */
  now: number;
}

export type StreamMarks = [stream: string, partition: number, last: number][];

interface GroupRow {
  committed: number;
  owner: string;
  token: number;
  expires_at: number;
}

interface Head {
  stream: string;
  partition: number;
  last: number;
  written: number;
}

/**
 * INVARIANT: offsets are dense. Heads are kept in memory between writes; a write that is rolled back takes back
 * what it added to them, and a group that is lost forgets all of them.
 */
class StreamCommands {
  readonly #db: SqliteConnection;
  readonly #partitions: number;
  readonly #heads = new Map<string, Head>();
  readonly #changed = new Set<Head>();
  readonly #undo: [head: Head, last: number][] = [];

  constructor(db: SqliteConnection, partitions: number) {
    this.#db = db;
    this.#partitions = partitions;
  }

  #head(stream: string, partition: number): Head {
    const name = `${stream}/${partition}`;
    let head = this.#heads.get(name);
    if (!head) {
      const last = this.#db.get<{ last: number }>(sql.head, stream, partition)?.last ?? 0;
      this.#heads.set(name, (head = { stream, partition, last, written: last }));
    }
    return head;
  }

  append({ stream, partition, id, key, event, fresh }: PreparedEvent & { fresh?: boolean }, now: number): void {
    const head = this.#head(stream, partition);
    const statement = fresh === true ? sql.insert : sql.insertChecked;
    if (this.#db.run(statement, stream, partition, head.last + 1, id, key, Math.floor(now), event) === 0) return;
    this.#undo.push([head, head.last]);
    head.last++;
    this.#changed.add(head);
  }

  appendByKey(entry: Omit<PreparedEvent, "partition"> & { fresh?: boolean }, now: number): void {
    this.append({ ...entry, partition: partitionOf(entry.key, this.#partitions) }, now);
  }

  /** Refuses with the last offset given out, or with "lost". */
  commit(stream: string, group: string, partition: number, owner: string, token: number, offset: number): void {
    const { last } = this.#head(stream, partition);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > last) throw new Refusal(last, true);
    if (this.#db.run(sql.commit, offset, stream, group, partition, owner, token) === 0) throw new Refusal("lost", true);
  }

  lease(
    now: number,
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): { fencingToken: number; expiresAt: number } | null {
    const held = this.#db.get<GroupRow>(sql.group, stream, group, partition);
    if (held && held.owner !== owner && held.expires_at > now) return null;
    const fencingToken = held ? (held.owner === owner ? held.token : held.token + 1) : 1;
    const expiresAt = Math.floor(now + ttlMs);
    this.#db.run(sql.take, stream, group, partition, owner, fencingToken, expiresAt);
    return { fencingToken, expiresAt };
  }

  release(stream: string, group: string, partition: number, owner: string, token: number): void {
    this.#db.run(sql.release, stream, group, partition, owner, token);
  }

  trim(now: number, stream: string, groups: readonly string[], before: number): number {
    const limit = Math.min(before, now - deduplicationWindow);
    let removed = 0;
    for (const { partition } of this.#db.all<{ partition: number }>(sql.heads, stream)) {
      const committed = groups.map(
        (group) => this.#db.get<GroupRow>(sql.group, stream, group, partition)?.committed ?? 0,
      );
      const { last } = this.#head(stream, partition);
      const { first } = this.#db.get<{ first: number | null }>(sql.first, stream, partition)!;
      if (first === null) continue;
      const end = Math.min(last, first + trimmed - 1, ...committed);
      removed += this.#db.run(sql.trim, stream, partition, end, limit);
    }
    return removed;
  }

  begin(): void {
    this.#undo.length = 0;
  }

  undo(): void {
    for (const [head, last] of this.#undo.reverse()) head.last = last;
    this.#undo.length = 0;
  }

  finish(): StreamMarks | undefined {
    if (this.#changed.size === 0) return undefined;
    const marks: StreamMarks = [];
    for (const head of this.#changed) {
      if (head.last !== head.written) this.#db.run(sql.setHead, head.stream, head.partition, head.last);
      head.written = head.last;
      marks.push([head.stream, head.partition, head.last]);
    }
    this.#changed.clear();
    return marks;
  }

  lost(): void {
    this.#heads.clear();
    this.#changed.clear();
    this.#undo.length = 0;
  }
}

/** The number of partitions is set when the file is made; afterwards the file's own number holds, and is the answer. */
function keepPartitions(db: SqliteConnection, wanted: number): number {
  const kept = db.get<{ value: number }>(sql.partitions);
  if (kept) return kept.value;
  db.run(sql.keepPartitions, wanted);
  return wanted;
}

/** What a store without streams of its own had put into its outbox comes first, in its order. */
function takeOverOutbox(db: SqliteConnection, streams: StreamCommands, now: number): void {
  const entries = db.all<Omit<PreparedEvent, "partition">>(sql.outbox);
  if (entries.length === 0) return;
  db.run("begin immediate");
  try {
    for (const entry of entries) streams.appendByKey(entry, now);
    streams.finish();
    db.run(sql.emptyOutbox);
    db.run("commit");
  } catch (error) {
    streams.lost();
    if (db.raw.isTransaction) db.run("rollback");
    throw error;
  }
}

export function createCommands(db: SqliteConnection, shared: WriterShared, options: StreamCommandOptions): CommandSet {
  const partitions = keepPartitions(db, options.partitions);
  const streams = new StreamCommands(db, partitions);
  if (options.besideStore) {
    takeOverOutbox(db, streams, options.now);
    shared.sink = (entry, now) => streams.appendByKey(entry, now);
  }
  return {
    value: partitions,
    commands: {
      "stream.append": (now: number, events: readonly PreparedEvent[]) => {
        for (const event of events) streams.append(event, now);
      },
      "stream.commit": (
        _now: number,
        stream: string,
        group: string,
        partition: number,
        owner: string,
        token: number,
        offset: number,
      ) => streams.commit(stream, group, partition, owner, token, offset),
      "stream.lease": (now: number, stream: string, group: string, partition: number, owner: string, ttlMs: number) =>
        streams.lease(now, stream, group, partition, owner, ttlMs),
      "stream.release": (
        _now: number,
        stream: string,
        group: string,
        partition: number,
        owner: string,
        token: number,
      ) => streams.release(stream, group, partition, owner, token),
      "stream.trim": (now: number, stream: string, groups: readonly string[], before: number) =>
        streams.trim(now, stream, groups, before),
    },
    begin: () => streams.begin(),
    undo: () => streams.undo(),
    finish: () => streams.finish(),
    lost: () => streams.lost(),
  };
}
