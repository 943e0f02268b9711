/** What a trail or a store of an organization needs to know. */
import type { CallContext } from "#gateway/context.ts";
import { noOrganization, notManagement } from "./errors.ts";

/** Id of the organization that the caller's account manages. @throws OrganizationsNotInUseException, NotOrganizationMasterAccountException */
export async function managedOrganization(ctx: CallContext): Promise<string> {
  const organization = await ctx.identity.organization(ctx.account);
  if (!organization) throw noOrganization();
  if (organization.managementAccount !== ctx.account) throw notManagement();
  return organization.id;
}
