/** Every document of CloudWatch Logs. Log events are kept in batches, as they came; never one document each. */
import type { KeptPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { DocumentKey, Scope } from "#store/contract.ts";

export const serviceId = "logs";
/** Stream of "a batch has been stored", for groups with metric filters. */
export const ingestedStream = "logs";

export const types = {
  group: "group",
  stream: "stream",
  batch: "batch",
  metricFilter: "metricFilter",
  merges: "merges",
  resourcePolicy: "resourcePolicy",
  query: "query",
  queryResult: "queryResult",
  queryDefinition: "queryDefinition",
  garbage: "garbage",
} as const;

/** A 256-bit key that seals batches: wrapped by KMS when `kmsKeyId` is set, else by the key holder. */
export interface DataKey {
  kmsKeyId?: string;
  /** Base64. */
  wrapped: string;
}

/** `group`, by name. */
export interface Group {
  name: string;
  /** Names the group's streams and batches; a group that is made anew under the same name has another. */
  gid: string;
  arn: string;
  account: string;
  region: string;
  createdAt: number;
  retentionDays?: number;
  deletionProtection: boolean;
  /** Key now in use is the last; older batches name theirs by index. */
  dataKeys: DataKey[];
  /** How many metric filters the group has: batches of groups without any are announced to nobody. */
  metricFilters: number;
  tags: Record<string, string>;
}

/** `stream`, by `<gid>/<name>`. */
export interface Stream {
  name: string;
  sid: string;
  createdAt: number;
  firstEventAt?: number;
  lastEventAt?: number;
  lastIngestedAt?: number;
  /** Bytes as AWS counts them: UTF-8 and 26 for each event. */
  bytes: number;
}

/** Events as one call brought them: `seq` and place make the id of an event, whatever batch it lies in. */
export type Segment = [seq: string, ingestedAt: number, events: (readonly [timestamp: number, message: string])[]];

/**
 * `batch`, by `<gid>/<sid>/<first>/<seq>`: segments of one stream that lie within an hour.
 * Indexes: `first` (`<gid>/<first>`), `last` (`<gid>/<sid>/<last>`), `ingested` (`<gid>/<ingestedAt>`), and `small`
 * (`<gid>/<sid>/<first>`) while it waits to be merged with its neighbours.
 */
export interface Batch {
  stream: string;
  sid: string;
  first: number;
  last: number;
  ingestedAt: number;
  /** 15 digits of time and 18 of chance: orders batches and makes the ids of their events unique. */
  seq: string;
  count: number;
  bytes: number;
  /** Index into the group's data keys. */
  key: number;
  /** Base64 of the sealed, compressed events. */
  data: string;
}

/** `metricFilter`, by `<gid>/<name>`. */
export interface MetricFilter {
  name: string;
  group: string;
  pattern: string;
  createdAt: number;
  transformations: Transformation[];
}

export interface Transformation {
  metricName: string;
  metricNamespace: string;
  metricValue: string;
  defaultValue?: number;
  dimensions?: Record<string, string>;
  unit?: string;
}

/** `resourcePolicy`, by name. */
export interface ResourcePolicy extends KeptPolicy {
  name: string;
  updatedAt: number;
}

/** `garbage`, by id: streams and batches below a prefix that nothing can reach any more. */
export interface Garbage {
  prefix: string;
  /** Whether the stream documents below the prefix go too. */
  streams: boolean;
}

export const pad = (milliseconds: number): string => String(Math.max(0, Math.floor(milliseconds))).padStart(15, "0");

export function groupArn(ctx: Pick<CallContext, "partition" | "region" | "account">, name: string): string {
  return `arn:${ctx.partition}:logs:${ctx.region}:${ctx.account}:log-group:${name}`;
}

export function batchId(gid: string, batch: Pick<Batch, "sid" | "first" | "seq">): string {
  return `${gid}/${batch.sid}/${pad(batch.first)}/${batch.seq}`;
}

/** Batches below this many bytes wait to be merged. */
export const smallBytes = 256 * 1024;

export function batchIndexes(
  gid: string,
  batch: Pick<Batch, "sid" | "first" | "last" | "ingestedAt" | "bytes">,
  final = batch.bytes >= smallBytes,
): Record<string, string> {
  return {
    ...(final ? {} : { small: `${gid}/${batch.sid}/${pad(batch.first)}` }),
    first: `${gid}/${pad(batch.first)}`,
    last: `${gid}/${batch.sid}/${pad(batch.last)}`,
    ingested: `${gid}/${pad(batch.ingestedAt)}`,
  };
}

export const streamId = (gid: string, name: string): string => `${gid}/${name}`;

export function scopeOf(group: Pick<Group, "account" | "region">): Scope {
  return { account: group.account, region: group.region, service: serviceId };
}

export function keyIn(group: Pick<Group, "account" | "region">, type: string, id: string): DocumentKey {
  return { ...scopeOf(group), type, id };
}

/** Events older than this are gone for readers, whether or not the retention job has been there. */
export function retentionCutoff(group: Group, now: number): number {
  return group.retentionDays === undefined ? 0 : now - group.retentionDays * 86_400_000;
}
