/**
 * Invitations. A handshake lives with the organization that sent it; the invited account has an `invitation` of
 * its own that leads there. Source: AWS Organizations API Reference; User Guide, "Inviting an AWS account to join".
 */
import type { Accounts } from "#gateway/accounts.ts";
import { base36Id } from "#kernel/ids.ts";
import { fault, handshakeConstraint, invalidInput } from "../errors.ts";
import { pageOf, type PageInput } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { handshakeState, renderHandshake } from "../render.ts";
import type { Ctx, Operations } from "../sdk.ts";
import {
  callersOrganization,
  changeOf,
  changeOrganization,
  invitationOf,
  membershipOf,
  openOrganization,
  putHandshake,
  scopeOf,
  type HandshakeRecord,
  type Invitation,
  type OrganizationState,
} from "../state.ts";
import { addTags, readTags } from "../tags.ts";
import { accountsAndInvitations, join } from "./accounts.ts";
import { approvals, finishMigration, openMigration } from "./allFeatures.ts";
import { managementRecord } from "./organization.ts";

const handshakeId = /^h-[0-9a-z]{8,32}$/;

/** Whether the organization that invited is still there. */
async function stands(ctx: Ctx, managementAccount: string): Promise<boolean> {
  return (await membershipOf(ctx.state, managementAccount))?.managementAccount === managementAccount;
}

interface Found {
  organization: OrganizationState;
  handshake: HandshakeRecord;
}

async function find(
  ctx: Ctx,
  id: string | undefined,
  open: (managementAccount: string) => Promise<OrganizationState>,
  side: "invited" | "either",
): Promise<Found> {
  if (!handshakeId.test(id ?? "")) throw invalidInput("INVALID_PATTERN");
  const invitation = await invitationOf(ctx.state, ctx.account, id!);
  const own = side === "either" ? await membershipOf(ctx.state, ctx.account) : undefined;
  const managementAccount = invitation?.managementAccount ?? own?.managementAccount;
  if (managementAccount === undefined || !(await stands(ctx, managementAccount))) {
    throw fault("HandshakeNotFoundException");
  }
  const organization = await open(managementAccount);
  const handshake = await organization.get("handshake", id!);
  if (!handshake) throw fault("HandshakeNotFoundException");
  if (!invitation && ctx.account !== managementAccount) throw fault("AccessDeniedException");
  return { organization, handshake };
}

/** Ends an open handshake. @throws HandshakeAlreadyInStateException, InvalidHandshakeTransitionException */
function end({ organization, handshake }: Found, state: HandshakeRecord["state"], now: number): HandshakeRecord {
  const current = handshakeState(handshake, now);
  if (current === state) throw fault("HandshakeAlreadyInStateException");
  if (current !== "OPEN") throw fault("InvalidHandshakeTransitionException");
  const ended = { ...handshake, state };
  organization.put("handshake", handshake.id, ended, handshake.expiresAt + quotas.handshakeVisibleMs);
  return ended;
}

/** The invited account joins. @throws HandshakeConstraintViolationException when it is in an organization by now */
async function accept(ctx: Ctx, organization: OrganizationState, handshake: HandshakeRecord): Promise<void> {
  if (await membershipOf(ctx.state, ctx.account)) {
    throw handshakeConstraint(
      "ALREADY_IN_AN_ORGANIZATION",
      "The handshake request is invalid because the account is already a member of an organization.",
    );
  }
  await join(ctx, organization.organization.managementAccount, ctx.account);
  await addTags(organization, ctx.account, handshake.tags);
}

type Filter = { ActionType?: string | undefined; ParentHandshakeId?: string | undefined } | undefined;

const passes = (filter: Filter) => (handshake: HandshakeRecord) =>
  (filter?.ActionType === undefined || filter.ActionType === handshake.action) &&
  (filter?.ParentHandshakeId === undefined || filter.ParentHandshakeId === handshake.parent);

export const handshakeOperations = (accounts: Accounts): Operations => {
  const shown = async (ctx: Ctx, organization: OrganizationState, handshake: HandshakeRecord) =>
    renderHandshake(organization, await managementRecord(ctx, accounts, organization), handshake, ctx.now);
  const page = async (ctx: Ctx, input: PageInput, found: readonly Found[]) => {
    const { items, next } = pageOf(input, found, ({ handshake }) => handshake.id);
    return {
      Handshakes: await Promise.all(items.map(({ organization, handshake }) => shown(ctx, organization, handshake))),
      ...next,
    };
  };
  const changing = (ctx: Ctx) => (managementAccount: string) => changeOf(ctx.state, managementAccount);
  const reading = (ctx: Ctx) => (managementAccount: string) => openOrganization(ctx.state, managementAccount);

  return {
    async InviteAccountToOrganization(input, ctx) {
      const organization = await changeOrganization(ctx);
      const { Type: type, Id: id = "" } = input.Target!;
      if (type !== "ACCOUNT" && type !== "EMAIL") throw invalidInput("INVALID_PARTY_TYPE_TARGET");
      const account = type === "ACCOUNT" ? id : await accounts.byEmail(ctx.state, id);
      // An invitation reaches an account of this installation or nobody: there is no mail to send it by.
      if (account === undefined || !(await accounts.get(ctx.state, account))) throw fault("AccountNotFoundException");
      const membership = await membershipOf(ctx.state, account);
      if (membership?.organization === organization.organization.id) {
        throw handshakeConstraint(
          "ALREADY_IN_AN_ORGANIZATION",
          "The handshake request is invalid because the invited account is already a member of an organization.",
        );
      }
      if (await openMigration(organization, ctx.now)) {
        throw handshakeConstraint(
          "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
          "You cannot issue new invitations to join an organization while it is in the process of enabling all features.",
        );
      }
      const open = (await organization.all("handshake")).filter(
        (handshake) => handshakeState(handshake, ctx.now) === "OPEN",
      );
      if (open.some((handshake) => handshake.account === account)) throw fault("DuplicateHandshakeException");
      if ((await accountsAndInvitations(organization, ctx.now)) >= quotas.accounts) {
        throw handshakeConstraint(
          "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
          "You attempted to exceed the limit on the number of accounts in an organization.",
        );
      }
      const handshake: HandshakeRecord = {
        id: base36Id("h-", 16, ctx.random),
        action: "INVITE",
        account,
        target: { type, id },
        ...(input.Notes === undefined ? {} : { notes: input.Notes }),
        tags: readTags(input.Tags),
        state: "OPEN",
        requestedAt: ctx.now,
        expiresAt: ctx.now + quotas.handshakeMs,
      };
      putHandshake(organization, handshake);
      return { Handshake: await shown(ctx, organization, handshake) };
    },

    async AcceptHandshake(input, ctx) {
      const found = await find(ctx, input.HandshakeId, changing(ctx), "invited");
      const ended = end(found, "ACCEPTED", ctx.now);
      if (ended.action === "INVITE") await accept(ctx, found.organization, ended);
      else if (ended.action === "ENABLE_ALL_FEATURES") await finishMigration(found.organization, ended);
      return { Handshake: await shown(ctx, found.organization, ended) };
    },

    async DeclineHandshake(input, ctx) {
      const found = await find(ctx, input.HandshakeId, changing(ctx), "invited");
      return { Handshake: await shown(ctx, found.organization, end(found, "DECLINED", ctx.now)) };
    },

    async CancelHandshake(input, ctx) {
      const organization = await changeOrganization(ctx);
      if (!handshakeId.test(input.HandshakeId!)) throw invalidInput("INVALID_PATTERN");
      const handshake = await organization.get("handshake", input.HandshakeId!);
      if (!handshake) throw fault("HandshakeNotFoundException");
      const ended = end({ organization, handshake }, "CANCELED", ctx.now);
      for (const asked of await approvals(organization, handshake.id)) {
        if (handshakeState(asked, ctx.now) === "OPEN") end({ organization, handshake: asked }, "CANCELED", ctx.now);
      }
      return { Handshake: await shown(ctx, organization, ended) };
    },

    async DescribeHandshake(input, ctx) {
      const { organization, handshake } = await find(ctx, input.HandshakeId, reading(ctx), "either");
      return { Handshake: await shown(ctx, organization, handshake) };
    },

    async ListHandshakesForOrganization(input, ctx) {
      const organization = await callersOrganization(ctx);
      const handshakes = (await organization.all("handshake")).filter(passes(input.Filter));
      return page(
        ctx,
        input,
        handshakes.map((handshake) => ({ organization, handshake })),
      );
    },

    async ListHandshakesForAccount(input, ctx) {
      const found: Found[] = [];
      const invitations = (await ctx.state.list<Invitation>("invitation", {}, scopeOf(ctx.account))).items;
      for (const { key, value } of invitations) {
        if (!(await stands(ctx, value.managementAccount))) continue;
        const organization = await openOrganization(ctx.state, value.managementAccount);
        const handshake = await organization.get("handshake", key.id);
        if (handshake && passes(input.Filter)(handshake)) found.push({ organization, handshake });
      }
      return page(ctx, input, found);
    },
  };
};
