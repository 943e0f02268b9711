/**
 * S3 uploads and downloads of 64 KB and 64 MB with SSE-KMS, beside the same with the default encryption (S3 has
 * none without) and beside a copy of a file of that size, synced, by `node:fs`.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3 } from "@aws-sdk/client-s3";
import { startInstance } from "../instance.ts";
import { cpuOfInstance } from "./parts/processes.ts";
import { prepare, send, type Prepared } from "./parts/requests.ts";
import { print, type Row } from "./parts/row.ts";

const bucket = "bench-bodies";
const sizes = [
  { name: "64 KB", bytes: 64 * 1024, count: 40, warmTurns: 6, turns: 15 },
  { name: "64 MB", bytes: 64 * 1024 * 1024, count: 1, warmTurns: 2, turns: 5 },
];
type Size = (typeof sizes)[number];

interface Measured {
  /** Bytes per second, one after the other. */
  rate: number;
  /** Milliseconds of CPU each. */
  cpu: number;
}

/** The ways take turns: none has the warmer server or the quieter machine. The first turns do not count. */
async function measure<Way extends string>(
  { bytes, count, warmTurns, turns }: Size,
  cpu: () => Promise<number>,
  ways: Record<Way, () => Promise<unknown>>,
): Promise<Record<Way, Measured>> {
  const names = Object.keys(ways) as Way[];
  const measured = names.map((): Measured[] => []);
  for (let turn = 0; turn < warmTurns + turns; turn++) {
    for (const [position, name] of names.entries()) {
      const before = await cpu();
      const start = performance.now();
      for (let n = 0; n < count; n++) await ways[name]();
      const seconds = (performance.now() - start) / 1000;
      const each = { rate: (bytes * count) / seconds, cpu: ((await cpu()) - before) / count };
      if (turn >= warmTurns) measured[position]!.push(each);
    }
  }
  const summary = (each: Measured[]): Measured => ({
    rate: median(each.map(({ rate }) => rate)),
    // CPU is counted in steps that a single turn is too short for.
    cpu: each.reduce((sum, turn) => sum + turn.cpu, 0) / each.length,
  });
  return Object.fromEntries(names.map((name, n) => [name, summary(measured[n]!)])) as Record<Way, Measured>;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The copy's data is the kernel's work on our behalf, so it is CPU of this process. */
async function ownCpu(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function copying(size: Size): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-bench-"));
  try {
    const from = join(folder, "from");
    await writeFile(from, randomBytes(size.bytes));
    let n = 0;
    const copied = async (): Promise<void> => {
      const to = join(folder, `to-${n++}`);
      await copyFile(from, to, constants.COPYFILE_EXCL);
      const file = await open(to, "r+");
      await file.sync();
      await file.close();
    };
    return (await measure(size, ownCpu, { copied })).copied;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const said = ({ rate, cpu }: Measured): string => `${(rate / 1e6).toFixed(1)} MB/s, ${cpu.toFixed(1)} ms of CPU`;

export async function bench(): Promise<Row[]> {
  const instance = await startInstance();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const port = Number(new URL(instance.endpoint).port);
    const s3 = new S3({ ...instance.s3Client, requestChecksumCalculation: "WHEN_REQUIRED" });
    await s3.createBucket({ Bucket: bucket });
    const rows: Row[] = [];
    for (const size of sizes) {
      const { name } = size;
      const Body = randomBytes(size.bytes);
      const upload = (Key: string, kms: boolean): Promise<Prepared> =>
        prepare(s3, (each) =>
          each.putObject({ Bucket: bucket, Key, Body, ...(kms ? { ServerSideEncryption: "aws:kms" } : {}) }),
        );
      const download = (Key: string): Promise<Prepared> =>
        prepare(s3, (each) => each.getObject({ Bucket: bucket, Key }));
      const both = async (plain: Prepared, kms: Prepared): Promise<Record<"plain" | "kms", Measured>> =>
        await measure(size, () => cpuOfInstance(instance), {
          plain: () => send(agent, port, plain),
          kms: () => send(agent, port, kms),
        });
      const measured = {
        put: await both(await upload("default", false), await upload("kms", true)),
        get: await both(await download("default"), await download("kms")),
      };
      const copy = await copying(size);
      for (const way of ["put", "get"] as const) {
        const { plain, kms } = measured[way];
        const own = `${said(kms)} each with SSE-KMS`;
        const beside = (who: string, other: Measured): Row[] => [
          {
            name: `s3 ${way} ${name}, ${who}: per second`,
            ratio: kms.rate / other.rate,
            detail: `${own}; ${said(other)}`,
          },
          { name: `s3 ${way} ${name}, ${who}: CPU`, ratio: other.cpu / kms.cpu, detail: `${own}; ${said(other)}` },
        ];
        rows.push(...beside("default encryption", plain), ...beside("synced file copy", copy));
      }
    }
    return rows;
  } finally {
    agent.destroy();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
