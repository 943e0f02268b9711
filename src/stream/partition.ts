import { crc32 } from "node:zlib";
import { InvalidKey } from "#store/contract.ts";
import { checkName, checkText, eventLimit, keyLimits, toJson } from "#store/limits.ts";
import type { StreamEvent } from "./contract.ts";

export const defaultPartitions = 8;

/** An id is known for at least this long: `trim` never removes younger events. Milliseconds. */
export const deduplicationWindow = 2 * 60_000;

/** Stable for all time: events of a key stay in order only as long as they keep their partition. CRC-32 of its UTF-8 bytes. */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions;
}

export interface PreparedEvent {
  stream: string;
  partition: number;
  id: string;
  key: string;
  /** JSON text. */
  event: string;
}

/** Checks and serialises; throws `InvalidKey`. */
export function prepareEvents(stream: string, events: readonly StreamEvent[], partitions: number): PreparedEvent[] {
  checkName("stream", stream);
  return events.map(({ id, key, event }) => {
    checkText("event id", id, 256);
    if (id === "") throw new InvalidKey("event id is empty");
    checkText("event key", key, keyLimits.id);
    return { stream, partition: partitionOf(key, partitions), id, key, event: toJson("event", event, eventLimit) };
  });
}

export function checkPartition(partition: number, partitions: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
    throw new InvalidKey(`partition must be 0 to ${partitions - 1}, got ${partition}`);
  }
}

export function checkPartitions(partitions: number): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 256) {
    throw new InvalidKey(`partitions must be 1 to 256, got ${partitions}`);
  }
}

export function checkRead(after: number, limit: number): void {
  if (!Number.isSafeInteger(after) || after < 0)
    throw new InvalidKey(`after must be a whole number from 0, got ${after}`);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new InvalidKey(`limit must be at least 1, got ${limit}`);
}

/** An offset may be committed only when it has been given out: one too far would skip events in silence. */
export function checkOffset(offset: number, last: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > last) {
    throw new InvalidKey(`offset must be 0 to ${last}, got ${offset}`);
  }
}
