/**
 * Message move tasks: what set messages aside brings them back. The moving is a job's.
 * Source: SQS API Reference, StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask.
 */
import { timeText } from "#kernel/clock.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { invalidValue, noResource, unsupported } from "../errors.ts";
import { putTask, taskPrefix, type MoveTask } from "../moveTask.ts";
import { addressOfArn, findQueue } from "../queue.ts";
import type { SqsHandlers } from "../sdk.ts";
import { scopeOf, types, type Queue } from "../state.ts";

export const moveTaskHandlers: SqsHandlers = {
  async StartMessageMoveTask(input, ctx) {
    const source = await requireByArn(ctx, input.SourceArn, "SourceArn");
    const { DestinationArn: destinationArn, MaxNumberOfMessagesPerSecond: rate } = input;
    if (rate !== undefined && (!Number.isInteger(rate) || rate < 1 || rate > 500)) {
      throw invalidValue(rate, "MaxNumberOfMessagesPerSecond", "The value must be between 1 and 500.");
    }
    const sources = await ctx.state.find(types.queue, "deadLetter", { value: source.arn, limit: 1 }, scopeOf(source));
    if (sources.items.length === 0) {
      throw invalidValue(source.arn, "SourceArn", "Source queue must be configured as a Dead Letter Queue.");
    }
    if (destinationArn !== undefined) {
      const destination = await requireByArn(ctx, destinationArn, "DestinationArn");
      if (destination.arn === source.arn) {
        throw invalidValue(
          destinationArn,
          "DestinationArn",
          "Source queue arn and destination queue arn cannot be the same.",
        );
      }
      if (destination.fifo !== source.fifo) {
        throw invalidValue(
          destinationArn,
          "DestinationArn",
          "Source queue type and destination queue type must be the same.",
        );
      }
    }
    const newest = await newestTask(ctx, source);
    if (newest && (newest.value.status === "RUNNING" || newest.value.status === "CANCELLING")) {
      throw unsupported(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
      );
    }
    const task: MoveTask = {
      taskId: ctx.random.uuid(),
      queue: source.name,
      sourceArn: source.arn,
      ...(destinationArn === undefined ? {} : { destinationArn }),
      ...(rate === undefined ? {} : { rate }),
      status: "RUNNING",
      moved: 0,
      toMove: await ctx.state.countIndex(
        types.message,
        "due",
        { from: `${source.epoch}/`, to: `${source.epoch}/${timeText(ctx.now + 1)}` },
        scopeOf(source),
      ),
      startedAt: ctx.now,
    };
    // Two that start at once: the queue's document decides, by its version.
    ctx.state.put(types.moveTask, `${source.name}/current`, { taskId: task.taskId }, { at: scopeOf(source) });
    putTask(ctx.state, source, task);
    return { TaskHandle: writeHandle(task) };
  },

  async ListMessageMoveTasks(input, ctx) {
    const source = await requireByArn(ctx, input.SourceArn, "SourceArn");
    const most = input.MaxResults ?? 1;
    if (!Number.isInteger(most) || most < 1 || most > 10)
      throw invalidValue(
        most,
        "MaxResults",
        "Value for parameter MaxResults is invalid. Reason: MaxResults must be between 1 and 10.",
      );
    const query = { prefix: taskPrefix(source.name), limit: most, reverse: true };
    const { items } = await ctx.state.list<MoveTask>(types.moveTask, query, scopeOf(source));
    return {
      Results: items.map(({ value }) => ({
        ...(value.status === "RUNNING" ? { TaskHandle: writeHandle(value) } : {}),
        Status: value.status,
        SourceArn: value.sourceArn,
        ...(value.destinationArn === undefined ? {} : { DestinationArn: value.destinationArn }),
        ...(value.rate === undefined ? {} : { MaxNumberOfMessagesPerSecond: value.rate }),
        ApproximateNumberOfMessagesMoved: value.moved,
        ApproximateNumberOfMessagesToMove: value.toMove,
        ...(value.failure === undefined ? {} : { FailureReason: value.failure }),
        StartedTimestamp: value.startedAt,
      })),
    };
  },

  async CancelMessageMoveTask(input, ctx) {
    const { taskId, sourceArn } = readHandle(input.TaskHandle);
    const address = addressOfArn(sourceArn);
    const source = address && (await findQueue(ctx, address));
    if (!source || source.account !== ctx.account) throw noResource("SourceArn");
    const task = await newestTask(ctx, source);
    if (!task || task.value.taskId !== taskId) throw noResource("TaskHandle");
    if (task.value.status !== "RUNNING") {
      throw unsupported(`The specified message movement task is not running: ${task.value.status}.`);
    }
    putTask(ctx.state, source, { ...task.value, status: "CANCELLING" }, task.version);
    return { ApproximateNumberOfMessagesMoved: task.value.moved };
  },
};

/** ARN of the queue that a task handle speaks of, for the authorization; empty for what is none. */
export function sourceOfHandle(handle: string | undefined): string {
  try {
    return readHandle(handle).sourceArn;
  } catch {
    return "";
  }
}

async function requireByArn(ctx: CallContext, arn: string | undefined, parameter: string): Promise<Queue> {
  const address = addressOfArn(arn ?? "");
  if (!address) throw invalidValue(arn, parameter, "The ARN is not of an Amazon SQS queue.");
  const queue = address.region === ctx.region ? await findQueue(ctx, address) : undefined;
  if (!queue || queue.account !== ctx.account) throw noResource(parameter);
  return queue;
}

async function newestTask(ctx: CallContext, source: Queue): Promise<Document<MoveTask> | undefined> {
  await ctx.state.get(types.moveTask, `${source.name}/current`, scopeOf(source));
  const query = { prefix: taskPrefix(source.name), limit: 1, reverse: true };
  const { items } = await ctx.state.list<MoveTask>(types.moveTask, query, scopeOf(source));
  return items[0];
}

function writeHandle({ taskId, sourceArn }: MoveTask): string {
  return Buffer.from(JSON.stringify({ taskId, sourceArn })).toString("base64");
}

function readHandle(handle: string | undefined): { taskId: string; sourceArn: string } {
  try {
    const parsed = JSON.parse(Buffer.from(handle ?? "", "base64").toString("utf8")) as Record<string, unknown>;
    if (typeof parsed["taskId"] === "string" && typeof parsed["sourceArn"] === "string") {
      return { taskId: parsed["taskId"], sourceArn: parsed["sourceArn"] };
    }
  } catch {
    // Falls through to the refusal.
  }
  throw invalidValue((handle ?? "").slice(0, 256), "TaskHandle", "The handle is not of a message move task.");
}
