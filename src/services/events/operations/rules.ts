/**
 * Rules. Source: EventBridge API Reference, PutRule, DeleteRule, DescribeRule, EnableRule, DisableRule, ListRules,
 * ListRuleNamesByTarget, TestEventPattern; "EventBridge quotas" (300 rules a bus).
 */
import { timeText } from "#kernel/clock.ts";
import { nextDue, parseSchedule, ScheduleError } from "#engines/schedule/schedule.ts";
import { matches } from "#engines/eventPattern/evaluate.ts";
import { parsePattern, PatternError, type Pattern } from "#engines/eventPattern/pattern.ts";
import type { CallContext } from "#gateway/context.ts";
import { busAddress, requireBus, requireRule, ruleArn, type BusAddress } from "../bus.ts";
import { invalid, invalidParameter, invalidPattern, managedRule, tooMany } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import type { EventsHandlers, Out } from "../sdk.ts";
import { defaultBus, ruleId, scopeOf, types, type DueSchedule, type Rule, type RuleState } from "../state.ts";
import { mergeTags } from "../tags.ts";

const mostRules = 300;
const longestPattern = 4096;

export const ruleHandlers: EventsHandlers = {
  async PutRule(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    const bus = await requireBus(ctx, address);
    const name = input.Name ?? "";
    const id = ruleId(address.name, name);
    const at = scopeOf(address);
    const pattern = input.EventPattern === "" ? undefined : input.EventPattern;
    const schedule = input.ScheduleExpression === "" ? undefined : input.ScheduleExpression;
    if (pattern === undefined && schedule === undefined) {
      throw invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
    }
    if (schedule !== undefined) {
      if (address.name !== defaultBus) throw invalid("ScheduleExpression is supported only on the default event bus.");
      checkSchedule(schedule);
    }
    if (pattern !== undefined) checkPattern(pattern);
    const before = (await ctx.state.get<Rule>(types.rule, id, at))?.value;
    const manager = managerOf(ctx);
    if (before?.managedBy !== undefined && before.managedBy !== manager) throw managedRule(name);
    if (!before && (await ctx.state.count(types.rule, `${address.name}/`, at)) >= mostRules) throw tooMany();
    // The bus must still be there when the rule becomes part of it.
    if (address.name !== defaultBus) ctx.state.check(types.bus, bus.name, at);
    const rule: Rule = {
      name,
      bus: address.name,
      arn: ruleArn(address, name),
      uid: before?.uid ?? ctx.random.uuid(),
      createdBy: before?.createdBy ?? callerAccount(ctx),
      ...(before?.managedBy === undefined && before ? {} : manager === undefined ? {} : { managedBy: manager }),
      ...(pattern === undefined ? {} : { pattern }),
      ...(schedule === undefined ? {} : { schedule }),
      since: before?.schedule === schedule && before ? before.since : ctx.now,
      state: (input.State as RuleState | undefined) ?? "ENABLED",
      ...(input.Description === undefined || input.Description === "" ? {} : { description: input.Description }),
      ...(input.RoleArn === undefined || input.RoleArn === "" ? {} : { roleArn: input.RoleArn }),
      // Of a rule that is there, PutRule leaves the tags as they are.
      tags: before ? before.tags : mergeTags({}, input.Tags),
      targets: before?.targets ?? [],
    };
    await save(ctx, address, rule, before);
    return { RuleArn: rule.arn };
  },

  /** Deleting what is not there succeeds. */
  async DeleteRule(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    await requireBus(ctx, address);
    const id = ruleId(address.name, input.Name ?? "");
    const at = scopeOf(address);
    const rule = await ctx.state.get<Rule>(types.rule, id, at);
    if (!rule) return {};
    checkManaged(ctx, rule.value, input.Force);
    if (rule.value.targets.length > 0) throw invalid("Rule can't be deleted since it has targets.");
    ctx.state.delete(types.rule, id, { at });
    ctx.state.delete(types.schedule, id, { at, version: "any" });
    return {};
  },

  async DescribeRule(input, ctx) {
    const rule = await requireRule(ctx, busAddress(ctx, input.EventBusName), input.Name ?? "");
    return { ...shown(rule), CreatedBy: rule.createdBy };
  },

  EnableRule: (input, ctx) => setState(ctx, input, "ENABLED"),
  DisableRule: (input, ctx) => setState(ctx, input, "DISABLED"),

  async ListRules(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    await requireBus(ctx, address);
    const prefix = ruleId(address.name, input.NamePrefix ?? "");
    const page = await ctx.state.list<Rule>(
      types.rule,
      { prefix, ...startOf(input.NextToken, input.Limit) },
      scopeOf(address),
    );
    return { Rules: page.items.map(({ value }) => shown(value)), ...nextOf(page.next) };
  },

  async ListRuleNamesByTarget(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    await requireBus(ctx, address);
    const { limit, after } = startOf(input.NextToken, input.Limit);
    const names: string[] = [];
    let from = after;
    for (;;) {
      const query = { prefix: `${address.name}/`, limit: 100, ...(from === undefined ? {} : { after: from }) };
      const page = await ctx.state.list<Rule>(types.rule, query, scopeOf(address));
      for (const { key, value } of page.items) {
        if (!value.targets.some(({ Arn }) => Arn === input.TargetArn)) continue;
        names.push(value.name);
        if (names.length === limit) return { RuleNames: names, ...nextOf(key.id) };
      }
      if (page.next === undefined) return { RuleNames: names };
      from = page.next;
    }
  },

  TestEventPattern(input) {
    const pattern = checkPattern(input.EventPattern ?? "");
    let event: unknown;
    try {
      event = JSON.parse(input.Event ?? "");
    } catch {
      throw invalid("Parameter Event is not valid.");
    }
    // "The event … must contain these fields: id, account, source, time, region, resources, detail-type."
    for (const name of ["id", "account", "source", "time", "region", "resources", "detail-type"]) {
      if (event === null || typeof event !== "object" || !Object.hasOwn(event, name)) {
        throw invalid("Parameter Event is not valid.");
      }
    }
    return { Result: matches(pattern, event) };
  },
};

/** @throws InvalidEventPatternException */
export function checkPattern(text: string): Pattern {
  if (text.length > longestPattern) throw invalidParameter("EventPattern", "It is longer than 4096 characters.");
  try {
    return parsePattern(text);
  } catch (error) {
    throw error instanceof PatternError ? invalidPattern(error.message) : error;
  }
}

function checkSchedule(text: string): void {
  try {
    parseSchedule(text);
  } catch (error) {
    throw error instanceof ScheduleError ? invalid("Parameter ScheduleExpression is not valid.") : error;
  }
}

/** @throws ManagedRuleException */
export function checkManaged(ctx: CallContext, rule: Rule, force: boolean | undefined): void {
  if (rule.managedBy !== undefined && rule.managedBy !== managerOf(ctx) && force !== true) throw managedRule(rule.name);
}

/** A service that works through its service-linked role manages the rules it makes. */
function managerOf({ principal }: CallContext): string | undefined {
  if (principal.kind !== "role") return undefined;
  return /:role\/aws-service-role\/([^/]+)\//.exec(principal.roleArn)?.[1];
}

const callerAccount = (ctx: CallContext): string => ("account" in ctx.principal ? ctx.principal.account : ctx.account);

async function setState(
  ctx: CallContext,
  input: { Name?: string | undefined; EventBusName?: string | undefined },
  state: RuleState,
): Promise<Record<string, never>> {
  const address = busAddress(ctx, input.EventBusName);
  const before = await requireRule(ctx, address, input.Name ?? "");
  checkManaged(ctx, before, false);
  const rested = before.state === "DISABLED" && state !== "DISABLED";
  await save(ctx, address, { ...before, state, ...(rested ? { since: ctx.now } : {}) }, before);
  return {};
}

async function save(ctx: CallContext, address: BusAddress, rule: Rule, before: Rule | undefined): Promise<void> {
  const at = scopeOf(address);
  const id = ruleId(address.name, rule.name);
  ctx.state.put<Rule>(types.rule, id, rule, { at });
  const due =
    rule.schedule === undefined || rule.state === "DISABLED"
      ? undefined
      : nextDue(parseSchedule(rule.schedule), ctx.now, rule.since);
  if (due === undefined) {
    if (before?.schedule !== undefined) ctx.state.delete(types.schedule, id, { at, version: "any" });
    return;
  }
  const value: DueSchedule = {
    bus: rule.bus,
    rule: rule.name,
    expression: rule.schedule!,
    since: rule.since,
    dueAt: due,
  };
  const running = await ctx.state.get<DueSchedule>(types.schedule, id, at);
  // What is due is not put off by a change that leaves the schedule as it is.
  if (running?.value.expression === value.expression && running.value.since === value.since) return;
  ctx.state.put<DueSchedule>(types.schedule, id, value, { at, indexes: { due: timeText(due) } });
}

function shown(rule: Rule): NonNullable<Out<"ListRules">["Rules"]>[number] {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventBusName: rule.bus,
    State: rule.state,
    ...(rule.pattern === undefined ? {} : { EventPattern: rule.pattern }),
    ...(rule.schedule === undefined ? {} : { ScheduleExpression: rule.schedule }),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    ...(rule.roleArn === undefined ? {} : { RoleArn: rule.roleArn }),
    ...(rule.managedBy === undefined ? {} : { ManagedBy: rule.managedBy }),
  };
}
