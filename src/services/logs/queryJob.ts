/**
 * Runs the open Insights queries, a few at a time, each bounded in time and memory. A query that was being run when
 * the process died is still open and is run again from the start.
 */
import { Worker } from "node:worker_threads";
import type { JobContext } from "#gateway/context.ts";
import type { QueryEvent, QueryResult } from "#engines/logQuery/run.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { recordPointer } from "./operations/readEvents.ts";
import { type QueryDocument, queryIndexes, type QueryStatus, resultsKeptMs, sealRows } from "./queries.ts";
import { forward, storeBatches, storeDeleted, storeMerges } from "./reading.ts";
import { GroupKeys, jobKeys } from "./sealing.ts";
import { type Group, serviceId, types } from "./state.ts";

const atOnce = 4;
const chunkSize = 500;
const memoryMb = 256;
/** AWS lets a query run for an hour; on one machine it gives way sooner. Wall time, because work is bounded by it. */
export const longestRunMs = 60_000;

export async function runQueries(ctx: JobContext): Promise<void> {
  const { items } = await ctx.store.find<QueryDocument>({
    service: serviceId,
    type: types.query,
    index: "open",
    from: "",
    to: "~",
    limit: atOnce,
  });
  await Promise.all(items.map((document) => runQuery(ctx, document)));
}

async function runQuery(ctx: JobContext, document: Document<QueryDocument>): Promise<void> {
  let version = document.version;
  const write = async (query: QueryDocument, more: Operation[] = []): Promise<void> => {
    const expiresAt = query.createdAt + resultsKeptMs;
    const put: Operation = {
      op: "put",
      key: document.key,
      value: query,
      indexes: queryIndexes(query),
      expiresAt,
      ifVersion: version,
    };
    await ctx.store.commit([put, ...more]);
    version++;
  };
  const query = document.value;
  try {
    await write({ ...query, status: "Running" });
    const outcome = await evaluate(ctx, document, version);
    if (outcome === "gone") return;
    const { status, result } = outcome;
    const { recordsMatched, recordsScanned, bytesScanned } = result;
    const key = { ...document.key, type: types.queryResult };
    const value = await sealRows(ctx.keys, ctx.random, query.id, result.rows);
    const ended: QueryDocument = {
      ...query,
      status,
      duration: ctx.clock.now() - query.createdAt,
      statistics: { recordsMatched, recordsScanned, bytesScanned },
    };
    await write(ended, [{ op: "put", key, value, expiresAt: query.createdAt + resultsKeptMs }]);
  } catch (error) {
    // StopQuery came first: the query is no longer ours to end.
    if (error instanceof Conflict) return;
    ctx.log.error({ err: error, query: query.id }, "query failed");
    await write({ ...query, status: "Failed" }).catch((failure: unknown) => {
      if (!(failure instanceof Conflict)) throw failure;
    });
  }
}

type Outcome = "gone" | { status: QueryStatus; result: QueryResult };
const nothing: QueryResult = { rows: [], recordsMatched: 0, recordsScanned: 0, bytesScanned: 0 };

async function evaluate(ctx: JobContext, document: Document<QueryDocument>, version: number): Promise<Outcome> {
  const query = document.value;
  const worker = new QueryThread(query);
  const deadline = performance.now() + longestRunMs;
  try {
    let chunk: QueryEvent[] = [];
    for await (const event of eventsOf(ctx, document)) {
      chunk.push(event);
      if (chunk.length < chunkSize) continue;
      if (!(await worker.take(chunk, deadline))) return { status: "Timeout", result: nothing };
      chunk = [];
      if (ctx.signal.aborted || (await ctx.store.get(document.key))?.version !== version) return "gone";
    }
    if (!(await worker.take(chunk, deadline))) return { status: "Timeout", result: nothing };
    const result = await worker.end(deadline);
    return result ? { status: "Complete", result } : { status: "Timeout", result: nothing };
  } finally {
    await worker.close();
  }
}

async function* eventsOf(ctx: JobContext, { key, value: query }: Document<QueryDocument>): AsyncGenerator<QueryEvent> {
  for (const name of query.groups) {
    const document = await ctx.store.get<Group>({ ...key, type: types.group, id: name });
    if (!document) continue;
    const group = document.value;
    const keys = new GroupKeys(group, jobKeys(ctx, group));
    const reader = {
      source: storeBatches(ctx.store, group),
      deleted: storeDeleted(ctx.store, group),
      merges: storeMerges(ctx.store, group),
      group,
      keys,
      now: ctx.clock.now(),
    };
    const range = { from: query.startTime * 1000, to: query.endTime * 1000 + 1000 };
    for await (const event of forward(reader, range)) {
      yield {
        timestamp: event.timestamp,
        ingestedAt: event.ingestedAt,
        message: event.message,
        logStream: event.stream,
        log: `${group.account}:${group.name}`,
        pointer: recordPointer(group.name, event.id),
      };
    }
  }
}

class QueryThread {
  readonly #worker: Worker;

  constructor({ text, limit }: QueryDocument) {
    this.#worker = new Worker(new URL("./queryWorker.ts", import.meta.url), {
      workerData: { text, limit },
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // Between two questions nobody listens; the next one sees the failure.
    this.#worker.on("error", () => {});
  }

  /** False when the time is up. */
  async take(events: QueryEvent[], deadline: number): Promise<boolean> {
    return (await this.#ask(events, deadline)) !== undefined;
  }

  /** Undefined when the time is up. */
  async end(deadline: number): Promise<QueryResult | undefined> {
    return (await this.#ask("end", deadline)) as QueryResult | undefined;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(message: QueryEvent[] | "end", deadline: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => resolve(undefined)), Math.max(0, deadline - performance.now()));
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.#worker.off("message", onMessage).off("error", onError).off("exit", onExit);
        how();
      };
      const onMessage = (answer: unknown) => settle(() => resolve(answer));
      const onError = (error: Error) => settle(() => reject(error));
      const onExit = () => settle(() => reject(new Error("the query's thread ended")));
      this.#worker.on("message", onMessage).on("error", onError).on("exit", onExit);
      this.#worker.postMessage(message);
    });
  }
}
