/**
 * An organization as its documents hold it. They belong to no Region and live under the management account; each
 * account of the organization has a `membership` of its own that leads there.
 *
 * INVARIANT: every change goes through `changeOrganization`, which makes the changes of one organization happen one
 * after another: what a handler has listed (children, targets, names) is still so when its batch is committed.
 */
import type { CallContext, State } from "#gateway/context.ts";
import { globalRegion, type Document, type Page } from "#store/contract.ts";
import { fault } from "./errors.ts";
import {
  kindOf,
  type Attachments,
  type Documents,
  type DocumentType,
  type HandshakeRecord,
  type Membership,
  type Organization,
} from "./documents.ts";
import { policyTypes, type PolicyTypeName } from "./policyTypes.ts";
import { quotas } from "./quotas.ts";

export type * from "./documents.ts";

/** Membership of an account; `undefined` for one that stands alone. */
export async function membershipOf(state: State, account: string): Promise<Membership | undefined> {
  return (await state.get<Membership>("membership", "membership", scopeOf(account)))?.value;
}

export function putMembership(state: State, account: string, membership: Membership): void {
  state.put("membership", "membership", membership, { at: scopeOf(account) });
}

export function deleteMembership(state: State, account: string): void {
  state.delete("membership", "membership", { at: scopeOf(account) });
}

export function scopeOf(account: string) {
  return { account, region: globalRegion, service: "organizations" };
}

export class OrganizationState {
  readonly organization: Organization;
  readonly state: State;

  constructor(state: State, organization: Organization) {
    this.state = state;
    this.organization = organization;
  }

  get #at() {
    return scopeOf(this.organization.managementAccount);
  }

  async get<T extends DocumentType>(type: T, id: string): Promise<Documents[T] | undefined> {
    return (await this.state.get<Documents[T]>(type, id, this.#at))?.value;
  }

  put<T extends DocumentType>(type: T, id: string, value: Documents[T], expiresAt?: number): void {
    this.state.put(type, id, value, { at: this.#at, ...(expiresAt === undefined ? {} : { expiresAt }) });
  }

  delete(type: DocumentType, id: string): void {
    this.state.delete(type, id, { version: "any", at: this.#at });
  }

  async all<T extends DocumentType>(type: T): Promise<Documents[T][]> {
    return (await this.documents(type)).map(({ value }) => value);
  }

  async documents<T extends DocumentType>(type: T): Promise<Document<Documents[T]>[]> {
    const found: Document<Documents[T]>[] = [];
    let after: string | undefined;
    do {
      const page: Page<Documents[T]> = await this.state.list(type, after === undefined ? {} : { after }, this.#at);
      found.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  /** Whether a root, unit or account of the organization has this id. */
  async exists(id: string): Promise<boolean> {
    switch (kindOf(id)) {
      case "root":
        return id === this.organization.rootId;
      case "unit":
        return (await this.get("unit", id)) !== undefined;
      case "account":
        return (await this.get("member", id)) !== undefined;
      default:
        return false;
    }
  }

  async parentExists(id: string): Promise<boolean> {
    return kindOf(id) !== "account" && (await this.exists(id));
  }

  /** Ids from the root down to the given unit or root; the units' own parents never change. */
  async lineage(parent: string): Promise<string[]> {
    const ids: string[] = [];
    let id = parent;
    while (id !== this.organization.rootId) {
      ids.unshift(id);
      const unit = await this.get("unit", id);
      // INVARIANT: a unit with children cannot be deleted, so a broken line is damage and nothing may be decided on it.
      if (!unit) throw new Error(`organizational unit ${id} has gone`);
      id = unit.parent;
    }
    return [this.organization.rootId, ...ids];
  }

  /** Ids of the policies on a target, the default one included. */
  async attached(target: string, type: PolicyTypeName): Promise<string[]> {
    return attachedPolicies((await this.get("attachments", target)) ?? {}, type);
  }

  async putAttached(target: string, type: PolicyTypeName, policies: string[]): Promise<void> {
    const attachments = (await this.get("attachments", target)) ?? {};
    this.put("attachments", target, { ...attachments, [type]: policies });
  }

  isEnabled(type: PolicyTypeName): boolean {
    return this.organization.policyTypes.includes(type);
  }

  /** Everything a policy can be attached to. */
  async targets(): Promise<string[]> {
    const units = await this.documents("unit");
    const members = await this.documents("member");
    return [this.organization.rootId, ...units.map(({ key }) => key.id), ...members.map(({ key }) => key.id)];
  }
}

export function attachedPolicies(attachments: Attachments, type: PolicyTypeName): string[] {
  return attachments[type] ?? [policyTypes[type].default.id];
}

/** The organization that `managementAccount` runs. */
export async function openOrganization(state: State, managementAccount: string): Promise<OrganizationState> {
  const found = await state.get<Organization>("organization", "organization", scopeOf(managementAccount));
  if (!found) throw fault("AWSOrganizationsNotInUseException");
  return new OrganizationState(state, found.value);
}

/** The caller's organization. @throws AWSOrganizationsNotInUseException */
export async function callersOrganization(ctx: CallContext): Promise<OrganizationState> {
  const membership = await membershipOf(ctx.state, ctx.account);
  if (!membership) throw fault("AWSOrganizationsNotInUseException");
  return openOrganization(ctx.state, membership.managementAccount);
}

/** The caller's organization, opened for a change. @throws AWSOrganizationsNotInUseException */
export async function changeOrganization(ctx: CallContext): Promise<OrganizationState> {
  const membership = await membershipOf(ctx.state, ctx.account);
  if (!membership) throw fault("AWSOrganizationsNotInUseException");
  return changeOf(ctx.state, membership.managementAccount);
}

/** The organization that `managementAccount` runs, opened for a change: the revision is read before anything else of it. */
export async function changeOf(state: State, managementAccount: string): Promise<OrganizationState> {
  const at = scopeOf(managementAccount);
  const seen = await state.get<Documents["revision"]>("revision", "revision", at);
  state.put("revision", "revision", { revision: (seen?.value.revision ?? 0) + 1 }, { at });
  return openOrganization(state, managementAccount);
}

/** Of an account that is asked to answer, by handshake id: where the handshake is. */
export interface Invitation {
  managementAccount: string;
}

export async function invitationOf(state: State, account: string, id: string): Promise<Invitation | undefined> {
  return (await state.get<Invitation>("invitation", id, scopeOf(account)))?.value;
}

/** A new handshake, with what leads the account that answers to it. */
export function putHandshake(organization: OrganizationState, handshake: HandshakeRecord): void {
  const { state, organization: o } = organization;
  const seenUntil = handshake.expiresAt + quotas.handshakeVisibleMs;
  organization.put("handshake", handshake.id, handshake, seenUntil);
  const invitation: Invitation = { managementAccount: o.managementAccount };
  state.put("invitation", handshake.id, invitation, { at: scopeOf(handshake.account), expiresAt: seenUntil });
}
