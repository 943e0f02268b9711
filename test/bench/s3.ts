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
  { name: "64 KB", bytes: 64 * 1024, count: 120 },
  { name: "64 MB", bytes: 64 * 1024 * 1024, count: 4 },
];

interface Measured {
  /** Bytes per second, one after the other. */
  rate: number;
  /** Milliseconds of CPU each. */
  cpu: number;
}

async function measure(
  bytes: number,
  count: number,
  cpu: () => Promise<number>,
  work: () => Promise<unknown>,
): Promise<Measured> {
  for (let n = 0; n < warmUp(count); n++) await work();
  const before = await cpu();
  const start = performance.now();
  for (let n = 0; n < count; n++) await work();
  const seconds = (performance.now() - start) / 1000;
  return { rate: (bytes * count) / seconds, cpu: ((await cpu()) - before) / count };
}

/** A server that has just started compiles its code. */
function warmUp(count: number): number {
  return Math.ceil(count / 2);
}

/** The copy's data is the kernel's work on our behalf, so it is CPU of this process. */
async function ownCpu(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function copying(bytes: number, count: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-bench-"));
  try {
    const from = join(folder, "from");
    await writeFile(from, randomBytes(bytes));
    let n = 0;
    return await measure(bytes, count, ownCpu, async () => {
      const to = join(folder, `to-${n++}`);
      await copyFile(from, to, constants.COPYFILE_EXCL);
      const file = await open(to, "r+");
      await file.sync();
      await file.close();
    });
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
    for (const { name, bytes, count } of sizes) {
      const Body = randomBytes(bytes);
      const upload = (Key: string, kms: boolean): Promise<Prepared> =>
        prepare(s3, (each) =>
          each.putObject({ Bucket: bucket, Key, Body, ...(kms ? { ServerSideEncryption: "aws:kms" } : {}) }),
        );
      const download = (Key: string): Promise<Prepared> =>
        prepare(s3, (each) => each.getObject({ Bucket: bucket, Key }));
      const measured = (prepared: Prepared): Promise<Measured> =>
        measure(
          bytes,
          count,
          () => cpuOfInstance(instance),
          () => send(agent, port, prepared),
        );
      const plain = {
        put: await measured(await upload("default", false)),
        get: await measured(await download("default")),
      };
      const kms = { put: await measured(await upload("kms", true)), get: await measured(await download("kms")) };
      const copy = await copying(bytes, count);
      for (const way of ["put", "get"] as const) {
        const own = `${said(kms[way])} each with SSE-KMS`;
        const beside = (who: string, other: Measured): Row[] => [
          {
            name: `s3 ${way} ${name}, ${who}: per second`,
            ratio: kms[way].rate / other.rate,
            detail: `${own}; ${said(other)}`,
          },
          { name: `s3 ${way} ${name}, ${who}: CPU`, ratio: other.cpu / kms[way].cpu, detail: `${own}; ${said(other)}` },
        ];
        rows.push(...beside("default encryption", plain[way]), ...beside("synced file copy", copy));
      }
    }
    return rows;
  } finally {
    agent.destroy();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
