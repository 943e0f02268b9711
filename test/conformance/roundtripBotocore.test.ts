/**
 * The round trip with botocore, for the services that have no current JavaScript client and for CloudWatch in each of its
 * three protocols. Skipped where python3 has no botocore.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { loadModel } from "#model/load.ts";
import type { OperationModel, ServiceModel } from "#model/types.ts";
import { createWire } from "#wire/wire.ts";
import { findBotocore, readBotocore } from "../../tools/models/fromBotocore.ts";
import { services } from "../../tools/models/services.ts";
import { plain, RandomValues, Seeded } from "./randomValues.ts";
import { specialValue } from "./roundtripExceptions.ts";
import { WireServer } from "./wireServer.ts";

interface Answer {
  output?: unknown;
  error?: string;
}

/** `plain`'s marks in the form the script reads. */
function marked(value: unknown): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(marked);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, marked(item)]));
  }
  return value;
}

class Botocore {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#process = spawn("python3", [`${import.meta.dirname}/botocore_client.py`]);
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async call(call: object): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(call)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the Python process ended");
    return JSON.parse(value) as Answer;
  }

  close(): void {
    this.#process.stdin.end();
  }
}

const botocore = findBotocore();
const seed = Number(process.env["JIKIMI_SEED"] ?? 20_261_124);
const withoutClient = services.filter((row) => row.client === undefined).map((row) => row.id);
const runs: [service: string, protocol: string | null][] = [
  ...withoutClient.map((id): [string, null] => [id, null]),
  ["cloudwatch", "smithy-rpc-v2-cbor"],
  ["cloudwatch", "json"],
  ["cloudwatch", "query"],
  ["ec2", null],
  ["iam", null],
  ["sts", null],
];

describe("round trip with botocore", { skip: botocore === undefined && "botocore is not installed" }, () => {
  const server = new WireServer(createWire({ defaultRegion: "us-east-1" }));
  const python = new Botocore();
  let endpoint = "";
  before(async () => {
    endpoint = await server.listen();
  });
  after(async () => {
    python.close();
    await server.close();
  });

  for (const [id, protocol] of runs) {
    test(protocol === null ? id : `${id} over ${protocol}`, async () => {
      const service = loadModel(id);
      const known = readBotocore(botocore!.data, id).operations;
      const misses: string[] = [];
      for (const operation of service.operations.values()) {
        // Operations and members that are newer than this botocore are covered by the JavaScript client.
        const older = known.get(operation.name) as unknown as OperationModel | undefined;
        if (older === undefined) continue;
        const miss = await roundTrip(service, operation, older, protocol);
        if (miss !== undefined) misses.push(`${operation.name}: ${miss}`);
      }
      assert.deepEqual(misses, [], `seed ${seed}`);
    });
  }

  async function roundTrip(
    service: ServiceModel,
    operation: OperationModel,
    /** The operation as botocore knows it. */
    older: OperationModel,
    protocol: string | null,
  ): Promise<string | undefined> {
    const random = new Seeded(seed + operation.name.length * 7919);
    const special = (direction: "input" | "output") => (member: Parameters<typeof specialValue>[2]) =>
      specialValue(service, operation, member, direction);
    const input = new RandomValues(random, special("input")).input(older);
    const output = new RandomValues(random, special("output")).output(older);
    server.seen = undefined;
    server.failure = undefined;
    server.answer = () => output;
    const call = { service: service.id, protocol, operation: operation.name, input: marked(input), endpoint };
    const answer = await python.call(call);
    if (answer.error !== undefined) return `${answer.error} (server: ${String(server.failure)})`;
    const seen = server.seen as { route: { operation: OperationModel }; input: unknown } | undefined;
    if (seen?.route.operation !== operation) return `routed to ${seen?.route.operation.name}`;
    return difference("input", plain(seen.input), plain(input)) ?? difference("output", answer.output, marked(output));
  }
});

function difference(what: string, actual: unknown, expected: unknown): string | undefined {
  try {
    assert.deepStrictEqual(actual, expected);
    return undefined;
  } catch (error) {
    return `${what} ${(error as Error).message.split("\n").slice(0, 30).join("\n")}`;
  }
}
