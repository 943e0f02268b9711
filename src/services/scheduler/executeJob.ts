/** Tries executions until their target has them, or their policy is exhausted and the dead-letter queue has them. */
import { AwsError } from "#kernel/errors.ts";
import { outcomeOf } from "#engines/delivery/outcome.ts";
import { delayAfter, exhausted, type Condition } from "#engines/delivery/retries.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { scheduleId, serviceId, timeText, types, type Execution, type Schedule } from "./state.ts";
import { invoke, setAside } from "./targets.ts";

const atOnce = 32;
const mostDeadAttempts = 5;

export async function execute(ctx: JobContext): Promise<void> {
  let found = atOnce;
  while (found === atOnce && !ctx.signal.aborted) {
    // Across accounts by design: one job works for all of them.
    const { items } = await ctx.store.find<Execution>({
      service: serviceId,
      type: types.execution,
      index: "due",
      from: "",
      to: timeText(ctx.clock.now() + 1),
      limit: atOnce,
    });
    const results = await Promise.allSettled(items.map((document) => attempt(ctx, document)));
    const failures = results.filter((each) => each.status === "rejected" && !(each.reason instanceof Conflict));
    for (const failure of failures) {
      ctx.log.error({ err: (failure as PromiseRejectedResult).reason as unknown }, "an execution is left for later");
    }
    found = failures.length > 0 ? 0 : items.length;
  }
}

async function attempt(ctx: JobContext, document: Document<Execution>): Promise<void> {
  const { key, value } = document;
  if (value.dead) return await bury(ctx, document);
  const failure = await invoke(ctx, key, key.id, value);
  if (!failure) return await finish(ctx, document);
  // The role is being stopped: that is no attempt of the target's.
  if (ctx.signal.aborted) return;
  const attempts = value.attempts + 1;
  const { RetryPolicy } = value.target;
  const condition: Condition | undefined = failure.permanent
    ? undefined
    : exhausted(RetryPolicy, { attempts, startedAt: value.startedAt }, ctx.clock.now());
  if (!failure.permanent && condition === undefined) {
    return await again(ctx, document, {
      ...value,
      attempts,
      dueAt: ctx.clock.now() + delayAfter(attempts, ctx.random),
    });
  }
  if (value.target.DeadLetterConfig?.Arn === undefined) {
    ctx.log.warn({ schedule: value.schedule.arn, code: failure.code }, "a schedule's target could not be invoked");
    return await finish(ctx, document);
  }
  const { code, message } = failure;
  const dead = { code, message, retries: attempts - 1, ...(condition === undefined ? {} : { condition }) };
  await again(ctx, document, { ...value, attempts: 0, dueAt: ctx.clock.now(), dead });
}

async function bury(ctx: JobContext, document: Document<Execution>): Promise<void> {
  const { key, value } = document;
  try {
    await setAside(ctx, key, key.id, value);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const attempts = value.attempts + 1;
    if (!outcomeOf(error).permanent && attempts < mostDeadAttempts) {
      return await again(ctx, document, {
        ...value,
        attempts,
        dueAt: ctx.clock.now() + delayAfter(attempts, ctx.random),
      });
    }
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
