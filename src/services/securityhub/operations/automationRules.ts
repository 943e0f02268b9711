/** Automation rules. Source: Security Hub API Reference, CreateAutomationRule …; "up to 100 automation rules". */
import type { AutomationRule } from "#engines/asff/automation.ts";
import { faultOfShared } from "#engines/asff/validate.ts";
import type { Filters } from "#engines/asff/filters.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidInput, limitExceeded } from "../errors.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers, Input, Output } from "../sdk.ts";
import { arnOf, each, requireHub, types, type StoredRule } from "../state.ts";
import { checkedTags } from "../tags.ts";
import { compiled } from "./findings.ts";

const mostRules = 100;

export const automationRuleHandlers: HubHandlers = {
  async CreateAutomationRule(input, ctx) {
    await requireHub(ctx);
    if ((await ctx.state.count(types.rule)) >= mostRules) {
      throw limitExceeded(`An account can have at most ${mostRules} automation rules in a Region`);
    }
    const id = ctx.random.uuid();
    const rule: StoredRule = {
      id,
      RuleArn: arnOf(ctx, `automation-rule/${id}`),
      RuleName: input.RuleName!,
      Description: input.Description!,
      RuleOrder: checkedOrder(input.RuleOrder!),
      RuleStatus: input.RuleStatus ?? "ENABLED",
      IsTerminal: input.IsTerminal ?? false,
      ...checkedRule(input.Criteria as Filters, input.Actions),
      createdAt: ctx.now,
      updatedAt: ctx.now,
      createdBy: "arn" in ctx.principal ? ctx.principal.arn : ctx.account,
      tags: checkedTags(input.Tags),
    };
    ctx.state.put(types.rule, id, rule);
    return { RuleArn: rule.RuleArn };
  },

  async BatchGetAutomationRules(input, ctx) {
    await requireHub(ctx);
    const { found, missing } = await named(ctx, input.AutomationRulesArns);
    return { Rules: found.map(shown), UnprocessedAutomationRules: missing };
  },

  async BatchDeleteAutomationRules(input, ctx) {
    await requireHub(ctx);
    const { found, missing } = await named(ctx, input.AutomationRulesArns);
    for (const { id } of found) ctx.state.delete(types.rule, id);
    return { ProcessedAutomationRules: found.map(({ RuleArn }) => RuleArn), UnprocessedAutomationRules: missing };
  },

  async BatchUpdateAutomationRules(input, ctx) {
    await requireHub(ctx);
    const items = input.UpdateAutomationRulesRequestItems ?? [];
    const { found, missing } = await named(
      ctx,
      items.map(({ RuleArn }) => RuleArn!),
    );
    for (const rule of found) {
      const item = items.find(({ RuleArn }) => RuleArn === rule.RuleArn)!;
      const actions = item.Actions ?? (rule.Actions as Actions);
      ctx.state.put<StoredRule>(types.rule, rule.id, {
        ...rule,
        RuleName: item.RuleName ?? rule.RuleName,
        Description: item.Description ?? rule.Description,
        RuleOrder: checkedOrder(item.RuleOrder ?? rule.RuleOrder),
        RuleStatus: item.RuleStatus ?? rule.RuleStatus,
        IsTerminal: item.IsTerminal ?? rule.IsTerminal,
        ...checkedRule((item.Criteria as Filters | undefined) ?? rule.Criteria, actions),
        updatedAt: ctx.now,
      });
    }
    return { ProcessedAutomationRules: found.map(({ RuleArn }) => RuleArn), UnprocessedAutomationRules: missing };
  },

  async ListAutomationRules(input, ctx) {
    await requireHub(ctx);
    const all: StoredRule[] = [];
    for await (const rule of each<StoredRule>(ctx.state, types.rule, ctx)) all.push(rule);
    all.sort((a, b) => a.RuleOrder - b.RuleOrder || a.createdAt - b.createdAt);
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 100);
    const AutomationRulesMetadata = all.slice(start, end).map((rule) => {
      const { Criteria: _, Actions: _actions, ...metadata } = shown(rule);
      return metadata;
    });
    return { AutomationRulesMetadata, ...tokenAfter(end, all.length) };
  },
};

type Actions = Input<"CreateAutomationRule">["Actions"];

function checkedOrder(order: number): number {
  if (!Number.isInteger(order) || order < 1 || order > 1000)
    throw invalidInput("Invalid parameter 'RuleOrder': 1 to 1000");
  return order;
}

/** @throws InvalidInputException */
function checkedRule(criteria: Filters, actions: Actions): Pick<AutomationRule, "Criteria" | "Actions"> {
  if (Object.keys(criteria).length === 0) throw invalidInput("Invalid parameter 'Criteria': must not be empty");
  compiled(criteria);
  if (actions?.length !== 1) throw invalidInput("Invalid parameter 'Actions': exactly one");
  for (const { Type, FindingFieldsUpdate } of actions) {
    if (Type !== "FINDING_FIELDS_UPDATE" || FindingFieldsUpdate === undefined) {
      throw invalidInput("Invalid parameter 'Actions': FINDING_FIELDS_UPDATE with what it updates");
    }
    const fault = faultOfShared(FindingFieldsUpdate as Record<string, unknown>, "");
    if (fault !== undefined) throw invalidInput(fault);
  }
  return { Criteria: criteria, Actions: actions as unknown as AutomationRule["Actions"] };
}

async function named(ctx: CallContext, arns: readonly string[] | undefined) {
  const found: StoredRule[] = [];
  const missing: { RuleArn: string; ErrorCode: number; ErrorMessage: string }[] = [];
  for (const RuleArn of arns ?? []) {
    const id = RuleArn.startsWith(arnOf(ctx, "automation-rule/")) ? RuleArn.split("/").at(-1)! : "";
    const rule = id === "" ? undefined : await ctx.state.get<StoredRule>(types.rule, id);
    if (rule) found.push(rule.value);
    else missing.push({ RuleArn, ErrorCode: 404, ErrorMessage: "The automation rule was not found" });
  }
  return { found, missing };
}

type Shown = NonNullable<Output<"BatchGetAutomationRules">["Rules"]>[number];

function shown(rule: StoredRule): Shown {
  return {
    RuleArn: rule.RuleArn,
    RuleName: rule.RuleName,
    Description: rule.Description,
    RuleOrder: rule.RuleOrder,
    RuleStatus: rule.RuleStatus,
    IsTerminal: rule.IsTerminal,
    Criteria: rule.Criteria as Shown["Criteria"],
    Actions: rule.Actions as unknown as Shown["Actions"],
    CreatedAt: new Date(rule.createdAt),
    UpdatedAt: new Date(rule.updatedAt),
    CreatedBy: rule.createdBy,
  };
}
