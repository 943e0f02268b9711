/**
 * Accounts of an organization become members of its delegated administrator by themselves, and cease to be when they
 * leave. The organization is looked at for some seconds after it, or the setting, has changed, and not otherwise: each
 * look is a recorded call.
 */
import { AwsError } from "#kernel/errors.ts";
import { Conflict, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { administrationTypes, dissociate, type AdministratorLink, type Member } from "./administration.ts";
import type { AuditRecord } from "./auditRecord.ts";
import type { Clients } from "./clients.ts";
import type { JobContext, ReactorContext, State } from "./context.ts";
import { UnitOfWork } from "./state.ts";

export interface OrganizationAccount {
  account: string;
  email: string;
}

/** A service whose accounts are enrolled. */
export interface Enrolment {
  service: string;
  principal: string;
  /** What the administrator has set for an account of the organization, in one unit of work. */
  join(
    state: State,
    administrator: { account: string; region: string },
    account: OrganizationAccount,
    ctx: JobContext,
  ): Promise<void>;
}

/** `organizationAdmin`, under the id `administrator`, in the scope of the management account. */
export interface OrganizationAdmin {
  account: string;
}

interface Sweep {
  until: number;
}

export const enrolmentTypes = { admin: "organizationAdmin", sweep: "organizationSweep" } as const;

/** An account is made over some seconds, and is looked for as long. */
const sweepMs = 10_000;

export function scheduleSweep(state: State, administrator: string, now: number): void {
  const at = { account: administrator };
  state.put<Sweep>(enrolmentTypes.sweep, "sweep", { until: now + sweepMs }, { at, version: "any" });
}

/** Active accounts of the organization. Asked of Organizations as the service, which needs trusted access. */
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

/** The service's own role in an account that joins; it may be there. Source: IAM User Guide, "Service-linked roles". */
export async function ensureServiceRole(
  asService: (at: { account: string; region: string }) => Clients,
  principal: string,
  at: { account: string; region: string },
): Promise<void> {
  try {
    await asService(at).iam.CreateServiceLinkedRole({ AWSServiceName: principal });
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "InvalidInput") throw error;
  }
}

/** Reactor of the audit stream: when an organization changes, its administrators look at it anew. */
export function followOrganizations({ service }: Enrolment) {
  return async (events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> => {
    const operations = new Map<string, Operation>();
    for (const { event } of events) {
      const { eventSource, readOnly, errorCode, recipientAccountId } = event as AuditRecord;
      if (eventSource !== "organizations.amazonaws.com" || readOnly || errorCode !== undefined) continue;
      for (const at of await administratorsOf(ctx, service, recipientAccountId)) {
        const value: Sweep = { until: ctx.clock.now() + sweepMs };
        const key = { ...at, service, type: enrolmentTypes.sweep, id: "sweep" };
        operations.set(`${at.account}/${at.region}`, { op: "put", key, value });
      }
    }
    if (operations.size > 0) await ctx.store.commit([...operations.values()]);
  };
}

/** Cross-account by design: the account that a change is recorded in is seldom the one that administers. */
async function administratorsOf(
  ctx: ReactorContext,
  service: string,
  account: string,
): Promise<{ account: string; region: string }[]> {
  const organization = await ctx.organization(account);
  const scope = { account: organization?.managementAccount ?? account, service, limit: 100 };
  // An account that has left: its own link says who administered it.
  const type = organization ? enrolmentTypes.admin : administrationTypes.administrator;
  const { items } = await ctx.store.list<OrganizationAdmin | AdministratorLink>({ ...scope, type });
  return items.map(({ key, value }) => ({ account: value.account, region: key.region }));
}

/** The job that looks. */
export function enrolling(enrolment: Enrolment) {
  return async (ctx: JobContext): Promise<void> => {
    const query = { service: enrolment.service, type: enrolmentTypes.sweep, limit: 1000 };
    const { items } = await ctx.store.list<Sweep>(query);
    for (const { key, version, value } of items) {
      if (ctx.signal.aborted) return;
      const done = ctx.clock.now() >= value.until;
      await sweep(ctx, enrolment, { account: key.account, region: key.region });
      if (!done) continue;
      await ctx.store.commit([{ op: "delete", key, ifVersion: version }]).catch((error: unknown) => {
        // Asked for again meanwhile.
        if (!(error instanceof Conflict)) throw error;
      });
    }
  };
}

async function sweep(ctx: JobContext, enrolment: Enrolment, at: { account: string; region: string }): Promise<void> {
  const organization = await ctx.organization(at.account);
  if (!organization) return;
  const asService = (where: { account: string; region: string }) => ctx.asService(enrolment.principal, where);
  const accounts = await organizationAccounts(asService, organization.managementAccount, at.region);
  for (const account of accounts) {
    if (account.account === at.account) continue;
    const joined = await write(ctx, enrolment, at, (state) => enrolment.join(state, at, account, ctx));
    if (joined) await ensureServiceRole(asService, enrolment.principal, { ...at, account: account.account });
  }
  const present = new Set(accounts.map(({ account }) => account));
  const query = { ...at, service: enrolment.service, type: administrationTypes.member, limit: 10_000 };
  const { items } = await ctx.store.list<Member>(query);
  for (const { value } of items) {
    if (!value.byOrganization || present.has(value.account) || value.status === "Removed") continue;
    await write(ctx, enrolment, at, (state) => dissociate(state, at.account, value, "Removed", ctx.clock.now()));
  }
}

/** One batch; whether anything was written. What met a change is looked at again with the next sweep. */
async function write(
  ctx: JobContext,
  { service }: Enrolment,
  at: { account: string; region: string },
  work: (state: State) => Promise<void>,
): Promise<boolean> {
  const state = new UnitOfWork(ctx.store, { ...at, service }, () => ctx.random.uuid());
  await work(state);
  if (state.operations.length === 0) return false;
  try {
    await ctx.store.commit(state.operations);
    return true;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    return false;
  }
}
