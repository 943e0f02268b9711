/** API destinations. Source: EventBridge API Reference, CreateApiDestination, UpdateApiDestination, DescribeApiDestination. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { isHttps } from "../connections.ts";
import { apiDestinationExists, invalidParameter, noApiDestination, noConnection } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import type { EventsHandlers, Out } from "../sdk.ts";
import { types, type ApiDestination, type Connection } from "../state.ts";

/** "If you do not include a value, a default of 300 is used." */
const defaultRate = 300;

export const apiDestinationHandlers: EventsHandlers = {
  async CreateApiDestination(input, ctx) {
    const name = input.Name ?? "";
    if (await ctx.state.get<ApiDestination>(types.apiDestination, name)) throw apiDestinationExists(name);
    checkEndpoint(input.InvocationEndpoint);
    await requireConnection(ctx, input.ConnectionArn);
    const uid = await ctx.once("uid", async () => ctx.random.uuid());
    const destination: ApiDestination = {
      name,
      arn: `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:api-destination/${name}/${uid}`,
      uid,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      connectionArn: input.ConnectionArn!,
      endpoint: input.InvocationEndpoint!,
      method: input.HttpMethod!,
      ratePerSecond: input.InvocationRateLimitPerSecond ?? defaultRate,
      createdAt: ctx.now,
      modifiedAt: ctx.now,
    };
    put(ctx, destination);
    return await answer(ctx, destination);
  },

  async UpdateApiDestination(input, ctx) {
    const { value } = await requireDestination(ctx, "update", input.Name);
    if (input.InvocationEndpoint !== undefined) checkEndpoint(input.InvocationEndpoint);
    if (input.ConnectionArn !== undefined) await requireConnection(ctx, input.ConnectionArn);
    const destination: ApiDestination = {
      ...value,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      connectionArn: input.ConnectionArn ?? value.connectionArn,
      endpoint: input.InvocationEndpoint ?? value.endpoint,
      method: input.HttpMethod ?? value.method,
      ratePerSecond: input.InvocationRateLimitPerSecond ?? value.ratePerSecond,
      modifiedAt: ctx.now,
    };
    put(ctx, destination);
    return await answer(ctx, destination);
  },

  async DeleteApiDestination(input, ctx) {
    const { key } = await requireDestination(ctx, "delete", input.Name);
    ctx.state.delete(types.apiDestination, key.id);
    return {};
  },

  async DescribeApiDestination(input, ctx) {
    const { value } = await requireDestination(ctx, "describe", input.Name);
    return {
      ...(await summary(ctx, value)),
      ...(value.description === undefined ? {} : { Description: value.description }),
    };
  },

  async ListApiDestinations(input, ctx) {
    const query = { prefix: input.NamePrefix ?? "", ...startOf(input.NextToken, input.Limit) };
    const page = await ctx.state.list<ApiDestination>(types.apiDestination, query);
    const found = page.items.filter(
      ({ value }) => input.ConnectionArn === undefined || value.connectionArn === input.ConnectionArn,
    );
    return { ApiDestinations: await Promise.all(found.map(({ value }) => summary(ctx, value))), ...nextOf(page.next) };
  },
};

/** @throws ValidationException */
function checkEndpoint(endpoint = ""): void {
  if (!isHttps(endpoint.replaceAll("*", "x"))) {
    throw invalidParameter("InvocationEndpoint", "It has to be a valid HTTPS URL.");
  }
}

function put(ctx: CallContext, destination: ApiDestination): void {
  const indexes = { connection: destination.connectionArn.split("/").at(-1)! };
  ctx.state.put<ApiDestination>(types.apiDestination, destination.name, destination, { indexes });
}

async function findConnection(ctx: CallContext, arn: string): Promise<Connection | undefined> {
  const [, name = ""] = parseArn(arn)?.resource.split("/") ?? [];
  const found = await ctx.state.get<Connection>(types.connection, name);
  return found?.value.arn === arn ? found.value : undefined;
}

async function requireConnection(ctx: CallContext, arn = ""): Promise<void> {
  if (!(await findConnection(ctx, arn))) throw noConnection("describe", arn.split("/")[1] ?? arn);
}

async function requireDestination(ctx: CallContext, verb: string, name = ""): Promise<Document<ApiDestination>> {
  const found = await ctx.state.get<ApiDestination>(types.apiDestination, name);
  if (!found) throw noApiDestination(verb, name);
  return found;
}

/** It can be invoked as long as its connection is authorized. */
async function stateOf(ctx: CallContext, { connectionArn }: ApiDestination): Promise<"ACTIVE" | "INACTIVE"> {
  return (await findConnection(ctx, connectionArn))?.state === "AUTHORIZED" ? "ACTIVE" : "INACTIVE";
}

async function answer(ctx: CallContext, destination: ApiDestination) {
  return {
    ApiDestinationArn: destination.arn,
    ApiDestinationState: await stateOf(ctx, destination),
    CreationTime: new Date(destination.createdAt),
    LastModifiedTime: new Date(destination.modifiedAt),
  };
}

async function summary(
  ctx: CallContext,
  destination: ApiDestination,
): Promise<NonNullable<Out<"ListApiDestinations">["ApiDestinations"]>[number]> {
  return {
    ...(await answer(ctx, destination)),
    Name: destination.name,
    ConnectionArn: destination.connectionArn,
    InvocationEndpoint: destination.endpoint,
    HttpMethod: destination.method as "POST",
    InvocationRateLimitPerSecond: destination.ratePerSecond,
  };
}
