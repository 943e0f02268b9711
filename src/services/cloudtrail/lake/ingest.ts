/**
 * Into the lake: events of the audit trail that a store selects, and what came in through channels. Both are
 * at least once and write a document named by the event, so that a second time changes nothing.
 *
 * INVARIANT: no event of a store with a key is kept in the clear. When the key cannot be used the event is not taken
 * in ("CloudTrail cannot ingest events", User Guide, "Encrypting CloudTrail log files … with AWS KMS keys").
 */
import { AwsError } from "#kernel/errors.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { JobContext, ReactorContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { trailPrincipal } from "../delivery.ts";
import { selects } from "../selectors.ts";
import { serviceId } from "../state.ts";
import { openSealer } from "./sealing.ts";
import {
  keptSince,
  lakeScope,
  type Channel,
  type ChannelStatus,
  type EventDataStore,
  type LakeEvent,
} from "./state.ts";

/** What PutAuditEvents has accepted: the stream, keyed by channel, and its events. */
export const activityStream = "cloudtrail-activity";

export interface Activity {
  channel: { account: string; region: string; id: string };
  record: Record<string, unknown> & { eventID: string; eventTime: string };
}

interface Kept {
  eventID: string;
  eventTime: string;
}

const batch = 200;
const attempts = 10;

/** Stores of all accounts. Cross-account by design: an organization's store takes events of its member accounts. */
export async function everyStore(ctx: JobContext): Promise<Document<EventDataStore>[]> {
  const found: Document<EventDataStore>[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.store.list<EventDataStore>({
      service: serviceId,
      type: "eventDataStore",
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Reactor of the audit stream. */
export async function ingest(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const records = events.map(({ event }) => event as AuditRecord);
  await again(async () => {
    for (const store of await everyStore(ctx)) {
      const taken: AuditRecord[] = [];
      for (const record of records) if (await takes(ctx, store.value, record)) taken.push(record);
      await keep(ctx, store, taken);
    }
  });
}

async function takes(ctx: JobContext, store: EventDataStore, record: AuditRecord): Promise<boolean> {
  if (store.kind !== "events" || !takesTime(store, record.eventTime, ctx.clock.now())) return false;
  // What CloudTrail does to keep an event would be the next event, for ever.
  if (record.userIdentity["invokedBy"] === trailPrincipal) return false;
  if (record.recipientAccountId !== store.account) {
    if (store.organization === undefined) return false;
    const organization = await ctx.organization(record.recipientAccountId);
    if (organization?.id !== store.organization) return false;
  }
  if (!store.multiRegion && record.awsRegion !== store.region) return false;
  return selects({ advancedSelectors: store.selectors }, record);
}

/** Event times have whole seconds. */
function takesTime(store: EventDataStore, eventTime: string, now: number): boolean {
  const at = Date.parse(eventTime);
  if (at < Math.floor(store.since / 1000) * 1000 || at < keptSince(store, now)) return false;
  return store.until === undefined || at <= store.until;
}

/** Reactor of the channels' stream. */
export async function ingestActivity(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const byChannel = Map.groupBy(
    events.map(({ event }) => event as Activity),
    ({ channel }) => `${channel.account}/${channel.region}/${channel.id}`,
  );
  for (const activities of byChannel.values()) {
    await again(() =>
      deliver(
        ctx,
        activities[0]!.channel,
        activities.map(({ record }) => record),
      ),
    );
  }
}

async function deliver(ctx: JobContext, at: Activity["channel"], records: Activity["record"][]): Promise<void> {
  const scope = lakeScope(at);
  const channel = await ctx.store.get<Channel>({ ...scope, type: "channel", id: at.id });
  if (!channel) return;
  let error: string | undefined;
  for (const id of channel.value.destinations) {
    const store = await ctx.store.get<EventDataStore>({ ...scope, type: "eventDataStore", id });
    const active = store !== undefined && store.value.status === "ENABLED";
    const wanted = active
      ? records.filter((record) => Date.parse(record.eventTime) >= keptSince(store.value, ctx.clock.now()))
      : [];
    error = (active ? await keep(ctx, store, wanted) : "InactiveEventDataStoreException") ?? error;
  }
  const key = { ...scope, type: "channelStatus", id: at.id };
  const before = await ctx.store.get<ChannelStatus>(key);
  const last = records.at(-1)!.eventID;
  const now = ctx.clock.now();
  const succeeded = error === undefined ? { successAt: now, successEventId: last } : { error };
  const { error: _former, ...rest } = before?.value ?? ({} as Partial<ChannelStatus>);
  const value: ChannelStatus = { ...rest, attemptAt: now, attemptEventId: last, ...succeeded };
  await ctx.store.commit([
    { op: "check", key: channel.key, ifVersion: channel.version },
    { op: "put", key, value, ifVersion: before?.version ?? 0 },
  ]);
}

/** Writes events down; gives the code of the refusal when the store's key cannot be used. */
async function keep(
  ctx: JobContext,
  store: Document<EventDataStore>,
  records: readonly Kept[],
): Promise<string | undefined> {
  if (records.length === 0) return undefined;
  const { account, region, arn, id } = store.value;
  let seal: Awaited<ReturnType<typeof openSealer>> | undefined;
  if (store.value.kmsKeyId !== undefined) {
    try {
      seal = await openSealer(
        ctx.asService(trailPrincipal, { account, region, sourceArn: arn }).kms,
        store.value,
        ctx.random,
      );
    } catch (error) {
      // A key holder that is away comes back: the events are tried again. A key that refuses has been told to.
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      ctx.log.warn(
        { store: arn, code: error.code, events: records.length },
        "events were not taken in: the key refused",
      );
      return error.code;
    }
  }
  const operations = records.map((record): Operation => {
    const name = `${id}/${record.eventTime}/${record.eventID}`;
    const value: LakeEvent = seal
      ? { sealed: seal(record, name) }
      : { record: record as unknown as Record<string, unknown> };
    return { op: "put", key: { ...lakeScope(store.value), type: "lakeEvent", id: name }, value };
  });
  // A store that was changed or removed meanwhile is looked at again.
  const unchanged: Operation = { op: "check", key: store.key, ifVersion: store.version };
  for (let start = 0; start < operations.length; start += batch) {
    await ctx.store.commit([unchanged, ...operations.slice(start, start + batch)]);
  }
  return undefined;
}

async function again(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === attempts) throw error;
    }
  }
}
