/** Insights: StartQuery and what follows. The job `query` runs them. Source: CloudWatch Logs API Reference. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { QueryRun } from "#engines/logQuery/run.ts";
import { QuerySyntaxError } from "#engines/logQuery/syntaxError.ts";
import { invalidParameter, invalidToken, limitExceeded, notFound } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import { openRows, type QueryDocument, queryIndexes, resultsKeptMs, type StoredResult } from "../queries.ts";
import type { Input, Output } from "../sdk.ts";
import { types } from "../state.ts";
import { groupName, requireGroup } from "../target.ts";

/** "Concurrent queries: 30 in the Standard class." */
const mostOpen = 30;
const mostGroups = 50;
const defaultLimit = 10_000;

/** Groups of a query, from the one of three members that is given. @throws InvalidParameterException */
export function queriedGroups(
  input: Pick<Input<"StartQuery">, "logGroupName" | "logGroupNames" | "logGroupIdentifiers">,
): string[] {
  const given = [
    input.logGroupName === undefined ? undefined : [input.logGroupName],
    input.logGroupNames,
    input.logGroupIdentifiers,
  ].filter((names) => names !== undefined);
  if (given.length !== 1 || given[0]!.length === 0) {
    throw invalidParameter("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.");
  }
  return given[0]!.map(groupName);
}

export async function startQuery(input: Input<"StartQuery">, ctx: CallContext): Promise<Output<"StartQuery">> {
  if (input.queryLanguage !== undefined && input.queryLanguage !== "CWLI") {
    throw invalidParameter(`The query language ${input.queryLanguage} is not supported.`);
  }
  const groups = queriedGroups(input);
  if (groups.length > mostGroups) throw limitExceeded(`A query can include up to ${mostGroups} log groups.`);
  const text = input.queryString!;
  checkQuery(text);
  const [startTime, endTime] = [input.startTime!, input.endTime!];
  if (endTime < startTime) {
    throw new AwsError("MalformedQueryException", "End time should not be less than start time.");
  }
  for (const name of groups) await requireGroup(ctx, name);
  const open = await ctx.state.find<QueryDocument>(types.query, "open", { from: "", to: "~", limit: mostOpen + 1 });
  if (open.items.length >= mostOpen)
    throw limitExceeded(`Account maximum query concurrency limit of [${mostOpen}] reached.`);
  const id = await ctx.once("query", async () => ctx.random.uuid());
  const query: QueryDocument = {
    id,
    groups,
    text,
    limit: input.limit ?? defaultLimit,
    startTime,
    endTime,
    status: "Scheduled",
    createdAt: ctx.now,
    createdBy: "arn" in ctx.principal ? ctx.principal.arn : ctx.account,
    statistics: { recordsMatched: 0, recordsScanned: 0, bytesScanned: 0 },
  };
  ctx.state.put(types.query, id, query, { indexes: queryIndexes(query), expiresAt: ctx.now + resultsKeptMs });
  return { queryId: id };
}

/** @throws MalformedQueryException with the position of what is wrong */
function checkQuery(text: string): void {
  try {
    new QueryRun(text);
  } catch (error) {
    if (!(error instanceof QuerySyntaxError)) throw error;
    const message = `${error.message} at line ${lineOf(text, error.start)} and position ${error.start}`;
    throw new AwsError("MalformedQueryException", message, 400, {
      fields: {
        queryCompileError: { location: { startCharOffset: error.start, endCharOffset: error.end }, message },
      },
    });
  }
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

async function requireQuery(ctx: CallContext, id: string): Promise<QueryDocument> {
  const query = await ctx.state.get<QueryDocument>(types.query, id);
  if (!query) throw notFound(`Query ID [${id}] does not exist.`);
  return query.value;
}

export async function getQueryResults(
  input: Input<"GetQueryResults">,
  ctx: CallContext,
): Promise<Output<"GetQueryResults">> {
  if (input.nextToken !== undefined) throw invalidToken();
  const query = await requireQuery(ctx, input.queryId!);
  const stored = await ctx.state.get<StoredResult>(types.queryResult, query.id);
  const results = stored ? await openRows(ctx.keys, query.id, stored.value) : [];
  return {
    queryLanguage: "CWLI",
    results,
    statistics: { ...query.statistics, logGroupsScanned: query.groups.length, resultCount: results.length },
    status: query.status,
  };
}

export async function stopQuery(input: Input<"StopQuery">, ctx: CallContext): Promise<Output<"StopQuery">> {
  const query = await requireQuery(ctx, input.queryId!);
  if (query.status !== "Scheduled" && query.status !== "Running") {
    throw invalidParameter(`Query is not running: [${query.id}]`);
  }
  const stopped: QueryDocument = { ...query, status: "Cancelled", duration: ctx.now - query.createdAt };
  ctx.state.put(types.query, query.id, stopped, {
    indexes: queryIndexes(stopped),
    expiresAt: query.createdAt + resultsKeptMs,
  });
  return { success: true };
}

export async function describeQueries(
  input: Input<"DescribeQueries">,
  ctx: CallContext,
): Promise<Output<"DescribeQueries">> {
  if (input.queryLanguage !== undefined && input.queryLanguage !== "CWLI") return { queries: [] };
  const limit = input.maxResults ?? 1000;
  const found: QueryDocument[] = [];
  let after = readToken("DescribeQueries", input.nextToken);
  let next: string | undefined;
  do {
    const page = await ctx.state.find<QueryDocument>(types.query, "created", {
      from: "",
      to: "~",
      reverse: true,
      limit,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) {
      if (input.logGroupName !== undefined && !value.groups.includes(input.logGroupName)) continue;
      if (input.status !== undefined && value.status !== input.status) continue;
      found.push(value);
    }
    after = next = page.next;
  } while (found.length === 0 && next !== undefined);
  return {
    queries: found.map((query) => ({
      queryLanguage: "CWLI" as const,
      queryId: query.id,
      queryString: query.text,
      status: query.status,
      createTime: query.createdAt,
      logGroupName: query.groups[0]!,
      ...(query.duration === undefined ? {} : { queryDuration: query.duration }),
      bytesScanned: query.statistics.bytesScanned,
      userIdentity: query.createdBy,
    })),
    ...nextToken("DescribeQueries", next),
  };
}
