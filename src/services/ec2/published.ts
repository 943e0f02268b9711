/**
 * What others learn of the network without asking: which security groups let something else through from now on,
 * because of their rules, of the members of a group that they name, or of the entries of a prefix list.
 *
 * Events of the stream `security-groups`, keyed by account and Region: `{ account, region, groups: [ids] }`.
 */
import type { CallContext } from "#gateway/context.ts";
import { all } from "./resources.ts";
import type { Peer } from "./state.ts";

const stream = "security-groups";

export function publishGroups(ctx: CallContext, groups: readonly string[]): void {
  if (groups.length === 0) return;
  const { account, region } = ctx;
  ctx.state.emit(stream, `${account}/${region}`, { account, region, groups });
}

/** Groups with a rule about any of these groups or prefix lists. */
export async function groupsNaming(ctx: CallContext, kind: Peer["kind"], ids: readonly string[]): Promise<string[]> {
  const wanted = new Set(ids);
  const groups = await all(ctx, "securityGroup");
  return groups
    .filter(({ rules }) => rules.some(({ peer }) => peer.kind === kind && "id" in peer && wanted.has(peer.id)))
    .map(({ id }) => id);
}
