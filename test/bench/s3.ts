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
import { prepare, send, type Prepared } from "./parts/requests.ts";
import { print, type Row } from "./parts/row.ts";

const bucket = "bench-bodies";
const sizes = [
  { name: "64 KB", bytes: 64 * 1024, count: 120 },
  { name: "64 MB", bytes: 64 * 1024 * 1024, count: 2 },
];

/** Bytes per second, one after the other. */
async function rate(bytes: number, count: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  const start = performance.now();
  for (let n = 0; n < count; n++) await work();
  return (bytes * count) / ((performance.now() - start) / 1000);
}

async function copyRate(bytes: number, count: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-bench-"));
  try {
    const from = join(folder, "from");
    await writeFile(from, randomBytes(bytes));
    let n = 0;
    return await rate(bytes, count, async () => {
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

const megabytes = (bytesPerSecond: number): string => `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;

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
      const measured = async (prepared: Prepared): Promise<number> =>
        await rate(bytes, count, () => send(agent, port, prepared));
      const plain = {
        put: await measured(await upload("default", false)),
        get: await measured(await download("default")),
      };
      const kms = { put: await measured(await upload("kms", true)), get: await measured(await download("kms")) };
      const copy = await copyRate(bytes, count);
      for (const way of ["put", "get"] as const) {
        const own = `${megabytes(kms[way])} with SSE-KMS`;
        rows.push(
          {
            name: `s3 ${way} ${name}, default encryption`,
            ratio: kms[way] / plain[way],
            detail: `${own}; ${megabytes(plain[way])}`,
          },
          { name: `s3 ${way} ${name}, synced file copy`, ratio: kms[way] / copy, detail: `${own}; ${megabytes(copy)}` },
        );
      }
    }
    return rows;
  } finally {
    agent.destroy();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
