/** Event data stores: create, get, list, update, delete, restore, ingestion. Source: CloudTrail API Reference. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { advancedOf, advancedView } from "../advancedSelectors.ts";
import { invalidSelectors } from "../errors.ts";
import { keyArn } from "../key.ts";
import {
  channelHasStore,
  inactiveStore,
  invalidCategory,
  invalidParameter,
  invalidStatus,
  keyUnusable,
  notPermitted,
  storeExists,
  storeProtected,
  tooManyStores,
} from "../lake/errors.ts";
import { page } from "../lake/paging.ts";
import { openSealer } from "../lake/sealing.ts";
import { defaultSelectors, kindOf } from "../lake/storeSelectors.ts";
import { deletionWaitMs, putStore, requireStore, storeArn, type Channel, type EventDataStore } from "../lake/state.ts";
import { managedOrganization } from "../organization.ts";
import type { Input, Output } from "../sdk.ts";
import { tagList, tagsOf } from "../tagged.ts";
import { trailPrincipal } from "../delivery.ts";

/** CloudTrail User Guide, "Quotas": event data stores per Region, those pending deletion included. */
const mostStores = 10;

type BillingMode = EventDataStore["billingMode"];

/** Days: what a store keeps unless told otherwise, and the most. Source: API Reference, CreateEventDataStore, RetentionPeriod. */
const retention: Record<BillingMode, { usual: number; most: number }> = {
  EXTENDABLE_RETENTION_PRICING: { usual: 366, most: 3653 },
  FIXED_RETENTION_PRICING: { usual: 2557, most: 2557 },
};

export async function createEventDataStore(
  input: Input<"CreateEventDataStore">,
  ctx: CallContext,
): Promise<Output<"CreateEventDataStore">> {
  const name = input.Name!;
  const stores = await storesHere(ctx);
  if (stores.some((store) => store.name === name)) throw storeExists(name);
  if (stores.length >= mostStores) throw tooManyStores(mostStores);
  const id = await ctx.once("id", async () => ctx.random.uuid());
  const selectors = input.AdvancedEventSelectors?.map(advancedOf) ?? defaultSelectors;
  const kind = kindOf(selectors);
  const billingMode = input.BillingMode ?? "EXTENDABLE_RETENTION_PRICING";
  const ingests = input.StartIngestion ?? true;
  if (!ingests && kind === "activity") {
    throw invalidParameter("StartIngestion is for event data stores of CloudTrail events.");
  }
  const store: EventDataStore = {
    id,
    arn: storeArn(ctx, id),
    name,
    account: ctx.account,
    region: ctx.region,
    status: ingests ? "ENABLED" : "STOPPED_INGESTION",
    kind,
    selectors,
    multiRegion: input.MultiRegionEnabled ?? true,
    ...(input.OrganizationEnabled ? { organization: await managedOrganization(ctx) } : {}),
    retentionDays: retentionDays(input.RetentionPeriod, billingMode),
    terminationProtection: input.TerminationProtectionEnabled ?? true,
    ...(input.KmsKeyId ? { kmsKeyId: await keyArn(ctx, input.KmsKeyId) } : {}),
    billingMode,
    tags: tagsOf(input.TagsList),
    createdAt: ctx.now,
    updatedAt: ctx.now,
    since: ctx.now,
    ...(ingests ? {} : { until: ctx.now - 1000 }),
  };
  await checkKey(ctx, store);
  putStore(ctx, store);
  // One name for one store: creations of a Region meet here.
  ctx.state.put("storeName", name, { id }, { version: 0 });
  return { ...described(store), TagsList: tagList(store.tags) };
}

function retentionDays(given: number | undefined, mode: BillingMode): number {
  const { usual, most } = retention[mode];
  if (given !== undefined && given > most) {
    throw invalidParameter(`The retention period of an event data store with ${mode} is at most ${most} days.`);
  }
  return given ?? usual;
}

/** CloudTrail itself tries the key, so that a wrong key policy is found now and not in silence later. */
async function checkKey(ctx: CallContext, store: EventDataStore): Promise<void> {
  if (store.kmsKeyId === undefined) return;
  const { arn: sourceArn, account: sourceAccount } = store;
  try {
    await openSealer(ctx.asService(trailPrincipal, { sourceArn, sourceAccount }).kms, store, ctx.random);
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    throw keyUnusable(`CloudTrail cannot use the KMS key ${store.kmsKeyId}: ${error.message}`);
  }
}

export async function getEventDataStore(
  input: Input<"GetEventDataStore">,
  ctx: CallContext,
): Promise<Output<"GetEventDataStore">> {
  return described(await requireStore(ctx, input.EventDataStore!));
}

export async function listEventDataStores(
  input: Input<"ListEventDataStores">,
  ctx: CallContext,
): Promise<Output<"ListEventDataStores">> {
  const { items, next } = page(await storesHere(ctx), ({ id }) => id, input.NextToken, input.MaxResults ?? 1000);
  // "ListEventDataStores … only the ARN and name" are sure to be there; the rest is GetEventDataStore's.
  return {
    EventDataStores: items.map(({ arn, name }) => ({ EventDataStoreArn: arn, Name: name })),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

export async function updateEventDataStore(
  input: Input<"UpdateEventDataStore">,
  ctx: CallContext,
): Promise<Output<"UpdateEventDataStore">> {
  const before = await requireStore(ctx, input.EventDataStore!);
  if (before.status === "PENDING_DELETION") throw inactiveStore(before.id);
  const selectors = input.AdvancedEventSelectors?.map(advancedOf) ?? before.selectors;
  if (kindOf(selectors) !== before.kind) {
    throw invalidSelectors("The event category of an event data store cannot be changed.");
  }
  const billingMode = input.BillingMode ?? before.billingMode;
  if (before.billingMode === "EXTENDABLE_RETENTION_PRICING" && billingMode !== before.billingMode) {
    throw invalidParameter("The billing mode cannot be changed to FIXED_RETENTION_PRICING.");
  }
  const organization = await updatedOrganization(ctx, input.OrganizationEnabled, before.organization);
  const kmsKeyId = input.KmsKeyId ? await keyArn(ctx, input.KmsKeyId) : before.kmsKeyId;
  if (before.kmsKeyId !== undefined && kmsKeyId !== before.kmsKeyId) {
    // API Reference: "After you associate an event data store with a KMS key, the KMS key cannot be removed or changed."
    throw notPermitted("The KMS key of an event data store cannot be removed or changed.");
  }
  const name = input.Name ?? before.name;
  if (name !== before.name) {
    if ((await storesHere(ctx)).some((each) => each.name === name)) throw storeExists(name);
    ctx.state.put("storeName", name, { id: before.id }, { version: 0 });
    ctx.state.delete("storeName", before.name, { version: "any" });
  }
  const { organization: _was, kmsKeyId: _key, ...rest } = before;
  const store: EventDataStore = {
    ...rest,
    name,
    selectors,
    billingMode,
    multiRegion: input.MultiRegionEnabled ?? before.multiRegion,
    retentionDays: retentionDays(input.RetentionPeriod ?? before.retentionDays, billingMode),
    terminationProtection: input.TerminationProtectionEnabled ?? before.terminationProtection,
    ...(organization === undefined ? {} : { organization }),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    updatedAt: ctx.now,
  };
  if (kmsKeyId !== before.kmsKeyId) await checkKey(ctx, store);
  putStore(ctx, store);
  return described(store);
}

async function updatedOrganization(ctx: CallContext, wanted: boolean | undefined, before: string | undefined) {
  if (wanted === undefined || wanted === (before !== undefined)) return before;
  return wanted ? managedOrganization(ctx) : undefined;
}

export async function deleteEventDataStore(
  input: Input<"DeleteEventDataStore">,
  ctx: CallContext,
): Promise<Output<"DeleteEventDataStore">> {
  const store = await requireStore(ctx, input.EventDataStore!);
  if (store.status === "PENDING_DELETION") throw inactiveStore(store.id);
  if (store.terminationProtection) throw storeProtected();
  const channels = await ctx.state.list<Channel>("channel", {}, { account: store.account, region: store.region });
  if (channels.items.some(({ value }) => value.destinations.includes(store.id))) throw channelHasStore(store.id);
  putStore(ctx, {
    ...store,
    status: "PENDING_DELETION",
    formerStatus: store.status,
    until: store.until ?? ctx.now,
    deleteAt: ctx.now + deletionWaitMs,
    updatedAt: ctx.now,
  });
  return {};
}

export async function restoreEventDataStore(
  input: Input<"RestoreEventDataStore">,
  ctx: CallContext,
): Promise<Output<"RestoreEventDataStore">> {
  const store = await requireStore(ctx, input.EventDataStore!);
  if (store.status !== "PENDING_DELETION") {
    throw invalidStatus("The event data store is not in PENDING_DELETION status.");
  }
  const { deleteAt: _cancelled, formerStatus = "ENABLED", until, ...rest } = store;
  const restored: EventDataStore = {
    ...rest,
    status: formerStatus,
    updatedAt: ctx.now,
    ...(formerStatus === "ENABLED" ? { since: ctx.now } : { until: until! }),
  };
  putStore(ctx, restored);
  return described(restored);
}

export async function startEventDataStoreIngestion(
  input: Input<"StartEventDataStoreIngestion">,
  ctx: CallContext,
): Promise<Output<"StartEventDataStoreIngestion">> {
  const store = await ingesting(ctx, input.EventDataStore!, "STOPPED_INGESTION");
  const { until: _open, ...rest } = store;
  putStore(ctx, { ...rest, status: "ENABLED", since: ctx.now, updatedAt: ctx.now });
  return {};
}

export async function stopEventDataStoreIngestion(
  input: Input<"StopEventDataStoreIngestion">,
  ctx: CallContext,
): Promise<Output<"StopEventDataStoreIngestion">> {
  const store = await ingesting(ctx, input.EventDataStore!, "ENABLED");
  putStore(ctx, { ...store, status: "STOPPED_INGESTION", until: ctx.now, updatedAt: ctx.now });
  return {};
}

async function ingesting(ctx: CallContext, given: string, wanted: EventDataStore["status"]): Promise<EventDataStore> {
  const store = await requireStore(ctx, given);
  if (store.kind !== "events") {
    throw invalidCategory("Ingestion is started and stopped for event data stores of CloudTrail events only.");
  }
  if (store.status !== wanted) throw invalidStatus(`The event data store is not in ${wanted} status: ${store.status}.`);
  return store;
}

async function storesHere(ctx: CallContext): Promise<EventDataStore[]> {
  const { items } = await ctx.state.list<EventDataStore>("eventDataStore");
  return items.map(({ value }) => value);
}

function described(store: EventDataStore) {
  return {
    EventDataStoreArn: store.arn,
    Name: store.name,
    Status: store.status,
    AdvancedEventSelectors: store.selectors.map(advancedView),
    MultiRegionEnabled: store.multiRegion,
    OrganizationEnabled: store.organization !== undefined,
    RetentionPeriod: store.retentionDays,
    TerminationProtectionEnabled: store.terminationProtection,
    CreatedTimestamp: new Date(store.createdAt),
    UpdatedTimestamp: new Date(store.updatedAt),
    ...(store.kmsKeyId === undefined ? {} : { KmsKeyId: store.kmsKeyId }),
    BillingMode: store.billingMode,
  };
}
