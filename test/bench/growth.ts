/**
 * Cost of a call among 10 and among 100,000 keys, users and objects. The population is written through the store: what
 * the API has made of one resource, under 100,000 other names (without its rows in secondary indexes).
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Agent } from "node:http";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { systemClock } from "#kernel/clock.ts";
import type { Document, Operation, Store } from "#store/contract.ts";
import { openStore } from "#store/open.ts";
import { startInstance, type Instance } from "../instance.ts";
import { cpuOf } from "./parts/processes.ts";
import { prepare, send, type Prepared } from "./parts/requests.ts";
import { print, type Row } from "./parts/row.ts";

const population = Number(process.env["JIKIMI_BENCH_POPULATION"] ?? 100_000);
const calls = 1500;
const warmUp = 300;
const batchSize = 500;

interface Subject {
  name: string;
  service: string;
  /** Makes one resource and gives the text in its documents that is to be another in each copy. */
  make(): Promise<string>;
  another(original: string): string;
  call: Prepared;
}

/** Documents of a service that appeared since a change. */
async function madeSince(store: Store, since: number, service: string): Promise<Document[]> {
  const changes = await store.changes(since, 10_000);
  const documents = await store.getMany(changes.map(({ key }) => key));
  return documents.filter((document) => document?.key.service === service) as Document[];
}

/** Writes copies of what was made, under other names. */
async function populate(store: Store, { service, make, another }: Subject): Promise<void> {
  const since = await store.lastChange();
  const original = await make();
  const made = (await madeSince(store, since, service)).filter(({ key }) => key.id.includes(original));
  if (made.length === 0) throw new Error(`nothing of ${service} is named by ${original}`);
  const copies = (): Operation[] => {
    const name = another(original);
    return made.map(({ key, value }) => ({
      op: "put",
      key: { ...key, id: key.id.replace(original, name) },
      value: JSON.parse(JSON.stringify(value).replaceAll(original, name)) as unknown,
    }));
  };
  let left = population;
  const writer = async (): Promise<void> => {
    for (; left > 0; left -= batchSize) await store.commit(Array.from({ length: batchSize }, copies).flat());
  };
  await Promise.all([writer(), writer()]);
}

/** Microseconds of CPU of the api role per call. */
async function cost(instance: Instance, pid: number, prepared: Prepared): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const port = Number(new URL(instance.endpoint).port);
  const run = async (count: number): Promise<void> => {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await send(agent, port, prepared);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  };
  await run(warmUp);
  const before = await cpuOf(pid);
  await run(calls);
  const used = (await cpuOf(pid)) - before;
  agent.destroy();
  return (used * 1000) / calls;
}

async function subjects(instance: Instance): Promise<Subject[]> {
  const kms = new KMS(instance.client);
  const iam = new IAM({ ...instance.client, region: "us-east-1" });
  const s3 = new S3(instance.s3Client);
  await s3.createBucket({ Bucket: "growth" });
  await s3.putObject({ Bucket: "growth", Key: "the-object", Body: "x" });
  await iam.createUser({ UserName: "the-user" });
  const { KeyMetadata } = await kms.createKey({});
  const Plaintext = Buffer.alloc(64, 7);
  const suffixed = (original: string): string => `${original}-${randomUUID()}`;
  return [
    {
      name: "kms Encrypt, keys",
      service: "kms",
      make: async () => (await kms.createKey({})).KeyMetadata!.KeyId!,
      another: () => randomUUID(),
      call: await prepare(kms, (each) => each.encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext })),
    },
    {
      name: "iam GetUser, users",
      service: "iam",
      make: async () => (await iam.createUser({ UserName: "population" })).User!.UserName!,
      another: suffixed,
      call: await prepare(iam, (each) => each.getUser({ UserName: "the-user" })),
    },
    {
      name: "s3 GetObject, objects",
      service: "s3",
      make: async () => {
        await s3.putObject({ Bucket: "growth", Key: "population", Body: "x" });
        return "population";
      },
      another: suffixed,
      call: await prepare(s3, (each) => each.getObject({ Bucket: "growth", Key: "the-object" })),
    },
  ];
}

export async function bench(): Promise<Row[]> {
  const instance = await startInstance();
  const store = await openStore(`ipc:${join(instance.dataDir, "run/internal.sock")}`, { clock: systemClock });
  try {
    const pid = (await instance.rolePids())["api"]!;
    const all = await subjects(instance);
    const few: number[] = [];
    for (const { call } of all) few.push(await cost(instance, pid, call));
    for (const subject of all) await populate(store, subject);
    const rows: Row[] = [];
    for (const [position, { name, call }] of all.entries()) {
      const many = await cost(instance, pid, call);
      const detail = `${few[position]!.toFixed(0)} µs of CPU of the api role among few, ${many.toFixed(0)} µs among ${population.toLocaleString("en")}`;
      rows.push({ name: `growth: ${name}`, ratio: few[position]! / many, detail });
    }
    return rows;
  } finally {
    await store.close();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
