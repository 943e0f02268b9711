/**
 * Carries out the queries that have been started, a few at a time. A query that a crash cut off is run again: its
 * rows are written before it is called finished, so it is finished once.
 */
import { pause } from "#kernel/pause.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { parse } from "#engines/eventSql/parse.ts";
import { QueryError } from "#engines/eventSql/queryError.ts";
import { rendered } from "#engines/eventSql/render.ts";
import { columnsOf, rowOf } from "#engines/eventSql/schema.ts";
import { formatTime } from "#engines/eventSql/time.ts";
import { tableOf, translate, type OutputColumn } from "#engines/eventSql/translate.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { trailPrincipal } from "../delivery.ts";
import { serviceId } from "../state.ts";
import { deliverResults } from "./deliverResults.ts";
import type { Feed } from "./queryProtocol.ts";
import { QueryFailed, runInProcess } from "./queryProcess.ts";
import { openSealer, Unsealer } from "./sealing.ts";
import {
  keptSince,
  lakeScope,
  queryLifeMs,
  type EventDataStore,
  type LakeEvent,
  type LakeQuery,
  type QueryRows,
  type QueryStatus,
  type Row,
} from "./state.ts";

const mostAtOnce = 2;
const longestMs = 120_000;
const pollMs = 100;
const mostScanned = 256 * 1024 * 1024;
const mostRows = 100_000;
const mostResult = 32 * 1024 * 1024;
const chunkBytes = 128 * 1024;
const pageSize = 500;
/** Index of the queries that are not over. */
export const activeIndex = "active";

export async function runQueries(ctx: JobContext): Promise<void> {
  const running = new Map<string, Promise<void>>();
  for (;;) {
    if (!ctx.signal.aborted) {
      const { items } = await ctx.store.find<LakeQuery>({
        service: serviceId,
        type: "query",
        index: activeIndex,
        value: "1",
        limit: 100,
      });
      for (const query of items) {
        const id = query.value.id;
        if (running.size >= mostAtOnce || running.has(id)) continue;
        running.set(
          id,
          runQuery(ctx, query).finally(() => running.delete(id)),
        );
      }
    }
    if (running.size === 0) return;
    await Promise.race([...running.values(), pause(pollMs, ctx.signal)]);
    if (ctx.signal.aborted) await Promise.allSettled(running.values());
  }
}

/** What a query leaves: staged in its document by compare-and-set, so that a cancelled one stays cancelled. */
async function change(ctx: JobContext, query: Document<LakeQuery>, value: LakeQuery): Promise<boolean> {
  const active = value.status === "QUEUED" || value.status === "RUNNING";
  try {
    await ctx.store.commit([
      {
        op: "put",
        key: query.key,
        value,
        ifVersion: query.version,
        indexes: queryIndexes(value, active),
        expiresAt: value.createdAt + queryLifeMs,
      },
    ]);
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

export function queryIndexes(query: LakeQuery, active: boolean): Record<string, string[]> {
  const time = new Date(query.createdAt).toISOString();
  return {
    store: query.stores.map(({ id }) => `${id}\u0001${time}`),
    ...(active ? { [activeIndex]: ["1"] } : {}),
  };
}

async function runQuery(ctx: JobContext, queued: Document<LakeQuery>): Promise<void> {
  if (!(await change(ctx, queued, { ...queued.value, status: "RUNNING" }))) return;
  const query = { ...queued, version: queued.version + 1 };
  const stop = new AbortController();
  const started = performance.now();
  const onEnd = () => stop.abort();
  ctx.signal.addEventListener("abort", onEnd, { once: true });
  let ended: "cancelled" | "too long" | undefined;
  const watch = (async () => {
    while (!stop.signal.aborted) {
      await pause(pollMs, stop.signal);
      if (stop.signal.aborted) return;
      const now = await ctx.store.get<LakeQuery>(query.key);
      if (now?.value.status !== "RUNNING") ended = "cancelled";
      else if (performance.now() - started > longestMs) ended = "too long";
      if (ended) stop.abort();
    }
  })();
  const scan = { scanned: 0, bytes: 0 };
  let outcome: Partial<LakeQuery> & { status: QueryStatus };
  try {
    const result = await execute(ctx, query.value, scan, stop.signal);
    outcome = ended === "too long" ? timedOut : { status: "FINISHED", ...result };
  } catch (error) {
    outcome = ended === "too long" ? timedOut : failed(ctx, query.value, error);
  }
  const cut = ctx.signal.aborted;
  stop.abort();
  ctx.signal.removeEventListener("abort", onEnd);
  await watch.catch(() => {});
  // Stopped with the installation: it is run again at the next start.
  if (cut || ended === "cancelled") return;
  const took = Math.round(performance.now() - started);
  await change(ctx, query, { ...query.value, ...scan, ...outcome, took });
}

const timedOut = { status: "TIMED_OUT" as const, error: `The query ran for more than ${longestMs / 1000} seconds.` };

function failed(ctx: JobContext, query: LakeQuery, error: unknown): { status: "FAILED"; error: string } {
  if (error instanceof QueryFailed || error instanceof QueryError)
    return { status: "FAILED", error: error.message.slice(0, 1000) };
  if (error instanceof AwsError && error.status < 500) {
    return {
      status: "FAILED",
      error: `The KMS key of the event data store cannot be used: ${error.message}`.slice(0, 1000),
    };
  }
  ctx.log.error({ err: error, query: query.id }, "query failed");
  return { status: "FAILED", error: "The query failed because of an internal error." };
}

interface Scan {
  scanned: number;
  bytes: number;
}

async function execute(
  ctx: JobContext,
  query: LakeQuery,
  scan: Scan,
  signal: AbortSignal,
): Promise<Partial<LakeQuery>> {
  const stores: EventDataStore[] = [];
  for (const at of query.stores) {
    const found = await ctx.store.get<EventDataStore>({ ...lakeScope(at), type: "eventDataStore", id: at.id });
    if (!found || found.value.status === "PENDING_DELETION") {
      throw new QueryFailed(`The event data store ${at.id} is inactive.`);
    }
    stores.push(found.value);
  }
  const { sql, columns, matched } = translate(
    parse(query.statement),
    new Map(stores.map(({ id, kind }) => [id, kind])),
  );
  const job = {
    sql,
    ...(matched === undefined ? {} : { matched }),
    tables: stores.map(({ id, kind }) => ({ name: tableOf(id), columns: columnsOf[kind].length })),
    now: formatTime(query.createdAt),
    mostRows,
    mostBytes: mostResult,
  };
  const writer = await RowWriter.open(ctx, query, stores);
  const results = runInProcess(job, eventsOf(ctx, stores, scan), signal);
  let next: IteratorResult<unknown[], number | undefined>;
  try {
    while (!(next = await results.next()).done) await writer.add(shown(columns, next.value));
  } finally {
    // Ends the process when a row could not be kept.
    await results.return(undefined);
  }
  const { chunks, total } = await writer.finish();
  const delivery = query.deliveryUri === undefined ? {} : await deliverResults(ctx, query, stores[0]!, writer.csv());
  return { chunks, total, matched: next.value ?? total, ...delivery };
}

function shown(columns: readonly OutputColumn[], row: readonly unknown[]): Row {
  return columns.map((column, i) => [column.name, rendered(column, row[i])]);
}

/** Everything that the stores keep, as rows of their tables. */
async function* eventsOf(ctx: JobContext, stores: readonly EventDataStore[], scan: Scan): AsyncGenerator<Feed> {
  for (const store of stores) {
    const table = tableOf(store.id);
    const columns = columnsOf[store.kind];
    const unsealer = new Unsealer(kmsFor(ctx, store), store);
    let after: string | undefined = `${store.id}/${isoSeconds(keptSince(store, ctx.clock.now()))}`;
    do {
      const page: { items: Document<LakeEvent>[]; next?: string } = await ctx.store.list<LakeEvent>({
        ...lakeScope(store),
        type: "lakeEvent",
        prefix: `${store.id}/`,
        after,
        limit: pageSize,
      });
      for (const { key, value } of page.items) {
        const record = value.sealed
          ? await unsealer.open<Record<string, unknown>>(value.sealed, key.id)
          : value.record!;
        const row = rowOf(columns, record);
        scan.scanned++;
        scan.bytes += row.reduce<number>((sum, cell) => sum + (typeof cell === "string" ? cell.length : 8), 0);
        if (scan.bytes > mostScanned) {
          throw new QueryFailed(`The event data stores hold more than a query can scan here: ${mostScanned} bytes.`);
        }
        yield [table, row];
      }
      after = page.next;
    } while (after !== undefined);
  }
}

function kmsFor(ctx: JobContext, { account, region, arn }: EventDataStore) {
  return ctx.asService(trailPrincipal, { account, region, sourceArn: arn }).kms;
}

/** Results are kept as the events are: under the key of the first store that has one. */
class RowWriter {
  readonly #ctx: JobContext;
  readonly #query: LakeQuery;
  readonly #seal: Awaited<ReturnType<typeof openSealer>> | undefined;
  readonly #chunks: number[] = [];
  readonly #lines: string[] = [];
  #rows: Row[] = [];
  #bytes = 0;
  #total = 0;

  constructor(ctx: JobContext, query: LakeQuery, seal: Awaited<ReturnType<typeof openSealer>> | undefined) {
    this.#ctx = ctx;
    this.#query = query;
    this.#seal = seal;
  }

  static async open(ctx: JobContext, query: LakeQuery, stores: readonly EventDataStore[]): Promise<RowWriter> {
    const sealing = stores.find(({ kmsKeyId }) => kmsKeyId !== undefined);
    return new RowWriter(ctx, query, sealing && (await openSealer(kmsFor(ctx, sealing), sealing, ctx.random)));
  }

  async add(row: Row): Promise<void> {
    if (this.#query.deliveryUri !== undefined) {
      if (this.#lines.length === 0) this.#lines.push(csvLine(row.map(([name]) => name)));
      this.#lines.push(csvLine(row.map(([, value]) => value)));
    }
    this.#rows.push(row);
    this.#bytes += row.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    if (this.#bytes >= chunkBytes) await this.#flush();
  }

  async finish(): Promise<{ chunks: number[]; total: number }> {
    await this.#flush();
    return { chunks: this.#chunks, total: this.#total };
  }

  csv(): string {
    return this.#lines.join("");
  }

  async #flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const id = `${this.#query.id}/${this.#total}`;
    const value: QueryRows = this.#seal ? { sealed: this.#seal(this.#rows, id) } : { rows: this.#rows };
    const put: Operation = {
      op: "put",
      key: { ...lakeScope(this.#query), type: "queryRows", id },
      value,
      expiresAt: this.#query.createdAt + queryLifeMs,
    };
    await this.#ctx.store.commit([put]);
    this.#chunks.push(this.#total);
    this.#total += this.#rows.length;
    this.#rows = [];
    this.#bytes = 0;
  }
}

function csvLine(values: readonly string[]): string {
  return `${values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",")}\n`;
}
