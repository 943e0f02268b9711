/**
 * The whole surface: for every operation of every service with a current JavaScript client, a random input goes through the
 * unmodified client over HTTP to our decoder, a random output through our encoder to the client's parser, and both come out
 * equal; every modelled error arrives as the client's own class. `JIKIMI_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { loadModel } from "#model/load.ts";
import type { Member, OperationModel, ServiceModel, Shape } from "#model/types.ts";
import { createWire } from "#wire/wire.ts";
import { services } from "../../tools/models/services.ts";
import { plain, RandomValues, Seeded } from "./randomValues.ts";
import { specialValue, unreachableErrors } from "./roundtripExceptions.ts";
import { sdkClient, type Client, type Plain } from "./sdkClients.ts";
import { collect, WireServer } from "./wireServer.ts";

const seed = Number(process.env["JIKIMI_SEED"] ?? 20_261_124);

const timeout = (): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(10_000) });

interface Run {
  name: string;
  id: string;
  client: string;
  settings?: object;
}

const withClient = services.filter((row) => row.client !== undefined);
const runs: Run[] = [
  ...withClient.map((row) => ({ name: row.id, id: row.id, client: row.client! })),
  { name: "s3, virtual host", id: "s3", client: "@aws-sdk/client-s3", settings: { forcePathStyle: false } },
];

describe("round trip with the SDK for JavaScript", () => {
  const server = new WireServer(createWire({ defaultRegion: "us-east-1" }));
  let endpoint = "";
  before(async () => {
    endpoint = await server.listen();
  });
  after(() => server.close());

  for (const run of runs) {
    test(run.name, async () => {
      const service = loadModel(run.id);
      const [client, sdk] = await sdkClient(run.client, endpoint, run.settings);
      const misses: string[] = [];
      for (const operation of service.operations.values()) {
        const miss = await roundTrip(service, operation, client, sdk, server);
        if (miss !== undefined) misses.push(`${operation.name}: ${miss}`);
      }
      client.destroy();
      assert.deepEqual(misses, [], `seed ${seed}`);
    });
  }

  for (const row of withClient) {
    test(`errors of ${row.id}`, async () => {
      const service = loadModel(row.id);
      const [client, sdk] = await sdkClient(row.client!, endpoint);
      const misses: string[] = [];
      for (const shape of service.errors.values()) {
        if (sdk[shape.name] === undefined) continue;
        const miss = await errorTrip(service, shape, client, sdk, server);
        if (miss !== undefined) misses.push(`${shape.name}: ${miss}`);
      }
      client.destroy();
      assert.deepEqual(misses, [], `seed ${seed}`);
    });
  }
});

function randomOf(name: string): Seeded {
  let hash = seed;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01_00_01_93);
  return new Seeded(hash);
}

async function roundTrip(
  service: ServiceModel,
  operation: OperationModel,
  client: Client,
  sdk: Plain,
  server: WireServer,
): Promise<string | undefined> {
  const random = randomOf(operation.name);
  const special = (direction: "input" | "output") => (member: Member) =>
    specialValue(service, operation, member, direction);
  const input = new RandomValues(random, special("input")).input(operation);
  const output = new RandomValues(random, special("output")).output(operation);
  const expectedInput = plain(input);
  const expectedOutput = plain(output);
  server.seen = undefined;
  server.failure = undefined;
  server.answer = () => served(operation, output);
  const Command = sdk[`${operation.name}Command`] as new (input: unknown) => unknown;
  if (Command === undefined) return "the client has no such command";
  let answer: unknown;
  try {
    answer = await asPlain(operation, await client.send(new Command(input), timeout()));
  } catch (error) {
    const own = server.failure === undefined ? "" : ` (server: ${(server.failure as Error).stack})`;
    return `${String(error).slice(0, 300)}${own}`;
  }
  if (server.seen === undefined) return "nothing arrived";
  const { route, input: got } = server.seen as { route: { operation: OperationModel }; input: Plain };
  if (route.operation !== operation) return `routed to ${route.operation.name}`;
  // Every request with a body brings its length, which a few operations of S3 have as a member.
  if (input["ContentLength"] === undefined) delete got["ContentLength"];
  return difference("input", plain(got), expectedInput) ?? difference("output", answer, expectedOutput);
}

async function* streamed<T>(events: readonly T[]): AsyncIterable<T> {
  yield* events;
}

/** What the handler would return: event streams as they are produced. */
function served(operation: OperationModel, output: Plain): Plain {
  const out = { ...output };
  for (const member of operation.output.members ?? []) {
    const value = out[member.name];
    if (member.shape.eventStream && value !== undefined) out[member.name] = streamed(value as unknown[]);
  }
  return out;
}

async function asPlain(operation: OperationModel, output: Plain): Promise<unknown> {
  const known = (name: string): boolean => operation.output.byName?.has(name) === true;
  const rest = Object.fromEntries(Object.entries(output).filter(([name]) => known(name)));
  for (const member of operation.output.members ?? []) {
    const value = rest[member.name];
    if (value === undefined || value === null) continue;
    if (member.shape.eventStream) {
      const events: unknown[] = [];
      for await (const event of value as AsyncIterable<unknown>) events.push(event);
      rest[member.name] = events;
    } else if (typeof value === "object" && Symbol.asyncIterator in value) {
      rest[member.name] = await collect(value as AsyncIterable<Uint8Array>);
    }
  }
  return plain(rest);
}

/** Any operation will do: errors belong to the service. */
async function errorTrip(
  service: ServiceModel,
  shape: Shape,
  client: Client,
  sdk: Plain,
  server: WireServer,
): Promise<string | undefined> {
  if (unreachableErrors.has(`${service.id}:${shape.name}`)) return undefined;
  const operation = [...service.operations.values()].find((candidate) => candidate.http.method !== "HEAD")!;
  const special = (member: Member): unknown => specialValue(service, operation, member, "input");
  const random = randomOf(shape.name);
  const input = new RandomValues(random, special).input(operation);
  const all = new RandomValues(random, () => undefined).structure(shape) as Plain;
  // The message and the code are not fields of a handler's making, wherever the model has them.
  const own = (name: string): boolean =>
    name.toLowerCase() !== "message" && shape.byName?.get(name)?.wireName !== "x-amzn-errortype";
  const fields = Object.fromEntries(Object.entries(all).filter(([name]) => own(name)));
  server.answer = () => {
    throw new AwsError(shape.name, "what happened", 400, { fields });
  };
  const Command = sdk[`${operation.name}Command`] as new (input: unknown) => unknown;
  const ErrorClass = sdk[shape.name] as new (...args: never[]) => Error;
  try {
    await client.send(new Command(input), timeout());
  } catch (error) {
    if (!(error instanceof ErrorClass)) return `arrived as ${String(error)}`;
    if (error.message !== "what happened") return `with the message ${error.message}`;
    const got = Object.fromEntries(Object.keys(fields).map((name) => [name, (error as unknown as Plain)[name]]));
    return difference("fields", plain(got), plain(fields));
  }
  return "no error arrived";
}

function difference(what: string, actual: unknown, expected: unknown): string | undefined {
  try {
    assert.deepStrictEqual(actual, expected);
    return undefined;
  } catch (error) {
    return `${what} ${(error as Error).message.split("\n").slice(0, 40).join("\n")}`;
  }
}
