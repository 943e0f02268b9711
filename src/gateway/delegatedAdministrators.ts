/**
 * Who administers a service for a whole organization: the management account, and the member accounts it registered.
 * Asked of Organizations as that service, so that without trusted access there is nobody.
 * Source: AWS Organizations User Guide, "Using AWS Organizations with other AWS services".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "./context.ts";

/** Account ids; empty without trusted access. @param service service principal, e.g. `guardduty.amazonaws.com` */
export async function delegatedAdministrators(
  ctx: CallContext,
  service: string,
  managementAccount: string,
): Promise<ReadonlySet<string>> {
  const { organizations } = ctx.asService(service, { account: managementAccount });
  const administrators = new Set([managementAccount]);
  let NextToken: string | undefined;
  do {
    try {
      const page = await organizations.ListDelegatedAdministrators({ ServicePrincipal: service, NextToken });
      for (const { Id } of page.DelegatedAdministrators ?? []) administrators.add(Id!);
      NextToken = page.NextToken;
    } catch (error) {
      if (error instanceof AwsError && error.code === "AccessDeniedException") return new Set();
      throw error;
    }
  } while (NextToken !== undefined);
  return administrators;
}
