/** The moving itself: batches of messages from a dead-letter queue, each in one commit with the task's count. */
import { timeText } from "#kernel/clock.ts";
import type { JobContext, State } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict, type Document } from "#store/contract.ts";
import { Sequences } from "#kernel/sequences.ts";
import { groupWith, headOf, putGroup, readGroup } from "./groups.ts";
import { addressOfArn, findQueue } from "./queue.ts";
import { relocate } from "./relocation.ts";
import { scopeOf, serviceId, types, type Group, type Message, type Queue, type Work } from "./state.ts";

export interface MoveTask {
  taskId: string;
  /** Name of the source queue. */
  queue: string;
  sourceArn: string;
  /** Absent: every message goes back to where it came from. */
  destinationArn?: string;
  /** Messages a second. */
  rate?: number;
  status: "RUNNING" | "CANCELLING" | "CANCELLED" | "COMPLETED" | "FAILED";
  moved: number;
  toMove: number;
  startedAt: number;
  failure?: string;
}

/** Without a rate. AWS says that the system optimises it. */
const defaultRate = 500;
const batchSize = 50;

export function taskPrefix(queue: string): string {
  return `${queue}/0`;
}

export function putTask(state: State, source: Queue, task: MoveTask, version = 0): void {
  const active = task.status === "RUNNING" || task.status === "CANCELLING";
  state.put<MoveTask>(types.moveTask, `${task.queue}/${timeText(task.startedAt)}/${task.taskId}`, task, {
    at: scopeOf(source),
    version,
    indexes: active ? { active: "yes" } : {},
  });
}

/** One turn of the job: a second's worth of every task. */
export async function moveMessages(ctx: JobContext): Promise<void> {
  const sequences = new Sequences();
  // Across accounts by design: tasks of all accounts are one job's.
  const { items } = await ctx.store.find<MoveTask>({
    service: serviceId,
    type: types.moveTask,
    index: "active",
    value: "yes",
    limit: 1000,
  });
  for (const document of items) {
    if (ctx.signal.aborted) return;
    await runTask(ctx, document, sequences);
  }
}

async function runTask(ctx: JobContext, first: Document<MoveTask>, sequences: Sequences): Promise<void> {
  let left = first.value.rate ?? defaultRate;
  let task: Document<MoveTask> | undefined = first;
  while (task && left > 0 && !ctx.signal.aborted) {
    try {
      const moved = await step(ctx, task, Math.min(left, batchSize), sequences);
      if (moved === 0) return;
      left -= moved;
    } catch (error) {
      // A receiver was faster, or the task was cancelled: look again.
      if (!(error instanceof Conflict)) throw error;
    }
    task = await ctx.store.get<MoveTask>(task.key);
    if (task?.value.status !== "RUNNING") return;
  }
}

/** Moves up to `most` messages; 0 when the task has come to its end. */
async function step(
  ctx: JobContext,
  { key, value: task, version }: Document<MoveTask>,
  most: number,
  sequences: Sequences,
): Promise<number> {
  const scope = { account: key.account, region: key.region, service: serviceId };
  const state = new UnitOfWork(ctx.store, scope, () => ctx.random.uuid());
  const work: Work = { state, now: ctx.clock.now() };
  const source = await findQueue(work, { account: key.account, region: key.region, name: task.queue });
  const finish = async (change: Partial<MoveTask>): Promise<number> => {
    const end = new UnitOfWork(ctx.store, scope, () => ctx.random.uuid());
    putTask(end, source ?? ({ account: key.account, region: key.region } as Queue), { ...task, ...change }, version);
    await ctx.store.commit(end.operations);
    return 0;
  };
  if (task.status === "CANCELLING") return await finish({ status: "CANCELLED" });
  if (!source) return await finish({ status: "FAILED", failure: "AWS.SimpleQueueService.NonExistentQueue" });
  const documents = source.fifo ? await fifoHeads(work, source, most) : await visible(work, source, most);
  if (documents.length === 0) return await finish({ status: "COMPLETED" });
  for (const document of documents) {
    const target = task.destinationArn ?? document.value.deadLetterSource;
    if (target === undefined) return await finish({ status: "FAILED", failure: "CouldNotDetermineMessageSource" });
    const address = addressOfArn(target);
    const to = address && (await findQueue(work, address));
    if (!to) return await finish({ status: "FAILED", failure: "AWS.SimpleQueueService.NonExistentQueue" });
    await relocate(work, sequences, { from: source, to, document, reason: "redrive" });
  }
  if (source.fifo) await advanceGroups(work, source, documents);
  putTask(state, source, { ...task, moved: task.moved + documents.length }, version);
  await ctx.store.commit(state.operations);
  return documents.length;
}

async function visible({ state, now }: Work, queue: Queue, limit: number): Promise<Document<Message>[]> {
  const range = { from: `${queue.epoch}/`, to: `${queue.epoch}/${timeText(now + 1)}`, limit };
  return (await state.find<Message>(types.message, "due", range, scopeOf(queue))).items;
}

/** The head of the oldest group that can be received. */
async function fifoHeads(work: Work, queue: Queue, most: number): Promise<Document<Message>[]> {
  const range = { from: `${queue.epoch}/`, to: `${queue.epoch}/${timeText(work.now + 1)}`, limit: 1 };
  const { items } = await work.state.find<Group>(types.group, "ready", range, scopeOf(queue));
  const [group] = items;
  if (!group) return [];
  const head = await headOf(work, queue, group.value.groupId);
  return head.filter(({ value }) => value.visibleAt <= work.now).slice(0, most);
}

async function advanceGroups(work: Work, queue: Queue, gone: readonly Document<Message>[]): Promise<void> {
  const groupId = gone[0]!.value.groupId ?? "";
  const { group, version } = await readGroup(work, queue, groupId);
  if (!group) return;
  const rest = await headOf(work, queue, groupId, gone.at(-1)!.key.id);
  putGroup(
    work,
    queue,
    groupWith(
      group,
      rest.map(({ value }) => value),
      work.now,
    ),
    version,
  );
}
