/**
 * The round trip with botocore, for the services that have no current JavaScript client and for CloudWatch in each of its
 * three protocols. Skipped where python3 has no botocore.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { loadModel } from "#model/load.ts";
import type { OperationModel, ServiceModel, Shape } from "#model/types.ts";
import { createWire } from "#wire/wire.ts";
import { findBotocore, readBotocore } from "../../tools/models/fromBotocore.ts";
import type { GraphShape } from "../../tools/models/graph.ts";
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

/** Our shapes, reduced to the members that botocore has too. */
class Common {
  readonly #known = new Map<Shape, Shape>();

  of(shape: Shape, other: GraphShape): Shape {
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const reduced: Shape = { ...shape };
    this.#known.set(shape, reduced);
    if (shape.members) {
      const theirs = new Map((other.members ?? []).map((member) => [member.name, member.shape]));
      reduced.members = shape.members
        .filter((member) => theirs.has(member.name))
        .map((member) => ({ ...member, shape: this.of(member.shape, theirs.get(member.name)!) }));
    }
    if (shape.element && other.element) {
      reduced.element = { ...shape.element, shape: this.of(shape.element.shape, other.element.shape) };
    }
    return reduced;
  }
}

async function* streamed<T>(events: readonly T[]): AsyncIterable<T> {
  yield* events;
}

/** What the handler would return: event streams as they are produced. */
function served(operation: OperationModel, output: Record<string, unknown>): Record<string, unknown> {
  const events = operation.output.members?.find((member) => member.shape.eventStream)?.name;
  return events === undefined ? output : { ...output, [events]: streamed(output[events] as unknown[]) };
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
/** One of each protocol and whatever the JavaScript clients do not cover; `JIKIMI_EVERY=1` takes all services (a minute). */
const sample = new Set(["s3", "s3control", "route53", "lambda", "sns", "sts", "cloudwatch", "kms"]);
const every = process.env["JIKIMI_EVERY"] === "1";
const chosen = services.filter((row) => every || row.client === undefined || sample.has(row.id));
const runs: [service: string, protocol: string | null][] = [
  ...chosen.map((row): [string, null] => [row.id, null]),
  ["cloudwatch", "json"],
  ["cloudwatch", "query"],
];

describe("round trip with botocore", { skip: botocore === undefined && "botocore is not installed" }, () => {
  const server = new WireServer(createWire({ defaultRegion: "us-east-1" }));
  let python: Botocore;
  let endpoint = "";
  before(async () => {
    python = new Botocore();
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
        const older = known.get(operation.name);
        if (older === undefined) continue;
        const common = new Common();
        const shared = {
          ...operation,
          input: common.of(operation.input, older.input),
          output: common.of(operation.output, older.output),
        };
        const miss = await roundTrip(service, operation, shared, protocol);
        if (miss !== undefined) misses.push(`${operation.name}: ${miss}`);
      }
      assert.deepEqual(misses, [], `seed ${seed}`);
    });
  }

  async function roundTrip(
    service: ServiceModel,
    operation: OperationModel,
    /** The operation with the members that botocore knows. */
    shared: OperationModel,
    protocol: string | null,
  ): Promise<string | undefined> {
    const random = new Seeded(seed + operation.name.length * 7919);
    const special = (direction: "input" | "output") => (member: Parameters<typeof specialValue>[2]) =>
      specialValue(service, operation, member, direction, "botocore");
    const input = new RandomValues(random, special("input")).input(shared);
    const output = new RandomValues(random, special("output")).output(shared);
    server.seen = undefined;
    server.failure = undefined;
    server.answer = () => served(operation, output);
    const call = {
      service: service.id,
      protocol,
      operation: operation.name,
      input: marked(input),
      endpoint: endpoint.replace("127.0.0.1", "localhost"),
    };
    const answer = await python.call(call);
    if (answer.error !== undefined) return `${answer.error} (server: ${String(server.failure)})`;
    const seen = server.seen as { route: { operation: OperationModel }; input: unknown } | undefined;
    if (seen?.route.operation !== operation) return `routed to ${seen?.route.operation.name}`;
    // Every request with a body brings its length, which a few operations of S3 have as a member.
    if (input["ContentLength"] === undefined) delete (seen.input as Record<string, unknown>)["ContentLength"];
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
