/** Tries executions until their target has them, or their policy is exhausted and the dead-letter queue has them. */
import { timeText } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { outcomeOf } from "#engines/delivery/outcome.ts";
import { afterFailure, dueAfterRefusedBurial } from "#engines/delivery/retries.ts";
import type { JobContext } from "#gateway/context.ts";
import { runDeliveries } from "#gateway/deliveries.ts";
import type { Document, Operation } from "#store/contract.ts";
import { scheduleId, serviceId, types, type Execution, type Schedule } from "./state.ts";
import { invoke, setAside } from "./targets.ts";

/** Invocations of one target at the same time. */
const perTarget = 16;

export async function execute(ctx: JobContext): Promise<void> {
  await runDeliveries<Execution>(ctx, {
    service: serviceId,
    type: types.execution,
    plan: (document) => ({
      lane: document.value.target.Arn!,
      most: perTarget,
      run: () => (document.value.dead ? bury(ctx, document) : attempt(ctx, document)),
    }),
  });
}

async function attempt(ctx: JobContext, document: Document<Execution>): Promise<void> {
  const { key, value } = document;
  const outcome = await invoke(ctx, key, key.id, value);
  if (outcome.ok) return await finish(ctx, document);
  // The role is being stopped: that is no attempt of the target's.
  if (ctx.signal.aborted) return;
  const { target, startedAt } = value;
  const attempts = value.attempts + 1;
  const now = ctx.clock.now();
  const next = afterFailure(outcome, target.RetryPolicy, { attempts, startedAt }, now, ctx.random);
  if ("dueAt" in next) return await again(ctx, document, { ...value, attempts, dueAt: next.dueAt });
  if (target.DeadLetterConfig?.Arn === undefined) {
    ctx.log.warn({ schedule: value.schedule.arn, code: outcome.code }, "a schedule's target could not be invoked");
    return await finish(ctx, document);
  }
  await again(ctx, document, { ...value, attempts: 0, dueAt: now, dead: next.dead });
}

async function bury(ctx: JobContext, document: Document<Execution>): Promise<void> {
  const { key, value } = document;
  try {
    await setAside(ctx, key, key.id, value);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const attempts = value.attempts + 1;
    const dueAt = dueAfterRefusedBurial(outcomeOf(error), attempts, ctx.clock.now(), ctx.random);
    if (dueAt !== undefined) return await again(ctx, document, { ...value, attempts, dueAt });
    ctx.log.warn(
      { schedule: value.schedule.arn, code: error.code },
      "a dead-letter queue does not take it; it is lost",
    );
  }
  await finish(ctx, document);
}

async function again(ctx: JobContext, { key, version }: Document<Execution>, value: Execution): Promise<void> {
  await ctx.store.commit([{ op: "put", key, value, ifVersion: version, indexes: { due: timeText(value.dueAt) } }]);
}

/** With the last execution of a schedule that is to be deleted after its completion goes the schedule. */
async function finish(ctx: JobContext, { key, value, version }: Document<Execution>): Promise<void> {
  const operations: Operation[] = [{ op: "delete", key, ifVersion: version }];
  const { schedule } = value;
  if (value.last && schedule.afterCompletion === "DELETE") {
    const id = scheduleId(schedule.group, schedule.name);
    const found = await ctx.store.get<Schedule>({ ...key, type: types.schedule, id });
    const due = await ctx.store.get({ ...key, type: types.due, id });
    if (found?.value.uid === schedule.uid && !due && found.value.afterCompletion === "DELETE") {
      operations.push({ op: "delete", key: found.key, ifVersion: found.version });
    }
  }
  await ctx.store.commit(operations);
}
