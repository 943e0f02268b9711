/** Documents of CloudTrail Lake. They live in their account and Region. */
import { parseArn } from "#kernel/arn.ts";
import type { KeptPolicy } from "#gateway/boundPolicy.ts";
import type { At, CallContext } from "#gateway/context.ts";
import type { Scope } from "#store/contract.ts";
import type { StoreKind } from "#engines/eventSql/schema.ts";
import { noStore, storeArnInvalid } from "./errors.ts";
import { serviceId } from "../state.ts";
import type { AdvancedSelector } from "../selectors.ts";
import type { Sealed } from "./sealing.ts";

/** `eventDataStore`, by id. */
export interface EventDataStore {
  id: string;
  arn: string;
  name: string;
  account: string;
  region: string;
  status: "ENABLED" | "STOPPED_INGESTION" | "PENDING_DELETION";
  kind: StoreKind;
  selectors: AdvancedSelector[];
  multiRegion: boolean;
  /** Id of the organization whose accounts it covers. */
  organization?: string;
  retentionDays: number;
  terminationProtection: boolean;
  /** ARN of the key that events are kept under. */
  kmsKeyId?: string;
  billingMode: "EXTENDABLE_RETENTION_PRICING" | "FIXED_RETENTION_PRICING";
  tags: Record<string, string>;
  createdAt: number;
  updatedAt: number;
  /** Events of this time are taken in: from, and to when ingestion has been stopped. */
  since: number;
  until?: number;
  /** When a store that is pending deletion is removed. */
  deleteAt?: number;
  /** What it returns to when it is restored. */
  formerStatus?: "ENABLED" | "STOPPED_INGESTION";
}

/** `lakeEvent`, by `<store>/<event time>/<event id>`. */
export interface LakeEvent {
  record?: Record<string, unknown>;
  /** Instead of the record, in a store with a key. */
  sealed?: Sealed;
}

/** `channel`, by id. `cloudtrail-data` reads it too. */
export interface Channel {
  id: string;
  arn: string;
  name: string;
  account: string;
  region: string;
  source: string;
  /** Ids of event data stores. */
  destinations: string[];
  tags: Record<string, string>;
  createdAt: number;
}

/** `channelStatus`, by channel id: written by the ingestion. */
export interface ChannelStatus {
  attemptAt: number;
  attemptEventId: string;
  successAt?: number;
  successEventId?: string;
  error?: string;
}

/** `resourcePolicy`, by ARN. `cloudtrail-data` reads it too. */
export type ResourcePolicy = KeptPolicy;

export type QueryStatus = "QUEUED" | "RUNNING" | "FINISHED" | "FAILED" | "CANCELLED" | "TIMED_OUT";
export type DeliveryStatus =
  | "PENDING"
  | "SUCCESS"
  | "FAILED"
  | "ACCESS_DENIED"
  | "ACCESS_DENIED_SIGNING_FILE"
  | "FAILED_SIGNING_FILE"
  | "RESOURCE_NOT_FOUND"
  | "CANCELLED";

export interface StoreReference {
  account: string;
  region: string;
  id: string;
}

/** `query`, by id. */
export interface LakeQuery {
  id: string;
  account: string;
  region: string;
  statement: string;
  stores: StoreReference[];
  status: QueryStatus;
  createdAt: number;
  error?: string;
  /** Milliseconds. */
  took?: number;
  scanned?: number;
  bytes?: number;
  /** Events that matched; where that is not defined (joins, unions), rows. */
  matched?: number;
  /** Rows of the result. */
  total?: number;
  /** Index of the first row of each `queryRows` document. */
  chunks?: number[];
  deliveryUri?: string;
  deliveryStatus?: DeliveryStatus;
}

/** `queryRows`, by `<query>/<index of the first row>`. */
export interface QueryRows {
  rows?: Row[];
  sealed?: Sealed;
}

/** Column name and value, in order. */
export type Row = [name: string, value: string][];

/** "You can view query results for seven days after the query is run." */
export const queryLifeMs = 7 * 24 * 3600_000;
/** CloudTrail API Reference, DeleteEventDataStore: "… in a PENDING_DELETION state … seven-day wait period". */
export const deletionWaitMs = 7 * 24 * 3600_000;

export function lakeScope(of: { account: string; region: string }): Scope {
  return { account: of.account, region: of.region, service: serviceId };
}

export function storeArn(ctx: CallContext, id: string, at: At = {}): string {
  return `arn:${ctx.partition}:cloudtrail:${at.region ?? ctx.region}:${at.account ?? ctx.account}:eventdatastore/${id}`;
}

export function channelArn(ctx: CallContext, id: string): string {
  return `arn:${ctx.partition}:cloudtrail:${ctx.region}:${ctx.account}:channel/${id}`;
}

const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An ARN or its last part. `undefined` when it is neither. */
export function addressIn(
  ctx: CallContext,
  type: "eventdatastore" | "channel",
  given: string,
): StoreReference | undefined {
  const { account, region } = ctx;
  if (!given.startsWith("arn:")) return idForm.test(given) ? { account, region, id: given } : undefined;
  const arn = parseArn(given);
  const [kind, id, ...more] = arn?.resource.split("/") ?? [];
  if (arn?.service !== "cloudtrail" || kind !== type || !id || more.length > 0 || !idForm.test(id)) return undefined;
  return { account: arn.account, region: arn.region, id };
}

/** @throws EventDataStoreARNInvalidException */
export function storeAddress(ctx: CallContext, given: string): StoreReference {
  const address = addressIn(ctx, "eventdatastore", given);
  if (!address) throw storeArnInvalid(given);
  return address;
}

export async function findStore(ctx: CallContext, at: StoreReference): Promise<EventDataStore | undefined> {
  const { account, region, id } = at;
  return (await ctx.state.get<EventDataStore>("eventDataStore", id, { account, region }))?.value;
}

/** @throws EventDataStoreARNInvalidException, EventDataStoreNotFoundException */
export async function requireStore(ctx: CallContext, given: string): Promise<EventDataStore> {
  const store = await findStore(ctx, storeAddress(ctx, given));
  if (!store) throw noStore(given);
  return store;
}

export function putStore(ctx: CallContext, store: EventDataStore): void {
  ctx.state.put("eventDataStore", store.id, store, { at: { account: store.account, region: store.region } });
}

export function putChannel(ctx: CallContext, channel: Channel): void {
  ctx.state.put("channel", channel.id, channel, { at: { account: channel.account, region: channel.region } });
}

/** The time of the oldest event that a store still keeps, epoch milliseconds. */
export function keptSince(store: Pick<EventDataStore, "retentionDays">, now: number): number {
  return now - store.retentionDays * 24 * 3600_000;
}
