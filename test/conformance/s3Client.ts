/** An instance with S3 for the tests of one file, and what they ask of it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { type LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { S3, S3ServiceException } from "@aws-sdk/client-s3";
import { type Instance, startInstance } from "../instance.ts";

export const MiB = 1024 ** 2;
export let instance: Instance;
export let s3: S3;
export let folder: string;
before(async () => {
  instance = await startInstance();
  s3 = new S3(instance.s3Client);
  folder = await mkdtemp(join(tmpdir(), "jikimi-s3-files-"));
});
after(async () => {
  s3.destroy();
  await instance.stop();
  await rm(folder, { recursive: true, force: true });
});

export async function bucket(Bucket: string): Promise<string> {
  await s3.createBucket({ Bucket, CreateBucketConfiguration: location() });
  return Bucket;
}

/** us-east-1 is the one Region that must not be named. */
export function location() {
  const { region } = instance.ready;
  return region === "us-east-1" ? {} : { LocationConstraint: region as "eu-west-1" };
}

/** Configuration of a client that makes host names, with somebody who knows them all. */
export function withNames(host: string) {
  const { port } = new URL(instance.endpoint);
  const lookup: LookupFunction = (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]);
  const requestHandler = { httpAgent: new Agent({ lookup }) };
  return { ...instance.client, endpoint: `http://${host}:${port}`, requestHandler };
}

export const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** The client's error of this code and status. */
export function fails(code: string, status?: number) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof S3ServiceException, String(error));
    assert.equal(error.name, code, error.message);
    if (status !== undefined) assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  };
}

export function aws(...args: string[]): { status: number | null; stdout: string; stderr: string } | undefined {
  const run = spawnSync("aws", args, { encoding: "utf8", env: instance.env() });
  return run.error ? undefined : run;
}

/** Output of a Python program with boto3; `undefined` where there is none. */
export function python(program: string): { status: number | null; stdout: string; stderr: string } | undefined {
  const env = instance.env();
  if (spawnSync("python3", ["-c", "import boto3"], { env }).status !== 0) return undefined;
  return spawnSync("python3", ["-c", program], { encoding: "utf8", env });
}
