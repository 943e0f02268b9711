/** What happens to queues by the clock: messages of purged and deleted queues are removed, tasks go on. */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { moveMessages } from "./moveTask.ts";
import { contentOf, putBody, putMessage, serviceId, types, type Message, type Queue, type Work } from "./state.ts";

const pageSize = 200;

interface Discarded {
  /** With it, messages stay and get this retention, in seconds; the queue's name beside it. */
  retention?: number;
  queue?: string;
}

async function removeDiscarded(ctx: JobContext): Promise<void> {
  // Across accounts by design: the job serves all of them.
  const { items } = await ctx.store.list<Discarded>({ service: serviceId, type: types.discarded, limit: 100 });
  for (const document of items) {
    if (ctx.signal.aborted) return;
    if (document.value.retention === undefined) await removeEpoch(ctx, document);
    else await changeRetention(ctx, document, document.value.retention);
  }
}

/** Everything of an epoch that no queue has any more. */
async function removeEpoch(ctx: JobContext, { key, version }: Document<Discarded>): Promise<void> {
  const scope = { account: key.account, region: key.region, service: serviceId };
  const prefix = `${key.id}/`;
  for (const type of [types.message, types.group, types.attempt]) {
    while (!ctx.signal.aborted) {
      const { items } = await ctx.store.list<Message>({ ...scope, type, prefix, limit: pageSize });
      if (items.length === 0) break;
      const operations = items.flatMap(({ key: found, value }): Operation[] => {
        const remove: Operation = { op: "delete", key: found };
        const hasBody = type === types.message && value.content === undefined;
        return hasBody
          ? [remove, { op: "delete", key: { ...scope, type: types.body, id: value.messageId } }]
          : [remove];
      });
      await ctx.store.commit(operations);
    }
  }
  if (!ctx.signal.aborted) await ctx.store.commit([{ op: "delete", key, ifVersion: version }]);
}

/** Messages keep the moment they were sent, so they live longer or shorter by the difference. */
async function changeRetention(
  ctx: JobContext,
  { key, version, value }: Document<Discarded>,
  seconds: number,
): Promise<void> {
  const scope = { account: key.account, region: key.region, service: serviceId };
  const queue = await ctx.store.get<Queue>({ ...scope, type: types.queue, id: value.queue ?? "" });
  const prefix = `${key.id.slice(0, key.id.indexOf("/"))}/`;
  let after: string | undefined;
  do {
    if (ctx.signal.aborted || !queue) break;
    const page = await ctx.store.list<Message>({
      ...scope,
      type: types.message,
      prefix,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) await retain(ctx, queue.value, document, seconds);
    after = page.next;
  } while (after !== undefined);
  if (ctx.signal.aborted) return;
  // A further change meanwhile has its own turn.
  await ctx.store.commit([{ op: "delete", key, ifVersion: version }]).catch(ignoreConflict);
}

async function retain(ctx: JobContext, queue: Queue, document: Document<Message>, seconds: number): Promise<void> {
  const expiresAt = document.value.sentAt + seconds * 1000;
  if (document.value.expiresAt === expiresAt) return;
  const scope = { account: queue.account, region: queue.region, service: serviceId };
  for (let found: Document<Message> | undefined = document; found;) {
    const state = new UnitOfWork(ctx.store, scope, () => ctx.random.uuid());
    const work: Work = { state, now: ctx.clock.now() };
    const content = found.value.content === undefined ? await contentOf(work, queue, found.value) : undefined;
    putMessage(work, queue, { ...found.value, expiresAt }, found.key.id, found.version);
    if (content !== undefined) putBody(work, queue, found.value.messageId, content, expiresAt);
    try {
      await ctx.store.commit(state.operations);
      return;
    } catch (error) {
      ignoreConflict(error);
      found = await ctx.store.get<Message>(document.key);
    }
  }
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof Conflict)) throw error;
}

export const jobs: readonly Job[] = [
  { name: "sqs-discarded", everyMs: 5_000, run: removeDiscarded },
  { name: "sqs-move-tasks", everyMs: 1_000, run: moveMessages },
];
