/** Queries: start, describe, results, list, cancel. Source: CloudTrail API Reference. */
import { AwsError } from "#kernel/errors.ts";
import { everyRegion, type CallContext } from "#gateway/context.ts";
import { parse } from "#engines/eventSql/parse.ts";
import { QueryError } from "#engines/eventSql/queryError.ts";
import { translate } from "#engines/eventSql/translate.ts";
import { trailPrincipal } from "../delivery.ts";
import { invalidToken } from "../errors.ts";
import { storesIn } from "../lake/access.ts";
import {
  inactiveQuery,
  inactiveStore,
  invalidDateRange,
  invalidParameter,
  invalidQuery,
  keyUnusable,
  noQuery,
  noStore,
  tooManyQueries,
} from "../lake/errors.ts";
import { open, seal } from "../lake/paging.ts";
import { activeIndex, queryIndexes } from "../lake/runQueries.ts";
import { Unsealer } from "../lake/sealing.ts";
import {
  findStore,
  queryLifeMs,
  requireStore,
  type EventDataStore,
  type LakeQuery,
  type QueryRows,
  type Row,
} from "../lake/state.ts";
import type { Input, Output } from "../sdk.ts";

/** CloudTrail User Guide, "Quotas": concurrent queries. */
const mostConcurrent = 10;
const usualPage = 1000;

export async function startQuery(input: Input<"StartQuery">, ctx: CallContext): Promise<Output<"StartQuery">> {
  if (input.QueryAlias !== undefined || input.QueryParameters !== undefined) {
    throw invalidParameter("Query aliases are those of dashboards, which are not served here. Use QueryStatement.");
  }
  const statement = input.QueryStatement;
  if (statement === undefined) throw invalidParameter("QueryStatement is required.");
  const account = input.EventDataStoreOwnerAccountId ?? ctx.account;
  const stores: EventDataStore[] = [];
  for (const id of storesIn(statement)) {
    const store = await findStore(ctx, { account, region: ctx.region, id });
    if (!store) throw noStore(id);
    if (store.status === "PENDING_DELETION") throw inactiveStore(id);
    stores.push(store);
  }
  checkStatement(statement, stores);
  const active = await ctx.state.find(
    "query",
    activeIndex,
    { value: "1", limit: mostConcurrent },
    { region: everyRegion },
  );
  if (active.items.length >= mostConcurrent) {
    throw tooManyQueries(`You are already running the maximum number of concurrent queries: ${mostConcurrent}.`);
  }
  const query: LakeQuery = {
    id: await ctx.once("id", async () => ctx.random.uuid()),
    account: ctx.account,
    region: ctx.region,
    statement,
    stores: stores.map(({ id, region }) => ({ account, region, id })),
    status: "QUEUED",
    createdAt: ctx.now,
    ...(input.DeliveryS3Uri ? { deliveryUri: input.DeliveryS3Uri, deliveryStatus: "PENDING" as const } : {}),
  };
  putQuery(ctx, query, true);
  return { QueryId: query.id, ...ownerOf(ctx, query) };
}

/** Everything that can be said of a statement without running it. @throws InvalidQueryStatementException */
function checkStatement(statement: string, stores: readonly EventDataStore[]): void {
  try {
    translate(parse(statement), new Map(stores.map(({ id, kind }) => [id, kind])));
  } catch (error) {
    throw error instanceof QueryError ? invalidQuery(error.message) : error;
  }
}

function putQuery(ctx: CallContext, query: LakeQuery, active: boolean): void {
  ctx.state.put("query", query.id, query, {
    indexes: queryIndexes(query, active),
    expiresAt: query.createdAt + queryLifeMs,
  });
}

export async function describeQuery(input: Input<"DescribeQuery">, ctx: CallContext): Promise<Output<"DescribeQuery">> {
  if (input.QueryAlias !== undefined || input.RefreshId !== undefined) {
    throw invalidParameter("Query aliases are those of dashboards, which are not served here. Use QueryId.");
  }
  const query = await requireQuery(ctx, input.QueryId);
  return {
    QueryId: query.id,
    QueryString: query.statement,
    QueryStatus: query.status,
    QueryStatistics: {
      EventsMatched: query.matched ?? 0,
      EventsScanned: query.scanned ?? 0,
      BytesScanned: query.bytes ?? 0,
      ExecutionTimeInMillis: query.took ?? 0,
      CreationTime: new Date(query.createdAt),
    },
    ...(query.error === undefined ? {} : { ErrorMessage: query.error }),
    ...(query.deliveryUri === undefined ? {} : { DeliveryS3Uri: query.deliveryUri }),
    ...(query.deliveryStatus === undefined ? {} : { DeliveryStatus: query.deliveryStatus }),
    ...ownerOf(ctx, query),
  };
}

export async function getQueryResults(
  input: Input<"GetQueryResults">,
  ctx: CallContext,
): Promise<Output<"GetQueryResults">> {
  const query = await requireQuery(ctx, input.QueryId);
  const limit = input.MaxQueryResults ?? usualPage;
  const start = input.NextToken === undefined ? 0 : openToken(query, input.NextToken);
  const rows = query.status === "FINISHED" ? await rowsOf(ctx, query, start, limit) : [];
  const end = start + rows.length;
  const total = query.total ?? 0;
  return {
    QueryStatus: query.status,
    QueryStatistics: { ResultsCount: rows.length, TotalResultsCount: total, BytesScanned: query.bytes ?? 0 },
    QueryResultRows: rows.map((row) => row.map(([name, value]) => ({ [name]: value }))),
    ...(query.status === "FINISHED" && end < total ? { NextToken: seal(`${query.id}/${end}`) } : {}),
    ...(query.error === undefined ? {} : { ErrorMessage: query.error }),
  };
}

function openToken(query: LakeQuery, token: string): number {
  const [id, position] = open(token).split("/");
  const start = Number(position);
  if (id !== query.id || !Number.isSafeInteger(start) || start < 0) throw invalidToken("The token is not valid.");
  return start;
}

async function rowsOf(ctx: CallContext, query: LakeQuery, start: number, limit: number): Promise<Row[]> {
  const chunks = query.chunks ?? [];
  const found: Row[] = [];
  let unsealer: Unsealer | undefined;
  for (const [i, first] of chunks.entries()) {
    const end = chunks[i + 1] ?? query.total ?? 0;
    if (end <= start || first >= start + limit) continue;
    const id = `${query.id}/${first}`;
    const chunk = (await ctx.state.get<QueryRows>("queryRows", id))?.value;
    if (!chunk) continue;
    let rows = chunk.rows;
    if (chunk.sealed) {
      unsealer ??= await unsealerOf(ctx, query);
      rows = await opened(unsealer.open<Row[]>(chunk.sealed, id));
    }
    found.push(...rows!.slice(Math.max(0, start - first), start + limit - first));
  }
  return found;
}

/** The rows were sealed for the first store with a key. */
async function unsealerOf(ctx: CallContext, query: LakeQuery): Promise<Unsealer> {
  for (const at of query.stores) {
    const store = await findStore(ctx, at);
    if (store?.kmsKeyId === undefined) continue;
    const { arn: sourceArn, account: sourceAccount, region } = store;
    const { kms } = ctx.asService(trailPrincipal, { sourceArn, sourceAccount, account: sourceAccount, region });
    return new Unsealer(kms, store);
  }
  throw noQuery(query.id);
}

async function opened<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    throw keyUnusable(`CloudTrail cannot use the KMS key of the event data store: ${error.message}`);
  }
}

export async function listQueries(input: Input<"ListQueries">, ctx: CallContext): Promise<Output<"ListQueries">> {
  const store = await requireStore(ctx, input.EventDataStore!);
  if (store.status === "PENDING_DELETION") throw inactiveStore(store.id);
  if (input.StartTime && input.EndTime && input.StartTime > input.EndTime) {
    throw invalidDateRange("The start time is after the end time.");
  }
  const from = input.StartTime ? input.StartTime.toISOString() : "";
  const to = input.EndTime ? input.EndTime.toISOString() : "9999";
  const limit = input.MaxResults ?? usualPage;
  let after = input.NextToken === undefined ? undefined : open(input.NextToken);
  const shown: LakeQuery[] = [];
  for (;;) {
    const page = await ctx.state.find<LakeQuery>("query", "store", {
      from: `${store.id}\u0001${from}`,
      to: `${store.id}\u0001${to}~`,
      limit,
      reverse: true,
      ...(after === undefined ? {} : { after }),
    });
    const wanted = page.items
      .map(({ value }) => value)
      .filter(({ status }) => input.QueryStatus === undefined || status === input.QueryStatus);
    shown.push(...wanted);
    after = page.next;
    // A page is one page of the index: filtered, it may be short, but its token goes on behind it.
    if (after === undefined || shown.length > 0) break;
  }
  return {
    Queries: shown.map(({ id, status, createdAt }) => ({
      QueryId: id,
      QueryStatus: status,
      CreationTime: new Date(createdAt),
    })),
    ...(after === undefined ? {} : { NextToken: seal(after) }),
  };
}

export async function cancelQuery(input: Input<"CancelQuery">, ctx: CallContext): Promise<Output<"CancelQuery">> {
  const query = await requireQuery(ctx, input.QueryId);
  if (query.status !== "QUEUED" && query.status !== "RUNNING") {
    throw inactiveQuery(
      "The specified query cannot be canceled because it is in the FINISHED, FAILED, TIMED_OUT, or CANCELLED state.",
    );
  }
  const delivery = query.deliveryStatus === undefined ? {} : { deliveryStatus: "CANCELLED" as const };
  putQuery(ctx, { ...query, ...delivery, status: "CANCELLED" }, false);
  return { QueryId: query.id, QueryStatus: "CANCELLED", ...ownerOf(ctx, query) };
}

async function requireQuery(ctx: CallContext, id: string | undefined): Promise<LakeQuery> {
  if (id === undefined) throw invalidParameter("You must specify either a QueryId or a QueryAlias.");
  const found = await ctx.state.get<LakeQuery>("query", id);
  if (!found) throw noQuery(id);
  return found.value;
}

function ownerOf(ctx: CallContext, query: LakeQuery): { EventDataStoreOwnerAccountId?: string } {
  const owner = query.stores[0]!.account;
  return owner === ctx.account ? {} : { EventDataStoreOwnerAccountId: owner };
}
