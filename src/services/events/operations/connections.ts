/** Connections. Source: EventBridge API Reference, CreateConnection, UpdateConnection, DeauthorizeConnection, DeleteConnection. */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { connectionIndexes } from "../connectionIndexes.ts";
import { keepSecret, openSecret, readSecret, shownAuth } from "../connections.ts";
import { connectionExists, invalid, noConnection, notServed } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import type { EventsHandlers, Out } from "../sdk.ts";
import { types, type ApiDestination, type Connection, type ConnectionSecret } from "../state.ts";

export const connectionHandlers: EventsHandlers = {
  async CreateConnection(input, ctx) {
    const name = input.Name ?? "";
    if (await ctx.state.get<Connection>(types.connection, name)) throw connectionExists(name);
    checkServed(input);
    const type = input.AuthorizationType!;
    const secret = readSecret(type, input.AuthParameters ?? {});
    const uid = await ctx.once("uid", async () => ctx.random.uuid());
    const connection: Connection = {
      name,
      arn: `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:connection/${name}/${uid}`,
      uid,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      authorizationType: type,
      createdAt: ctx.now,
      modifiedAt: ctx.now,
      ...(await authorized(ctx, uid, secret)),
    };
    put(ctx, connection);
    return { ...answer(connection), CreationTime: new Date(connection.createdAt) };
  },

  /** Parameters that are left out stay as they were; either way the connection is authorized anew. */
  async UpdateConnection(input, ctx) {
    const { value } = await requireConnection(ctx, "update", input.Name);
    checkServed(input);
    const type = input.AuthorizationType ?? value.authorizationType;
    const same = type === value.authorizationType;
    const before =
      same && value.secret !== undefined
        ? await openSecret<ConnectionSecret>(ctx.keys, value.uid, value.secret)
        : undefined;
    if (!same && !input.AuthParameters)
      throw invalid("AuthParameters must be specified with another authorization type.");
    const secret = readSecret(type, input.AuthParameters ?? {}, before);
    const { secret: _secret, token: _token, stateReason: _reason, ...rest } = value;
    const connection: Connection = {
      ...rest,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      authorizationType: type,
      modifiedAt: ctx.now,
      ...(await authorized(ctx, value.uid, secret)),
    };
    put(ctx, connection);
    return { ...answer(connection), CreationTime: new Date(connection.createdAt), ...authorizedAt(connection) };
  },

  /** "Removes all authorization parameters from the connection." */
  async DeauthorizeConnection(input, ctx) {
    const { value } = await requireConnection(ctx, "deauthorize", input.Name);
    const { secret: _secret, token: _token, ...rest } = value;
    const connection: Connection = { ...rest, shown: {}, state: "DEAUTHORIZED", modifiedAt: ctx.now };
    put(ctx, connection);
    return { ...answer(connection), CreationTime: new Date(connection.createdAt), ...authorizedAt(connection) };
  },

  async DeleteConnection(input, ctx) {
    const { value: connection } = await requireConnection(ctx, "delete", input.Name);
    const users = await ctx.state.find<ApiDestination>(types.apiDestination, "connection", {
      value: connection.uid,
      limit: 1,
    });
    if (users.items.length > 0) {
      throw invalid(`Connection ${connection.name} cannot be deleted: an API destination uses it.`);
    }
    ctx.state.delete(types.connection, connection.name);
    return { ...answer(connection), ConnectionState: "DELETING", ...authorizedAt(connection) };
  },

  async DescribeConnection(input, ctx) {
    const { value: connection } = await requireConnection(ctx, "describe", input.Name);
    return {
      ...summary(connection),
      ...(connection.description === undefined ? {} : { Description: connection.description }),
      AuthParameters: connection.shown,
    };
  },

  async ListConnections(input, ctx) {
    const query = { prefix: input.NamePrefix ?? "", ...startOf(input.NextToken, input.Limit) };
    const page = await ctx.state.list<Connection>(types.connection, query);
    const found = page.items.filter(
      ({ value }) => input.ConnectionState === undefined || value.state === input.ConnectionState,
    );
    return { Connections: found.map(({ value }) => summary(value)), ...nextOf(page.next) };
  },
};

function checkServed(input: {
  KmsKeyIdentifier?: string | undefined;
  InvocationConnectivityParameters?: unknown;
}): void {
  if (input.KmsKeyIdentifier !== undefined && input.KmsKeyIdentifier !== "") {
    throw notServed("KmsKeyIdentifier", "Secrets of connections under a key of your own");
  }
  if (input.InvocationConnectivityParameters !== undefined) {
    throw notServed("InvocationConnectivityParameters", "Private APIs");
  }
}

/** A token has to be asked for; what needs none is authorized at once. */
async function authorized(ctx: CallContext, uid: string, secret: ConnectionSecret) {
  return {
    shown: shownAuth(secret),
    secret: await keepSecret(ctx.keys, uid, secret),
    ...(secret.oauth
      ? { state: "AUTHORIZING" as const, stateReason: "The connection is being authorized." }
      : { state: "AUTHORIZED" as const, authorizedAt: ctx.now }),
  };
}

function put(ctx: CallContext, connection: Connection): void {
  ctx.state.put<Connection>(types.connection, connection.name, connection, { indexes: connectionIndexes(connection) });
}

async function requireConnection(ctx: CallContext, verb: string, name = ""): Promise<Document<Connection>> {
  const found = await ctx.state.get<Connection>(types.connection, name);
  if (!found) throw noConnection(verb, name);
  return found;
}

const authorizedAt = (connection: Connection) =>
  connection.authorizedAt === undefined ? {} : { LastAuthorizedTime: new Date(connection.authorizedAt) };

function answer(connection: Connection) {
  return {
    ConnectionArn: connection.arn,
    ConnectionState: connection.state,
    CreationTime: new Date(connection.createdAt),
    LastModifiedTime: new Date(connection.modifiedAt),
  };
}

function summary(connection: Connection): NonNullable<Out<"ListConnections">["Connections"]>[number] {
  return {
    ...answer(connection),
    Name: connection.name,
    ...(connection.stateReason === undefined ? {} : { StateReason: connection.stateReason }),
    AuthorizationType: connection.authorizationType,
    ...authorizedAt(connection),
  };
}
