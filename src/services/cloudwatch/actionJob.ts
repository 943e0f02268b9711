/**
 * Takes the actions that state changes have left, each at least once, and writes into the alarm's history how it went.
 * A target that refuses is not asked again; one that cannot be reached is, a few times.
 */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { stamp } from "./notifications.ts";
import { type PendingAction, serviceId, types } from "./state.ts";
import { historyWrite } from "./transition.ts";

const principal = "cloudwatch.amazonaws.com";
const alarmsPrincipal = "lambda.alarms.cloudwatch.amazonaws.com";
const mostAttempts = 5;
const pageSize = 100;

export async function takeActions(ctx: JobContext): Promise<void> {
  let after: string | undefined;
  do {
    const page = await ctx.store.list<PendingAction>({
      service: serviceId,
      type: types.action,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      if (ctx.signal.aborted) return;
      if (document.value.dueAt <= ctx.clock.now()) await take(ctx, document);
    }
    after = page.next;
  } while (after !== undefined);
}

async function take(ctx: JobContext, document: Document<PendingAction>): Promise<void> {
  const action = document.value;
  let failure: AwsError | undefined;
  try {
    await deliver(ctx, action);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    failure = error;
  }
  const attempts = action.attempts + 1;
  if (failure && failure.status >= 500 && attempts < mostAttempts) {
    const value: PendingAction = { ...action, attempts, dueAt: ctx.clock.now() + 1000 * 2 ** attempts };
    await ctx.store.commit([{ op: "put", key: document.key, value, ifVersion: document.version }]);
    return;
  }
  const { type, id, ...rest } = historyWrite(
    {
      alarm: action.alarm,
      kind: action.kind,
      at: ctx.clock.now(),
      type: "Action",
      summary: failure
        ? `Failed to execute action ${action.target}. Received error: "${failure.message}"`
        : `Successfully executed action ${action.target}`,
      data: JSON.stringify({
        actionState: failure ? "Failed" : "Succeeded",
        notificationResource: action.target,
        stateUpdateTimestamp: stamp(ctx.clock.now()),
        publishedMessage: action.message,
        ...(failure ? { error: `${failure.code}: ${failure.message}` } : {}),
      }),
    },
    ctx.random,
  );
  const key = { ...document.key, type, id };
  await ctx.store.commit([
    { op: "delete", key: document.key, ifVersion: document.version },
    { op: "put", key, ...rest },
  ]);
}

async function deliver(
  ctx: JobContext,
  { target, account, region, alarmArn, subject, message }: PendingAction,
): Promise<void> {
  const where = { account, region: parseArn(target)?.region || region, sourceArn: alarmArn };
  if (parseArn(target)?.service === "lambda") {
    await ctx.asService(alarmsPrincipal, where).lambda.Invoke({
      FunctionName: target,
      InvocationType: "Event",
      Payload: Buffer.from(message),
    });
    return;
  }
  await ctx.asService(principal, where).sns.Publish({ TopicArn: target, Subject: subject, Message: message });
}
