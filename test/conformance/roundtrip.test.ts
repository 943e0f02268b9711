/**
 * The whole surface: for every operation of every service with a current JavaScript client, a random input goes through the
 * unmodified client over HTTP to our decoder, a random output through our encoder to the client's parser, and both come out
 * equal. `JIKIMI_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";
import { after, before, describe, test } from "node:test";
import { loadModel } from "#model/load.ts";
import type { Member, OperationModel, ServiceModel } from "#model/types.ts";
import { createWire } from "#wire/wire.ts";
import { services } from "../../tools/models/services.ts";
import { plain, RandomValues, Seeded } from "./randomValues.ts";
import { clientSettings, specialValue } from "./roundtripExceptions.ts";
import { collect, WireServer } from "./wireServer.ts";

type Plain = Record<string, unknown>;
interface Client {
  send(command: unknown, options: { abortSignal: AbortSignal }): Promise<Plain>;
  destroy(): void;
}

const seed = Number(process.env["JIKIMI_SEED"] ?? 20_261_124);

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

/** Names like `123456789012.localhost` do not resolve everywhere. */
const loopback: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: "127.0.0.1", family: 4 }]);
  else done(null, "127.0.0.1", 4);
};

async function clientOf(packageName: string, endpoint: string): Promise<[Client, Plain]> {
  const sdk = (await import(packageName)) as Plain;
  const name = Object.keys(sdk).find((key) => /^[A-Z].*Client$/.test(key))!;
  const Client = sdk[name] as new (config: object) => Client;
  const client = new Client({
    endpoint: endpoint.replace("127.0.0.1", "localhost"),
    requestHandler: { httpAgent: new Agent({ keepAlive: true, lookup: loopback }) },
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    maxAttempts: 1,
    disableHostPrefix: true,
    ...clientSettings[packageName],
  });
  return [client, sdk];
}

describe("round trip with the SDK for JavaScript", () => {
  const server = new WireServer(createWire({ defaultRegion: "us-east-1" }));
  let endpoint = "";
  before(async () => {
    endpoint = await server.listen();
  });
  after(() => server.close());

  for (const row of services) {
    if (row.client === undefined) continue;
    test(row.id, async () => {
      const service = loadModel(row.id);
      const [client, sdk] = await clientOf(row.client!, endpoint);
      const misses: string[] = [];
      for (const operation of service.operations.values()) {
        const miss = await roundTrip(service, operation, client, sdk, server);
        if (miss !== undefined) misses.push(`${operation.name}: ${miss}`);
      }
      client.destroy();
      assert.deepEqual(misses, [], `seed ${seed}`);
    });
  }
});

async function roundTrip(
  service: ServiceModel,
  operation: OperationModel,
  client: Client,
  sdk: Plain,
  server: WireServer,
): Promise<string | undefined> {
  const random = new Seeded(seed + operation.name.length * 7919 + operation.name.charCodeAt(3));
  const value = (direction: "input" | "output") => (member: Member) => specialValue(service, operation, member, direction);
  const input = new RandomValues(random, value("input")).input(operation);
  const output = new RandomValues(random, value("output")).output(operation);
  const expectedInput = plain(input);
  const expectedOutput = plain(output);
  server.seen = undefined;
  server.failure = undefined;
  server.answer = () => served(operation, output);
  const Command = sdk[`${operation.name}Command`] as new (input: unknown) => unknown;
  if (Command === undefined) return "the client has no such command";
  let answer: unknown;
  try {
    answer = await asPlain(operation, await client.send(new Command(input), { abortSignal: AbortSignal.timeout(3000) }));
  } catch (error) {
    const own = server.failure === undefined ? "" : ` (server: ${(server.failure as Error).stack})`;
    return `${String(error).slice(0, 300)}${own}`;
  }
  if (server.seen === undefined) return "nothing arrived";
  const { route, input: got } = server.seen as { route: { operation: OperationModel }; input: Plain };
  // Every request with a body brings its length, which a few operations of S3 have as a member.
  if (input["ContentLength"] === undefined) delete got["ContentLength"];
  if (route.operation !== operation) return `routed to ${route.operation.name}`;
  return difference("input", plain(got), expectedInput) ?? difference("output", answer, expectedOutput);
}

function difference(what: string, actual: unknown, expected: unknown): string | undefined {
  try {
    assert.deepStrictEqual(actual, expected);
    return undefined;
  } catch (error) {
    return `${what} ${(error as Error).message.split("\n").slice(0, 40).join("\n")}`;
  }
}
