/** Who administers GuardDuty for an organization in a Region. */
import type { CallContext } from "#gateway/context.ts";
import { enrolmentTypes, type OrganizationAdmin } from "#gateway/enrolment.ts";
import { badRequest } from "./errors.ts";

/** Text as AWS answers to accounts that are not the delegated administrator, or not the management account. */
export const noOrganizationPermission = () =>
  badRequest("The request failed because you do not have required AWS Organization master permission.");

/** Id of the organization that the caller's account administers GuardDuty for. */
export async function delegatedOrganization(ctx: CallContext): Promise<string | undefined> {
  const organization = await ctx.identity.organization(ctx.account);
  if (!organization) return undefined;
  const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, "administrator", {
    account: organization.managementAccount,
  });
  return admin?.value.account === ctx.account ? organization.id : undefined;
}

/** @throws BadRequestException */
export async function requireDelegated(ctx: CallContext): Promise<{ id: string; managementAccount: string }> {
  const id = await delegatedOrganization(ctx);
  const organization = id === undefined ? undefined : await ctx.identity.organization(ctx.account);
  if (id === undefined || !organization) throw noOrganizationPermission();
  return { id, managementAccount: organization.managementAccount };
}
