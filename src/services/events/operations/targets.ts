/** Targets of rules. Source: EventBridge API Reference, PutTargets, RemoveTargets, ListTargetsByRule; five targets a rule. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { busAddress, requireRule } from "../bus.ts";
import { invalid, notServed, tooMany } from "../errors.ts";
import { checkInput } from "../inputs.ts";
import { nextOf, startOf } from "../paging.ts";
import type { EventsHandlers, Target } from "../sdk.ts";
import { eventsPrincipal, ruleId, scopeOf, types, type KeptTarget, type Place, type Rule } from "../state.ts";
import { checkTarget } from "../targetKinds.ts";
import { deadLetterQueue } from "./buses.ts";
import { checkManaged } from "./rules.ts";

const mostTargets = 5;

/** Parameters of targets that are not there. */
const foreign = [
  "KinesisParameters",
  "RunCommandParameters",
  "EcsParameters",
  "BatchParameters",
  "RedshiftDataParameters",
  "SageMakerPipelineParameters",
  "AppSyncParameters",
] as const;

export const targetHandlers: EventsHandlers = {
  async PutTargets(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    const rule = await requireRule(ctx, address, input.Rule ?? "");
    checkManaged(ctx, rule, false);
    const failed: { TargetId: string; ErrorCode: string; ErrorMessage: string }[] = [];
    const targets = new Map(rule.targets.map((target) => [target.Id!, target]));
    const ids = (input.Targets ?? []).map(({ Id }) => Id);
    if (new Set(ids).size < ids.length) throw invalid("Target ids must be unique within a request.");
    for (const given of input.Targets ?? []) {
      const kept = keptTarget(given);
      const { unserved } = check(ctx, kept, given, address);
      if (unserved !== undefined) {
        failed.push({ TargetId: given.Id!, ErrorCode: "NotImplemented", ErrorMessage: unserved });
        continue;
      }
      await pass(ctx, kept.RoleArn);
      targets.set(given.Id!, kept);
    }
    if (targets.size > mostTargets) throw tooMany();
    if (failed.length < ids.length) put(ctx, address, { ...rule, targets: [...targets.values()] });
    return { FailedEntryCount: failed.length, FailedEntries: failed };
  },

  async RemoveTargets(input, ctx) {
    const address = busAddress(ctx, input.EventBusName);
    const rule = await requireRule(ctx, address, input.Rule ?? "");
    checkManaged(ctx, rule, input.Force);
    const removed = new Set(input.Ids ?? []);
    const known = new Set(rule.targets.map(({ Id }) => Id));
    const missing = [...removed].filter((id) => !known.has(id));
    put(ctx, address, { ...rule, targets: rule.targets.filter(({ Id }) => !removed.has(Id!)) });
    return {
      FailedEntryCount: missing.length,
      FailedEntries: missing.map((TargetId) => ({
        TargetId,
        ErrorCode: "ResourceNotFoundException",
        ErrorMessage: `Rule ${rule.name} does not have a target with the Id ${TargetId}.`,
      })),
    };
  },

  async ListTargetsByRule(input, ctx) {
    const rule = await requireRule(ctx, busAddress(ctx, input.EventBusName), input.Rule ?? "");
    const { limit, after } = startOf(input.NextToken, input.Limit);
    const start = after === undefined ? 0 : Number(after);
    const page = rule.targets.slice(start, start + limit);
    const end = start + page.length;
    return { Targets: page as Target[], ...nextOf(end < rule.targets.length ? String(end) : undefined) };
  },
};

function keptTarget(given: Target): KeptTarget {
  const { Id, Arn, RoleArn, Input, InputPath, InputTransformer, SqsParameters, HttpParameters } = given;
  const { DeadLetterConfig, RetryPolicy } = given;
  const optional = {
    RoleArn,
    Input,
    InputPath,
    InputTransformer,
    SqsParameters,
    HttpParameters,
    DeadLetterConfig,
    RetryPolicy,
  };
  const set = Object.entries(optional).filter(([, value]) => value !== undefined && value !== "");
  return { Id, Arn, ...(Object.fromEntries(set) as Partial<KeptTarget>) };
}

function check(ctx: CallContext, kept: KeptTarget, given: Target, rule: Place): { unserved?: string } {
  const result = checkTarget(kept, rule);
  if (result.unserved !== undefined) return result;
  const parameters = foreign.find((name) => given[name] !== undefined);
  if (parameters !== undefined) throw notServed(parameters, "Targets of that kind");
  checkInput(kept);
  deadLetterQueue(ctx, kept.DeadLetterConfig?.Arn);
  return result;
}

/** Whoever names a role for EventBridge to take must be allowed to. */
async function pass(ctx: CallContext, roleArn: string | undefined): Promise<void> {
  if (roleArn === undefined) return;
  const arn = parseArn(roleArn);
  if (arn?.service !== "iam" || !arn.resource.startsWith("role/"))
    throw invalid(`RoleArn ${roleArn} is not the ARN of a role.`);
  await ctx.authorize({
    action: "iam:PassRole",
    resource: roleArn,
    resourceAccount: arn.account,
    context: { "iam:PassedToService": eventsPrincipal },
  });
}

function put(ctx: CallContext, address: Place & { name: string }, rule: Rule): void {
  ctx.state.put<Rule>(types.rule, ruleId(address.name, rule.name), rule, { at: scopeOf(address) });
}
