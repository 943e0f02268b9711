/**
 * API destinations: an HTTPS endpoint, called with what its connection says.
 * Source: EventBridge User Guide, "API destinations as targets" (headers of requests; 401, 407, 409, 429 and 5xx are
 * retried; the connection's parameters go before the target's); "HttpParameters" of the API Reference.
 */
import { parseArn } from "#kernel/arn.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { isHeaderValue, isSettableHeader, openSecret } from "../connections.ts";
import type { BusEvent } from "../event.ts";
import type { HttpCall, HttpCalls } from "../httpCalls.ts";
import { InvalidInput } from "../inputs.ts";
import { invokedMember } from "../internalForms.ts";
import { parsePath, pick } from "../jsonPath.ts";
import { delivered, failed, type Outcome } from "#engines/delivery/outcome.ts";
import {
  scopeOf,
  types,
  type ApiDestination,
  type Connection,
  type ConnectionSecret,
  type HttpParameter,
} from "../state.ts";
import { bearerOf } from "../tokens.ts";
import { clientsFor, type Attempt } from "./clients.ts";

export async function toApiDestination(ctx: JobContext, http: HttpCalls, attempt: Attempt): Promise<Outcome> {
  const destination = await findDestination(ctx, attempt);
  if (!destination) return failed("NO_RESOURCE", "The API destination does not exist.", true);
  // The role of the target may invoke it, or is refused with AWS's words.
  const asked = { Name: destination.name, [invokedMember]: true };
  await clientsFor(ctx, attempt).events.DescribeApiDestination(asked);
  const connection = await findConnection(ctx, attempt, destination.connectionArn);
  if (connection?.value.state === "AUTHORIZING") {
    return failed("CONNECTION_FAILURE", "The connection is not authorized yet.", false);
  }
  if (connection?.value.secret === undefined || connection.value.state !== "AUTHORIZED") {
    return failed("NO_PERMISSIONS", "The connection is not authorized.", true);
  }
  const secret = await openSecret<ConnectionSecret>(ctx.keys, connection.value.uid, connection.value.secret);
  const first = await call(ctx, http, attempt, destination, connection, secret, false);
  if (secret.oauth === undefined || first.ok || (first.status !== 401 && first.status !== 407)) return first.outcome;
  return (await call(ctx, http, attempt, destination, connection, secret, true)).outcome;
}

interface Called {
  ok: boolean;
  status?: number;
  outcome: Outcome;
}

async function call(
  ctx: JobContext,
  http: HttpCalls,
  attempt: Attempt,
  destination: ApiDestination,
  connection: Document<Connection>,
  secret: ConnectionSecret,
  rejected: boolean,
): Promise<Called> {
  let authorization: Record<string, string> = {};
  if (secret.basic) {
    const text = Buffer.from(`${secret.basic.username}:${secret.basic.password}`).toString("base64");
    authorization = { authorization: `Basic ${text}` };
  } else if (secret.apiKey) {
    authorization = { [secret.apiKey.name.toLowerCase()]: secret.apiKey.value };
  } else {
    const bearer = await bearerOf(ctx, http, connection, secret, rejected);
    if ("refusal" in bearer) {
      return { ok: false, outcome: failed("CONNECTION_FAILURE", bearer.refusal, !bearer.passing) };
    }
    authorization = { authorization: `Bearer ${bearer.token}` };
  }
  const answer = await http.send(requestFor(attempt, destination, secret, authorization), ctx.signal);
  if ("failure" in answer) {
    if (answer.failure === "PRIVATE_TARGET")
      return { ok: false, outcome: failed("NO_PERMISSIONS", answer.message, true) };
    return { ok: false, outcome: failed(answer.failure, answer.message, false) };
  }
  const { status } = answer;
  if (status >= 200 && status < 300) return { ok: true, status, outcome: delivered() };
  const again = [401, 407, 409, 429].includes(status) || status >= 500;
  const message = `Received ${status} from the API destination: ${answer.text.slice(0, 256)}`;
  return { ok: false, status, outcome: failed(status === 429 ? "THROTTLING" : "ERROR_FROM_TARGET", message, !again) };
}

function requestFor(
  { target, event, input }: Attempt,
  { endpoint, method }: ApiDestination,
  { invocation }: ConnectionSecret,
  authorization: Record<string, string>,
): HttpCall {
  const { PathParameterValues = [], HeaderParameters = {}, QueryStringParameters = {} } = target.HttpParameters ?? {};
  let next = 0;
  const filled = endpoint.replaceAll("*", () => encodeURIComponent(dynamic(PathParameterValues[next++] ?? "", event)));
  const url = new URL(filled);
  for (const [name, value] of Object.entries(QueryStringParameters)) url.searchParams.set(name, dynamic(value, event));
  for (const { key, value } of invocation?.query ?? []) url.searchParams.set(key, value);
  const headers: Record<string, string> = { "content-type": "application/json; charset=utf-8" };
  for (const [name, given] of Object.entries(HeaderParameters)) {
    const value = dynamic(given, event);
    if (!isHeaderValue(value)) throw new InvalidInput(`The header ${name} has a value that no header can have.`);
    if (isSettableHeader(name)) headers[name.toLowerCase()] = value;
  }
  for (const { key, value } of invocation?.headers ?? []) headers[key.toLowerCase()] = value;
  Object.assign(headers, authorization, {
    "user-agent": "Amazon/EventBridge/ApiDestinations",
    range: "bytes=0-1048575",
    "accept-encoding": "gzip,deflate",
  });
  const hasBody = method !== "GET" && method !== "HEAD";
  return {
    url: url.href,
    method,
    headers,
    ...(hasBody ? { body: withParameters(input, invocation?.body ?? []) } : {}),
  };
}

/** A constant, or a part of the event. */
function dynamic(given: string, event: BusEvent): string {
  const path = given.startsWith("$") ? parsePath(given) : undefined;
  if (!path) return given;
  const value = pick(event, path);
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

/** The connection's body parameters become members of the body. */
function withParameters(input: string, parameters: readonly HttpParameter[]): string {
  if (parameters.length === 0) return input;
  try {
    const parsed = JSON.parse(input) as unknown;
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)) {
      return JSON.stringify({ ...parsed, ...Object.fromEntries(parameters.map(({ key, value }) => [key, value])) });
    }
  } catch {
    // Said below.
  }
  throw new InvalidInput("Body parameters need an input that is a JSON object.");
}

async function findDestination(ctx: JobContext, { place, target }: Attempt): Promise<ApiDestination | undefined> {
  const arn = parseArn(target.Arn!)!;
  if (arn.account !== place.account) return undefined;
  const [, name = "", uid] = arn.resource.split("/");
  const found = await ctx.store.get<ApiDestination>({ ...scopeOf(place), type: types.apiDestination, id: name });
  return found?.value.uid === uid ? found?.value : undefined;
}

async function findConnection(
  ctx: JobContext,
  { place }: Attempt,
  arn: string,
): Promise<Document<Connection> | undefined> {
  const [, name = "", uid] = parseArn(arn)?.resource.split("/") ?? [];
  const found = await ctx.store.get<Connection>({ ...scopeOf(place), type: types.connection, id: name });
  return found?.value.uid === uid ? found : undefined;
}
