/**
 * Accounts of an organization become members by themselves, as the delegated administrator has set it, and cease to be
 * when they leave. The organization is looked at for some seconds after it, or the setting, has changed, and not
 * otherwise: each look is a recorded call.
 */
import type { Clients } from "#gateway/clients.ts";
import type { JobContext, ReactorContext, State } from "#gateway/context.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { changedFeatures } from "./features.ts";
import { detectorOf, dissociate, enableByOrganization, linkOf, memberOf } from "./membership.ts";
import {
  scopeOf,
  serviceId,
  servicePrincipal,
  types,
  type AdministratorLink,
  type Detector,
  type Member,
  type OrganizationAdmin,
  type OrganizationSettings,
} from "./state.ts";

/** An account is made over some seconds, and is looked for as long. */
const sweepMs = 10_000;

interface Sweep {
  until: number;
}

export function scheduleSweep(state: State, administrator: string, region: string, now: number): void {
  const at = { account: administrator, region };
  state.put<Sweep>(types.organizationSweep, "sweep", { until: now + sweepMs }, { at, version: "any" });
}

export interface OrganizationAccount {
  account: string;
  email: string;
}

/** Active accounts of the organization. Asked of Organizations as GuardDuty, which needs trusted access. */
export async function organizationAccounts(
  asService: (at: { account: string; region: string }) => Clients,
  managementAccount: string,
  region: string,
): Promise<OrganizationAccount[]> {
  const { organizations } = asService({ account: managementAccount, region });
  const found: OrganizationAccount[] = [];
  let NextToken: string | undefined;
  do {
    const page = await organizations.ListAccounts(NextToken === undefined ? {} : { NextToken });
    for (const { Id, Email, Status } of page.Accounts ?? []) {
      if (Status === "ACTIVE") found.push({ account: Id!, email: Email! });
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}

/** Changes of an organization: the administrators of its Regions look at it anew. */
export async function followOrganizations(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  const operations = new Map<string, Operation>();
  for (const { event } of events) {
    const record = event as AuditRecord;
    if (record.eventSource !== "organizations.amazonaws.com" || record.readOnly || record.errorCode !== undefined)
      continue;
    for (const at of await administratorsOf(ctx, record.recipientAccountId)) {
      const value: Sweep = { until: ctx.clock.now() + sweepMs };
      const key = { ...scopeOf(at), type: types.organizationSweep, id: "sweep" };
      operations.set(`${at.account}/${at.region}`, { op: "put", key, value });
    }
  }
  if (operations.size > 0) await ctx.store.commit([...operations.values()]);
}

/** Cross-account by design: the account that a change is recorded in is seldom the one that administers. */
async function administratorsOf(ctx: ReactorContext, account: string): Promise<{ account: string; region: string }[]> {
  const organization = await ctx.organization(account);
  if (organization) {
    const query = {
      account: organization.managementAccount,
      service: serviceId,
      type: types.organizationAdmin,
      limit: 100,
    };
    const { items } = await ctx.store.list<OrganizationAdmin>(query);
    return items.map(({ key, value }) => ({ account: value.account, region: key.region }));
  }
  // It has left: its own link says who administered it.
  const query = { account, service: serviceId, type: types.administrator, limit: 100 };
  const { items } = await ctx.store.list<AdministratorLink>(query);
  return items.map(({ key, value }) => ({ account: value.account, region: key.region }));
}

export async function enableOrganizations(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.list<Sweep>({ service: serviceId, type: types.organizationSweep, limit: 1000 });
  for (const { key, version, value } of items) {
    if (ctx.signal.aborted) return;
    const done = ctx.clock.now() >= value.until;
    await sweep(ctx, key.account, key.region);
    if (!done) continue;
    await ctx.store.commit([{ op: "delete", key, ifVersion: version }]).catch((error: unknown) => {
      // Asked for again meanwhile.
      if (!(error instanceof Conflict)) throw error;
    });
  }
}

async function sweep(ctx: JobContext, administrator: string, region: string): Promise<void> {
  const scope = scopeOf({ account: administrator, region });
  const settings = await ctx.store.get<OrganizationSettings>({
    ...scope,
    type: types.organization,
    id: types.organization,
  });
  const organization = await ctx.organization(administrator);
  if (!settings || !organization) return;
  const asService = (at: { account: string; region: string }) => ctx.asService(servicePrincipal, at);
  const accounts = await organizationAccounts(asService, organization.managementAccount, region);
  for (const account of accounts) {
    if (account.account !== administrator) await join(ctx, administrator, region, settings.value, account);
  }
  const present = new Set(accounts.map(({ account }) => account));
  const { items } = await ctx.store.list<Member>({ ...scope, type: types.member, limit: 10_000 });
  for (const { value } of items) {
    const left = value.byOrganization && !present.has(value.account) && value.status !== "Removed";
    if (left)
      await write(ctx, administrator, region, (state) =>
        dissociate(state, administrator, value, "Removed", ctx.clock.now()),
      );
  }
}

async function join(
  ctx: JobContext,
  administrator: string,
  region: string,
  { autoEnable, features, knownAccounts }: OrganizationSettings,
  account: OrganizationAccount,
): Promise<void> {
  const isNew = !knownAccounts.includes(account.account);
  const applies = (whom: "ALL" | "NEW" | "NONE") => whom === "ALL" || (whom === "NEW" && isNew);
  await write(ctx, administrator, region, async (state) => {
    const now = ctx.clock.now();
    const member = await memberOf(state, administrator, account.account);
    const link = await linkOf(state, account.account);
    // An account that another administrator has, or that was removed on purpose, is left alone.
    if (link && link.account !== administrator) return;
    const joins = !member && applies(autoEnable);
    if (joins) await enableByOrganization(state, { administrator, region }, account, { now, random: ctx.random });
    if (!joins && member?.status !== "Enabled") return;
    const detector = await detectorOf(state, account.account);
    if (!detector) return;
    const wanted = Object.entries(features).filter(([, whom]) => whom === "ALL" || (whom === "NEW" && joins));
    const sent = wanted.map(([Name]) => ({ Name: Name as "S3_DATA_EVENTS", Status: "ENABLED" as const }));
    const changed = changedFeatures(detector.features, sent, undefined, now);
    if (JSON.stringify(changed) === JSON.stringify(detector.features)) return;
    const at = { account: account.account };
    state.put<Detector>(types.detector, types.detector, { ...detector, features: changed }, { at });
  });
}

/** One batch; what met a change is looked at again with the next sweep. */
async function write(
  ctx: JobContext,
  account: string,
  region: string,
  work: (state: State) => Promise<void>,
): Promise<void> {
  const state = new UnitOfWork(ctx.store, { account, region, service: serviceId }, () => ctx.random.uuid());
  await work(state);
  if (state.operations.length === 0) return;
  try {
    await ctx.store.commit(state.operations);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
}
