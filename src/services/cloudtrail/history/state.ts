/**
 * Documents of the event history, under the account and Region of their events. All of them expire ninety days after
 * the newest event in them; older events among them are not shown.
 */
import type { Segment } from "./segment.ts";

/** Source: CloudTrail User Guide: "a viewable, searchable, downloadable, and immutable record of the past 90 days". */
export const retentionMs = 90 * 24 * 3600 * 1000;

/** `historyTail`, by the key of the first event that came in: a segment of few events, to be merged with others. */
export type Tail = Segment;

/**
 * `historySegment`, by `<newest key>/<digest>`: the directory. Its data is in a `historyData` of the same id, so that the
 * directory can be read without it.
 *
 * INVARIANT: the events of a segment are of one day (UTC): a lookup that ends at a time has to look at no segment
 * that ends after that day.
 */
export type Directory = Omit<Segment, "data">;

/** `historyData`. */
export type SegmentData = Pick<Segment, "data">;

export const tailType = "historyTail";
export const segmentType = "historySegment";
export const dataType = "historyData";

export function dayOf(key: string): string {
  return key.slice(0, "2026-01-01".length);
}
