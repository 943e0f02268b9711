/** Saved queries. Source: CloudWatch Logs API Reference, PutQueryDefinition. */
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter, limitExceeded, notFound } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { types } from "../state.ts";
import { checkName } from "../target.ts";

/** `queryDefinition`, by id. */
interface Definition {
  id: string;
  name: string;
  text: string;
  groups: string[];
  updatedAt: number;
}

/** "You can save up to 1,000 queries per Region per account." */
const mostDefinitions = 1_000;

export async function putQueryDefinition(
  input: Input<"PutQueryDefinition">,
  ctx: CallContext,
): Promise<Output<"PutQueryDefinition">> {
  if ((input.queryLanguage !== undefined && input.queryLanguage !== "CWLI") || input.parameters?.length) {
    throw invalidParameter("Only queries in the Logs Insights query language, without parameters, can be saved.");
  }
  const given = input.queryDefinitionId;
  const id = given ?? input.clientToken ?? (await ctx.once("definition", async () => ctx.random.uuid()));
  checkName(id, "clientToken");
  const before = await ctx.state.get<Definition>(types.queryDefinition, id);
  if (given !== undefined && !before) throw notFound("The specified query definition does not exist.");
  if (!before && (await ctx.state.count(types.queryDefinition)) >= mostDefinitions) throw limitExceeded();
  const value: Definition = {
    id,
    name: input.name!,
    text: input.queryString!,
    groups: input.logGroupNames ?? [],
    updatedAt: ctx.now,
  };
  ctx.state.put(types.queryDefinition, id, value);
  return { queryDefinitionId: id };
}

export async function describeQueryDefinitions(
  input: Input<"DescribeQueryDefinitions">,
  ctx: CallContext,
): Promise<Output<"DescribeQueryDefinitions">> {
  const after = readToken("DescribeQueryDefinitions", input.nextToken);
  const page = await ctx.state.list<Definition>(types.queryDefinition, {
    limit: input.maxResults ?? 1000,
    ...(after === undefined ? {} : { after }),
  });
  return {
    queryDefinitions: page.items
      .filter(({ value }) => value.name.startsWith(input.queryDefinitionNamePrefix ?? ""))
      .map(({ value }) => ({
        queryLanguage: "CWLI" as const,
        queryDefinitionId: value.id,
        name: value.name,
        queryString: value.text,
        lastModified: value.updatedAt,
        logGroupNames: value.groups,
      })),
    ...nextToken("DescribeQueryDefinitions", page.next),
  };
}

export async function deleteQueryDefinition(
  input: Input<"DeleteQueryDefinition">,
  ctx: CallContext,
): Promise<Output<"DeleteQueryDefinition">> {
  if (!(await ctx.state.get<Definition>(types.queryDefinition, input.queryDefinitionId!))) {
    throw notFound("The specified query definition does not exist.");
  }
  ctx.state.delete(types.queryDefinition, input.queryDefinitionId!);
  return { success: true };
}
