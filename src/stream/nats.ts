import {
  jetstream,
  jetstreamManager,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from "@nats-io/jetstream";
import { connect, nanos, type NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "#kernel/clock.ts";
import { InvalidKey, StoreUnavailable } from "#store/contract.ts";
import { checkName } from "#store/limits.ts";
import { checkLease } from "#store/sqlite.ts";
import { LeaseLost, type PartitionLease, type StoredEvent, type Stream, type StreamEvent } from "./contract.ts";
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

/** JetStream's code for a compare-and-set that found another last sequence. */
const wrongLastSequence = 10071;

const groupStream = "JIKIMI_groups";
const attempts = 5;

interface GroupRecord {
  committed: number;
  owner: string;
  token: number;
  expiresAt: number;
}

interface NatsOptions {
  clock: Clock;
  partitions?: number;
  /** Copies of each stream: 1 or, on a cluster, 3 or 5. */
  replicas?: number;
  timeoutMs?: number;
  user?: string;
  password?: string;
  /** Path of the certificates that sign the servers'; present means TLS. */
  caFile?: string;
}

/**
 * Streams in NATS JetStream: one JetStream stream for each partition, so that its sequence is our dense offset;
 * consumer groups in one more stream that keeps the last record of each subject, written by compare-and-set.
 *
 * The server acknowledges before it syncs to disk unless it runs with `sync_interval: always` (2.10 and newer),
 * so audit data stays in the store's outbox until it is here, and in its archive afterwards.
 * Source: NATS documentation, "JetStream: consistency and durability"; nats-server issue 7564.
 */
export class NatsStream implements Stream {
  readonly partitions: number;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #admin: JetStreamManager;
  readonly #options: NatsOptions & { replicas: number; timeoutMs: number };
  readonly #known = new Map<string, Promise<void>>();
  /** Tail of the appends of each partition: one at a time, or a repeated publish would change the order. */
  readonly #tails = new Map<string, Promise<void>>();

  private constructor(
    connection: NatsConnection,
    admin: JetStreamManager,
    options: NatsOptions & { replicas: number; timeoutMs: number },
    partitions: number,
  ) {
    this.#connection = connection;
    this.#admin = admin;
    this.#options = options;
    this.#client = jetstream(connection, { timeout: options.timeoutMs });
    this.partitions = partitions;
  }

  /** `servers`: "host:port" each. The number of partitions is set by the first process; afterwards its number holds. */
  static async open(servers: readonly string[], given: NatsOptions): Promise<NatsStream> {
    const options = { partitions: defaultPartitions, replicas: 1, timeoutMs: 5_000, ...given };
    checkPartitions(options.partitions);
    let connection: NatsConnection;
    try {
      connection = await connect({
        servers: [...servers],
        maxReconnectAttempts: -1,
        timeout: options.timeoutMs,
        name: "jikimi",
        ...(options.user === undefined ? {} : { user: options.user, pass: options.password ?? "" }),
        ...(options.caFile === undefined ? {} : { tls: { caFile: options.caFile } }),
      });
    } catch (cause) {
      throw new StoreUnavailable(`cannot reach NATS at ${servers.join(", ")}`, { cause });
    }
    try {
      const admin = await jetstreamManager(connection, { timeout: options.timeoutMs });
      await admin.streams.add({
        name: groupStream,
        subjects: ["jikimi.groups.>"],
        max_msgs_per_subject: 1,
        num_replicas: options.replicas,
      });
      const client = jetstream(connection, { timeout: options.timeoutMs });
      const partitions = await keepPartitions(client, admin, options.partitions);
      return new NatsStream(connection, admin, options, partitions);
    } catch (cause) {
      await connection.close();
      throw new StoreUnavailable(`NATS at ${servers.join(", ")} cannot be used: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /** Makes the stream of a partition when it is not there. */
  async #ensure(stream: string, partition: number): Promise<string> {
    const name = streamName(stream, partition);
    let made = this.#known.get(name);
    if (!made) {
      made = this.#admin.streams
        .add({
          name,
          subjects: [eventSubject(stream, partition)],
          num_replicas: this.#options.replicas,
          duplicate_window: nanos(2 * deduplicationWindow),
        })
        .then(() => undefined);
      this.#known.set(name, made);
      made.catch(() => this.#known.delete(name));
    }
    await made;
    return name;
  }

  async append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    const byPartition = Map.groupBy(prepareEvents(stream, events, this.partitions), (event) => event.partition);
    const work = [...byPartition].map(([partition, own]) => this.#inTurn(stream, partition, own));
    const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  #inTurn(stream: string, partition: number, events: readonly PreparedEvent[]): Promise<void> {
    const name = streamName(stream, partition);
    const before = this.#tails.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#publishAll(stream, partition, events));
    const tail = turn.catch(() => {});
    this.#tails.set(name, tail);
    void tail.then(() => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    });
    return turn;
  }

  async #publishAll(stream: string, partition: number, events: readonly PreparedEvent[]): Promise<void> {
    await this.#reach(() => this.#ensure(stream, partition), false);
    const subject = eventSubject(stream, partition);
    const time = Math.floor(this.#options.clock.now());
    for (const { id, key, event } of events) {
      const payload = JSON.stringify({ id, key, time, event });
      // Repeated with the same id: the server leaves out what it has already taken.
      await this.#reach(() => this.#client.publish(subject, payload, { msgID: id }), true);
    }
  }

  async #reach<T>(act: () => Promise<T>, unknown: boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (cause) {
        if (cause instanceof JetStreamApiError && cause.code === wrongLastSequence) throw cause;
        if (attempt >= attempts || this.#connection.isClosed()) {
          throw new StoreUnavailable(`NATS: ${(cause as Error).message}`, { unknown, cause });
        }
      }
    }
  }

  async #bounds(name: string): Promise<{ first: number; last: number }> {
    return this.#reach(async () => {
      const { state } = await this.#admin.streams.info(name);
      return { first: state.first_seq, last: state.last_seq };
    }, false);
  }

  async #last(stream: string, partition: number): Promise<number> {
    return (await this.#bounds(await this.#reach(() => this.#ensure(stream, partition), false))).last;
  }

  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    checkName("stream", stream);
    checkPartition(partition, this.partitions);
    checkRead(after, limit);
    const name = await this.#reach(() => this.#ensure(stream, partition), false);
    const { first, last } = await this.#bounds(name);
    const from = Math.max(after + 1, first, 1);
    const count = Math.max(0, Math.min(last - from + 1, limit));
    // Sequences are dense, so each is asked for by number; the questions travel together.
    const messages = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        this.#reach(() => this.#admin.streams.getMessage(name, { seq: from + n }), false),
      ),
    );
    return messages
      .filter((message) => message !== null)
      .map((message) => {
        const { id, key, time, event } = message.json<{ id: string; key: string; time: number; event: string }>();
        return { partition, offset: message.seq, id, key, time, event: JSON.parse(event) as T };
      });
  }

  async wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    checkName("stream", stream);
    checkPartition(partition, this.partitions);
    const arrival = Promise.withResolvers<void>();
    const subscription = this.#connection.subscribe(eventSubject(stream, partition), {
      callback: () => arrival.resolve(),
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      // Subscribed first and asked second, so that nothing falls in between.
      await this.#connection.flush();
      if ((await this.#last(stream, partition)) > after || timeoutMs <= 0) return;
      timer = setTimeout(() => arrival.resolve(), timeoutMs);
      void this.#connection.closed().then(() => arrival.resolve());
      await arrival.promise;
    } finally {
      clearTimeout(timer);
      subscription.unsubscribe();
    }
  }

  async #group(stream: string, group: string, partition: number): Promise<{ record: GroupRecord; sequence: number }> {
    const subject = groupSubject(stream, group, partition);
    const message = await this.#reach(
      () => this.#admin.streams.getMessage(groupStream, { last_by_subj: subject }),
      false,
    );
    if (!message) return { record: { committed: 0, owner: "", token: 0, expiresAt: 0 }, sequence: 0 };
    return { record: message.json<GroupRecord>(), sequence: message.seq };
  }

  /** Compare-and-set of a group's record: `change` gives the next one, or `undefined` to leave it. */
  async #changeGroup(
    stream: string,
    group: string,
    partition: number,
    change: (record: GroupRecord) => GroupRecord | undefined,
  ): Promise<GroupRecord | undefined> {
    checkName("stream", stream);
    checkName("group", group);
    for (;;) {
      const { record, sequence } = await this.#group(stream, group, partition);
      const next = change(record);
      if (!next) return undefined;
      const options = { expect: { lastSubjectSequence: sequence } };
      try {
        await this.#reach(
          () => this.#client.publish(groupSubject(stream, group, partition), JSON.stringify(next), options),
          true,
        );
        return next;
      } catch (error) {
        if (!(error instanceof JetStreamApiError && error.code === wrongLastSequence)) throw error;
      }
    }
  }

  async committed(stream: string, group: string, partition: number): Promise<number> {
    checkPartition(partition, this.partitions);
    return (await this.#group(stream, group, partition)).record.committed;
  }

  async commit(lease: PartitionLease, offset: number): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    checkOffset(offset, await this.#last(stream, partition));
    await this.#changeGroup(stream, group, partition, (record) => {
      if (record.owner !== owner || record.token !== fencingToken) throw new LeaseLost(lease);
      return { ...record, committed: Math.max(record.committed, offset) };
    });
  }

  async lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined> {
    checkPartition(partition, this.partitions);
    checkLease(group, owner, ttlMs);
    const now = this.#options.clock.now();
    const taken = await this.#changeGroup(stream, group, partition, (record) => {
      if (record.owner !== "" && record.owner !== owner && record.expiresAt > now) return undefined;
      const token = record.owner === owner ? record.token : record.token + 1;
      return { ...record, owner, token, expiresAt: Math.floor(now + ttlMs) };
    });
    return taken && { stream, group, partition, owner, fencingToken: taken.token, expiresAt: taken.expiresAt };
  }

  async release(lease: PartitionLease): Promise<void> {
    const { stream, group, partition, owner, fencingToken } = lease;
    await this.#changeGroup(stream, group, partition, (record) =>
      record.owner === owner && record.token === fencingToken ? { ...record, owner: "", expiresAt: 0 } : undefined,
    );
  }

  async trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    const limit = Math.min(before, this.#options.clock.now() - deduplicationWindow);
    let removed = 0;
    for (let partition = 0; partition < this.partitions; partition++) {
      const name = await this.#reach(() => this.#ensure(stream, partition), false);
      const { first, last } = await this.#bounds(name);
      const committed = await Promise.all(groups.map((group) => this.committed(stream, group, partition)));
      const end = await this.#firstYoung(stream, partition, first, Math.min(last, ...committed), limit);
      if (end <= Math.max(first, 1)) continue;
      const { purged } = await this.#reach(() => this.#admin.streams.purge(name, { seq: end }), false);
      removed += purged;
    }
    return removed;
  }

  /** The first offset in [first, last + 1] that must stay, by bisection: times rise with offsets. */
  async #firstYoung(stream: string, partition: number, first: number, last: number, before: number): Promise<number> {
    let low = Math.max(first, 1);
    let high = last + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [event] = await this.read(stream, partition, middle - 1, 1);
      if (event && event.time < before) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async close(): Promise<void> {
    await Promise.all(this.#tails.values());
    await this.#connection.close();
  }
}

/** Names of JetStream may not hold dots; "~" stands in no name of ours. */
function token(name: string): string {
  return name.replaceAll(".", "~");
}

function streamName(stream: string, partition: number): string {
  return `JIKIMI_${token(stream)}_${partition}`;
}

function eventSubject(stream: string, partition: number): string {
  return `jikimi.events.${token(stream)}.${partition}`;
}

function groupSubject(stream: string, group: string, partition: number): string {
  return `jikimi.groups.${token(stream)}.${token(group)}.${partition}`;
}

async function keepPartitions(client: JetStreamClient, admin: JetStreamManager, wanted: number): Promise<number> {
  const subject = "jikimi.groups.partitions";
  try {
    await client.publish(subject, JSON.stringify(wanted), { expect: { lastSubjectSequence: 0 } });
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === wrongLastSequence)) throw error;
  }
  const message = await admin.streams.getMessage(groupStream, { last_by_subj: subject });
  if (!message) throw new InvalidKey("the number of partitions is not known");
  return message.json<number>();
}
