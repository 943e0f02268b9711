/**
 * A closed account is closed for good after ninety days and then no longer belongs to its organization.
 * Source: Account Management Reference Guide, "Close your account", "Post-closure period".
 */
import { UnitOfWork } from "#gateway/state.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { Conflict, globalRegion, type Store } from "#store/contract.ts";
import { quotas } from "./quotas.ts";
import {
  changeOf,
  deleteMembership,
  membershipOf,
  openOrganization,
  scopeOf,
  type Member,
  type Organization,
  type OrganizationState,
} from "./state.ts";

const everyMs = 60 * 60 * 1000;
const batch = 100;

/** Stages that an account is out of its organization, with everything the organization knows of it. */
export async function forget(organization: OrganizationState, account: string): Promise<void> {
  for (const type of ["member", "attachments", "tags"] as const) organization.delete(type, account);
  for (const { key, value } of await organization.documents("delegation")) {
    if (value.account === account) organization.delete("delegation", key.id);
  }
  await membershipOf(organization.state, account);
  deleteMembership(organization.state, account);
}

const isOver = (now: number) => (member: Member) =>
  member.closedAt !== undefined && member.closedAt + quotas.closedVisibleMs <= now;

/** Reviewed cross-account reader: management accounts of all organizations. */
async function managementAccounts(store: Store): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list<Organization>({
      service: "organizations",
      region: globalRegion,
      type: "organization",
      limit: batch,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items.map(({ value }) => value.managementAccount));
    after = page.next;
  } while (after !== undefined);
  return found;
}

export const closedForGood: Job = {
  name: "closed-for-good",
  everyMs,
  async run({ store, clock, random }: JobContext): Promise<void> {
    const due = isOver(clock.now());
    for (const managementAccount of await managementAccounts(store)) {
      const unit = () => new UnitOfWork(store, scopeOf(managementAccount), () => random.uuid());
      if (!(await (await openOrganization(unit(), managementAccount)).all("member")).some(due)) continue;
      const work = unit();
      const organization = await changeOf(work, managementAccount);
      for (const member of await organization.all("member"))
        if (due(member)) await forget(organization, member.account);
      try {
        await store.commit(work.operations);
      } catch (error) {
        // Somebody changed the organization meanwhile; the next run finds the account again.
        if (!(error instanceof Conflict)) throw error;
      }
    }
  },
};
