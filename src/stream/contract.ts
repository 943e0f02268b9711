/**
 * Ordered, replayable event streams. At least once: a consumer is idempotent by event id. Events of one key
 * land in one partition and keep their order. Never the only copy of audit data: that is in the store until
 * it has been delivered.
 */
export interface StreamEvent<T = unknown> {
  id: string;
  key: string;
  event: T;
}

export interface StoredEvent<T = unknown> extends StreamEvent<T> {
  partition: number;
  /** Dense and rising within the partition. */
  offset: number;
  /** Epoch milliseconds of the append. */
  time: number;
}

export interface PartitionLease {
  stream: string;
  group: string;
  partition: number;
  owner: string;
  fencingToken: number;
  expiresAt: number;
}

export interface Stream {
  readonly partitions: number;
  /** Durable when it resolves. An id that is already in the partition of its key (within the last 2 minutes at least) is not added again. */
  append(stream: string, events: readonly StreamEvent[]): Promise<void>;
  read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]>;
  /** Resolves when an event after `after` may exist, or after `timeoutMs`. */
  wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void>;
  /** Last offset committed by the group; 0 before the first. */
  committed(stream: string, group: string, partition: number): Promise<number>;
  /** Refused with `LeaseLost` when the lease is no longer held. */
  commit(lease: PartitionLease, offset: number): Promise<void>;
  lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined>;
  release(lease: PartitionLease): Promise<void>;
  /**
   * Removes events older than `before` (epoch ms) that all named groups have committed; gives how many. An engine may
   * remove a part at a time: call again until there are none.
   */
  trim(stream: string, groups: readonly string[], before: number): Promise<number>;
  close(): Promise<void>;
}

export class LeaseLost extends Error {
  readonly lease: PartitionLease;
  constructor(lease: PartitionLease) {
    super(`lease of ${lease.stream}/${lease.group}/${lease.partition} is held by someone else`);
    this.name = "LeaseLost";
    this.lease = lease;
  }
}
