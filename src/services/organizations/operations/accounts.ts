/**
 * Member accounts: made, listed, closed, let go. An account is made at once; like AWS the answer of CreateAccount
 * is IN_PROGRESS and DescribeCreateAccountStatus tells how it went.
 * Source: AWS Organizations API Reference; User Guide, "Accessing member accounts", "Closing a member account".
 */
import type { Accounts } from "#gateway/accounts.ts";
import { AwsError } from "#kernel/errors.ts";
import { accountId, hexId } from "#kernel/ids.ts";
import { kindOf } from "../documents.ts";
import { constraint, fault, invalidInput } from "../errors.ts";
import { forget } from "../jobs.ts";
import { pageOf } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { handshakeState, renderAccount, renderAccountRequest } from "../render.ts";
import type { Ctx, Operations } from "../sdk.ts";
import {
  callersOrganization,
  changeOf,
  changeOrganization,
  membershipOf,
  putMembership,
  type AccountRequest,
  type Member,
  type OrganizationState,
} from "../state.ts";
import { addTags } from "../tags.ts";

const defaultRole = "OrganizationAccountAccessRole";

async function requireMember(organization: OrganizationState, id: string | undefined): Promise<Member> {
  if (kindOf(id ?? "") !== "account") throw invalidInput("INVALID_PATTERN");
  const member = await organization.get("member", id!);
  if (!member) throw fault("AccountNotFoundException");
  return member;
}

/** Accounts, and invitations that may still become accounts. */
export async function accountsAndInvitations(organization: OrganizationState, now: number): Promise<number> {
  const open = (await organization.all("handshake")).filter(
    (handshake) => handshake.action === "INVITE" && handshakeState(handshake, now) === "OPEN",
  );
  return (await organization.all("member")).length + open.length;
}

/** Makes the account, or says why not; an account id that is taken by chance is drawn again. */
async function make(
  ctx: Ctx,
  accounts: Accounts,
  organization: OrganizationState,
  wanted: { name: string; email: string; roleName: string },
): Promise<{ account: string } | { failureReason: NonNullable<AccountRequest["failureReason"]> }> {
  const { managementAccount: trustedAccount, partition } = organization.organization;
  if (await accounts.byEmail(ctx.state, wanted.email)) return { failureReason: "EMAIL_ALREADY_EXISTS" };
  let account = accountId(ctx.random);
  while (await accounts.get(ctx.state, account)) account = accountId(ctx.random);
  try {
    const { now, random } = ctx;
    await accounts.create(ctx.state, { ...wanted, account, trustedAccount, partition, now, random });
  } catch (error) {
    if (error instanceof AwsError && error.code === "ValidationError") return { failureReason: "INVALID_EMAIL" };
    throw error;
  }
  return { account };
}

/** Takes an account out of its organization, with everything the organization knows of it. */
async function leave(ctx: Ctx, organization: OrganizationState, member: Member): Promise<void> {
  const { account } = member;
  if (account === organization.organization.managementAccount) throw fault("MasterCannotLeaveOrganizationException");
  if ((await organization.all("delegation")).some((delegation) => delegation.account === account)) {
    throw constraint(
      "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
      "You can't remove a delegated administrator from the organization. Deregister the delegated administrator first.",
    );
  }
  if (member.joinedMethod === "CREATED" && ctx.now < member.joinedAt + quotas.leaveAfterMs) {
    throw constraint(
      "WAIT_PERIOD_ACTIVE",
      "You must wait until at least seven days after the account was created before you can remove it.",
    );
  }
  await forget(organization, account);
}

export const accountOperations = (accounts: Accounts): Operations => ({
  async CreateAccount(input, ctx) {
    const organization = await changeOrganization(ctx);
    if ((await accountsAndInvitations(organization, ctx.now)) >= quotas.accounts) {
      throw constraint(
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        "You have exceeded the allowed number of AWS accounts in your organization.",
      );
    }
    const name = input.AccountName!;
    const email = input.Email!;
    const made = await make(ctx, accounts, organization, { name, email, roleName: input.RoleName ?? defaultRole });
    const request: AccountRequest = {
      id: hexId("car-", 32, ctx.random),
      accountName: name,
      email,
      requestedAt: ctx.now,
      completedAt: ctx.now,
      state: "account" in made ? "SUCCEEDED" : "FAILED",
      ...made,
    };
    organization.put("accountRequest", request.id, request);
    if ("account" in made) {
      const { id, managementAccount, rootId } = organization.organization;
      const { account } = made;
      putMembership(ctx.state, account, { organization: id, managementAccount });
      organization.put("member", account, { account, parent: rootId, joinedMethod: "CREATED", joinedAt: ctx.now });
      await addTags(organization, account, input.Tags);
    }
    return {
      CreateAccountStatus: {
        Id: request.id,
        AccountName: name,
        State: "IN_PROGRESS",
        RequestedTimestamp: new Date(ctx.now),
      },
    };
  },

  async DescribeCreateAccountStatus(input, ctx) {
    const organization = await callersOrganization(ctx);
    const request = await organization.get("accountRequest", input.CreateAccountRequestId!);
    if (!request) throw fault("CreateAccountStatusNotFoundException");
    return { CreateAccountStatus: renderAccountRequest(request) };
  },

  async ListCreateAccountStatus(input, ctx) {
    const organization = await callersOrganization(ctx);
    const wanted: readonly string[] | undefined = input.States;
    const requests = (await organization.all("accountRequest")).filter(
      ({ state }) => !wanted || wanted.length === 0 || wanted.includes(state),
    );
    const { items, next } = pageOf(input, requests, ({ id }) => id);
    return { CreateAccountStatuses: items.map(renderAccountRequest), ...next };
  },

  async DescribeAccount(input, ctx) {
    const organization = await callersOrganization(ctx);
    const member = await requireMember(organization, input.AccountId);
    return { Account: await renderAccount(organization, member, await accounts.get(ctx.state, member.account)) };
  },

  async ListAccounts(input, ctx) {
    const organization = await callersOrganization(ctx);
    return await listed(ctx, accounts, organization, input, await organization.all("member"));
  },

  async ListAccountsForParent(input, ctx) {
    const organization = await callersOrganization(ctx);
    const kind = kindOf(input.ParentId ?? "");
    if (kind !== "root" && kind !== "unit") throw invalidInput("INVALID_PATTERN");
    if (!(await organization.exists(input.ParentId!))) throw fault("ParentNotFoundException");
    const members = (await organization.all("member")).filter(({ parent }) => parent === input.ParentId);
    return await listed(ctx, accounts, organization, input, members);
  },

  async RemoveAccountFromOrganization(input, ctx) {
    const organization = await changeOrganization(ctx);
    await leave(ctx, organization, await requireMember(organization, input.AccountId));
    return {};
  },

  async LeaveOrganization(_input, ctx) {
    const organization = await changeOrganization(ctx);
    await leave(ctx, organization, await requireMember(organization, ctx.account));
    return {};
  },

  /** From here on every credential of the account is refused. */
  async CloseAccount(input, ctx) {
    const organization = await changeOrganization(ctx);
    const member = await requireMember(organization, input.AccountId);
    const { managementAccount } = organization.organization;
    if (member.account === managementAccount) {
      throw constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account.");
    }
    if (member.closedAt !== undefined) throw fault("AccountAlreadyClosedException");
    const recent = (await organization.all("closure")).length;
    const members = (await organization.all("member")).length - 1;
    const quota = Math.min(quotas.mostClosures, Math.max(quotas.fewestClosures, Math.floor(members / 10)));
    if (recent >= quota) {
      throw constraint("CLOSE_ACCOUNT_QUOTA_EXCEEDED", "You have exceeded close account quota for the past 30 days.");
    }
    organization.put("member", member.account, { ...member, closedAt: ctx.now });
    organization.put("closure", member.account, {}, ctx.now + quotas.closedWithinMs);
    await accounts.close(ctx.state, member.account);
    return {};
  },
});

async function listed(
  ctx: Ctx,
  accounts: Accounts,
  organization: OrganizationState,
  input: { NextToken?: string | undefined; MaxResults?: number | undefined },
  members: readonly Member[],
) {
  const { items, next } = pageOf(input, members, ({ account }) => account);
  const records = await accounts.getMany(
    ctx.state,
    items.map(({ account }) => account),
  );
  return {
    Accounts: await Promise.all(items.map((member, i) => renderAccount(organization, member, records[i]))),
    ...next,
  };
}

/** Lets an invited account in. */
export async function join(ctx: Ctx, managementAccount: string, account: string): Promise<void> {
  const organization = await changeOf(ctx.state, managementAccount);
  const { id, rootId } = organization.organization;
  if (await membershipOf(ctx.state, account)) throw fault("AlreadyInOrganizationException");
  putMembership(ctx.state, account, { organization: id, managementAccount });
  organization.put("member", account, { account, parent: rootId, joinedMethod: "INVITED", joinedAt: ctx.now });
}
