/** Whose findings a caller sees. */
import type { CallContext } from "#gateway/context.ts";
import type { Place } from "./state.ts";

/** The account's own, in the Region that is asked. */
export async function viewOf(ctx: CallContext): Promise<readonly Place[]> {
  return [{ account: ctx.account, region: ctx.region }];
}
