/**
 * What the rules of a call may refer to: sets of the caller's own account and scope, and rule groups, also of accounts
 * that share them by a permission policy.
 */
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { capacityOf, documentKey } from "#engines/waf/index.ts";
import type { Rule, RuleGroupDocument } from "#engines/waf/model.ts";
import { findByArn, kindOfArn, pathOfScope, type PolicyDocument, types } from "./state.ts";
import type { RuleReferences } from "./validation/rules.ts";

export interface WafSettings {
  /** Databases of addresses that the edge has. */
  databases: { countries: boolean; systems: boolean };
}

export class CallReferences implements RuleReferences {
  readonly databases: WafSettings["databases"];
  readonly #ctx: CallContext;
  readonly #path: string;
  readonly #groups = new Map<string, RuleGroupDocument>();

  constructor(ctx: CallContext, scope: string | undefined, { databases }: WafSettings) {
    this.databases = databases;
    this.#ctx = ctx;
    this.#path = `:${pathOfScope(scope)}/`;
  }

  async ipSet(arn: string): Promise<boolean> {
    return arn.includes(this.#path) && (await findByArn(this.#ctx, "ipset", arn)) !== undefined;
  }

  async regexPatternSet(arn: string): Promise<boolean> {
    return arn.includes(this.#path) && (await findByArn(this.#ctx, "regexpatternset", arn)) !== undefined;
  }

  async ruleGroup(arn: string): Promise<RuleGroupDocument | undefined> {
    if (kindOfArn(arn) !== "rulegroup" || !arn.includes(this.#path)) return undefined;
    const known = this.#groups.get(arn);
    if (known) return known;
    const group = await usableGroup(this.#ctx, arn);
    if (group) this.#groups.set(arn, group);
    return group;
  }

  /** Of rules that have been checked. */
  capacity(rules: readonly Rule[]): number {
    return capacityOf(rules, (arn) => this.#groups.get(arn)?.capacity ?? 0);
  }
}

/** One's own, or one that its owner shares with the caller for this very operation. */
async function usableGroup(ctx: CallContext, arn: string): Promise<RuleGroupDocument | undefined> {
  const key = documentKey(arn)!;
  const at = { account: key.account, region: key.region };
  if (key.region !== ctx.region) return undefined;
  const found = await ctx.state.get<RuleGroupDocument>(key.type, key.id, at);
  if (found?.value.arn !== arn) return undefined;
  if (key.account === ctx.account) return found.value;
  const policy = await ctx.state.get<PolicyDocument>(types.policy, arn, at);
  if (!policy) return undefined;
  const allowed = await ctx.allowed({
    action: `wafv2:${ctx.operation === "UpdateWebACL" ? "UpdateWebACL" : "CreateWebACL"}`,
    resource: arn,
    resourceAccount: key.account,
    resourcePolicies: attachedPolicy(`${arn}/policy`, policy.value),
  });
  return allowed ? found.value : undefined;
}
