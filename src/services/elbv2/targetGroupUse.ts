/**
 * Which load balancer uses a target group: the one whose listeners have a rule that forwards to it; never two.
 * Source: Elastic Load Balancing User Guide, "Target groups for your Application Load Balancers".
 */
import type { CallContext } from "#gateway/context.ts";
import { associationLimit, tooMany } from "./errors.ts";
import { all, forwardedTo, requireTargetGroup } from "./find.ts";
import { quotas } from "./quotas.ts";
import { saveTargetGroup } from "./save.ts";
import { types, type Listener, type Rule } from "./state.ts";

/** ARN of each target group in use → ARN of its load balancer. */
export async function usersOfGroups(ctx: CallContext): Promise<Map<string, string>> {
  const users = new Map<string, string>();
  for (const { rules, loadBalancer } of await all<Listener>(ctx, types.listener)) {
    for (const arn of forwardedTo(rules)) users.set(arn, loadBalancer);
  }
  return users;
}

/** What the rules forward to exists, and serves no other load balancer. @throws TargetGroupNotFound, TargetGroupAssociationLimit */
export async function holdTargetGroups(
  ctx: CallContext,
  loadBalancer: string,
  rules: readonly Pick<Rule, "actions">[],
): Promise<void> {
  const wanted = forwardedTo(rules);
  if (wanted.size === 0) return;
  // Looked at before the listeners are: a rule that comes in between makes this batch fail.
  const groups = [];
  for (const arn of wanted) groups.push(await requireTargetGroup(ctx, arn));
  const users = await usersOfGroups(ctx);
  for (const { arn } of groups) if ((users.get(arn) ?? loadBalancer) !== loadBalancer) throw associationLimit(arn);
  const own = new Set([...users].filter(([, user]) => user === loadBalancer).map(([arn]) => arn));
  const most = quotas["target-groups-per-application-load-balancer"];
  if (own.union(wanted).size > most) {
    throw tooMany("UniqueTargetGroupsPerLoadBalancer", `A load balancer can use at most '${most}' target groups`);
  }
  for (const group of groups) saveTargetGroup(ctx, group);
}
