/**
 * A small world for this service's tests: the gateway's real pipeline behind the wire (authorization by the policy
 * engine, commit, audit), a real key holder and blob store, the store in memory, and people whose policies a test
 * sets. KMS is a stand-in of two operations that are authorized like KMS's.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { FilesystemBlobs } from "#blob/filesystem.ts";
import { execute } from "#gateway/execute.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { defineService, type ByteStream } from "#gateway/service.ts";
import { MemoryStore } from "#gateway/testing.ts";
import { auditRecords, testJobContext, testRuntime } from "#gateway/testingRuntime.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { startKeyHolder } from "#keys/client.ts";
import { loadModel } from "#model/load.ts";
import { service } from "./index.ts";

export const account = "111122223333";
export const otherAccount = "444455556666";
export const region = "ap-northeast-2";

export function user(name: string, inAccount = account): Principal & { kind: "user"; arn: string } {
  return {
    kind: "user",
    account: inAccount,
    arn: `arn:aws:iam::${inAccount}:user/${name}`,
    id: `AIDA${name.toUpperCase()}`,
    userName: name,
  };
}

/** May do everything in its account that resources do not refuse. */
export const admin = user("admin");
export const otherAdmin = user("admin", otherAccount);
export const root: Principal = { kind: "root", account, arn: `arn:aws:iam::${account}:root`, id: account };
export const anonymous: Principal = { kind: "anonymous" };

const everything = { Effect: "Allow", Action: "*", Resource: "*" };

export interface CallOptions {
  as?: Principal;
  region?: string;
  headers?: Record<string, string>;
  calledVia?: readonly string[];
  signal?: AbortSignal;
}

/** Keys of the stand-in KMS: 256 bits of material each, enabled until a test disables them. */
class TestKms {
  readonly disabled = new Set<string>();
  readonly #keys = new Map<string, Buffer>();
  readonly calls: { operation: string; context: Record<string, string> | undefined }[] = [];

  arn(keyId: string): string {
    return keyId.startsWith("arn:") ? keyId : `arn:aws:kms:${region}:${account}:key/${keyId.replace("alias/aws/", "")}`;
  }

  material(arn: string): Buffer {
    if (this.disabled.has(arn)) throw new AwsError("DisabledException", `${arn} is disabled.`, 400);
    const found = this.#keys.get(arn) ?? randomBytes(32);
    this.#keys.set(arn, found);
    return found;
  }

  readonly service = defineService<typeof import("@aws-sdk/client-kms")>()({
    id: "kms",
    operations: {
      GenerateDataKey: (input) => {
        const arn = this.arn(input.KeyId!);
        this.calls.push({ operation: "GenerateDataKey", context: input.EncryptionContext });
        const plaintext = randomBytes(32);
        const iv = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", this.material(arn), iv);
        cipher.setAAD(contextBytes(input.EncryptionContext));
        const blob = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
        return { KeyId: arn, Plaintext: plaintext, CiphertextBlob: blob };
      },
      Decrypt: (input) => {
        const arn = this.arn(input.KeyId!);
        this.calls.push({ operation: "Decrypt", context: input.EncryptionContext });
        const blob = input.CiphertextBlob as Buffer;
        const decipher = createDecipheriv("aes-256-gcm", this.material(arn), blob.subarray(0, 12));
        decipher.setAAD(contextBytes(input.EncryptionContext));
        decipher.setAuthTag(blob.subarray(-16));
        return { KeyId: arn, Plaintext: Buffer.concat([decipher.update(blob.subarray(12, -16)), decipher.final()]) };
      },
    },
    access: {
      GenerateDataKey: (input) => ({ action: "kms:GenerateDataKey", resource: this.arn(input.KeyId!) }),
      Decrypt: (input) => ({ action: "kms:Decrypt", resource: this.arn(input.KeyId!) }),
    },
  });
}

/** A stand-in that knows one MFA device per account, whose code is always the same. */
export const mfaCode = "123456";
const sts = defineService<typeof import("@aws-sdk/client-sts")>()({
  id: "sts",
  operations: {
    GetSessionToken: ({ SerialNumber, TokenCode }, ctx) => {
      if (SerialNumber === `arn:aws:iam::${ctx.account}:mfa/root` && TokenCode === mfaCode) return {};
      throw new AwsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403);
    },
  },
  access: { GetSessionToken: () => "none" },
});

function contextBytes(context: Record<string, string> | undefined): Buffer {
  return createHash("sha256")
    .update(JSON.stringify(context ?? {}))
    .digest();
}

export class World {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(() => this.clock.now());
  readonly kms = new TestKms();
  /** Identity policy by ARN; the admins of both accounts have everything. */
  readonly policies = new Map<string, string>();
  readonly keys: KeyHolder;
  readonly blobs: FilesystemBlobs;
  readonly dataDir: string;

  private constructor(keys: KeyHolder, blobs: FilesystemBlobs, dataDir: string) {
    this.keys = keys;
    this.blobs = blobs;
    this.dataDir = dataDir;
    this.allow(admin, everything);
    this.allow(otherAdmin, everything);
  }

  static async open(): Promise<World> {
    const dataDir = await mkdtemp(join(tmpdir(), "jikimi-s3-"));
    const keys = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: silentLogger });
    return new World(keys, await FilesystemBlobs.open(join(dataDir, "blobs")), dataDir);
  }

  async close(): Promise<void> {
    await this.keys.close();
    await this.blobs.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  allow(who: { arn: string }, ...statements: object[]): void {
    this.policies.set(who.arn, JSON.stringify({ Version: "2012-10-17", Statement: statements }));
  }

  async call(operation: string, input: Record<string, unknown> = {}, options: CallOptions = {}): Promise<any> {
    const principal = options.as ?? admin;
    return await execute(this.runtime(), {
      service: loadModel("s3"),
      operation,
      input,
      principal,
      account: "account" in principal ? principal.account : "000000000000",
      region: options.region ?? region,
      requestId: systemRandom.uuid(),
      source: {
        ip: "127.0.0.1",
        userAgent: "test",
        host: "127.0.0.1:4566",
        scheme: "http",
        headers: options.headers ?? {},
        calledVia: options.calledVia ?? [],
        ...(principal.kind === "anonymous"
          ? {}
          : { signature: { version: "AWS4-HMAC-SHA256", authType: "REST-HEADER", ageMs: 10 } }),
      },
      signal: options.signal ?? new AbortController().signal,
    });
  }

  /** A new bucket, with further input of CreateBucket. */
  async bucket(name: string, input: Record<string, unknown> = {}): Promise<string> {
    await this.call("CreateBucket", {
      Bucket: name,
      CreateBucketConfiguration: { LocationConstraint: region },
      ...input,
    });
    return name;
  }

  async put(bucket: string, key: string, body: string | Uint8Array, input: Record<string, unknown> = {}): Promise<any> {
    return await this.call("PutObject", { Bucket: bucket, Key: key, Body: Buffer.from(body as string), ...input });
  }

  async text(
    bucket: string,
    key: string,
    input: Record<string, unknown> = {},
    options: CallOptions = {},
  ): Promise<string> {
    const { Body } = await this.call("GetObject", { Bucket: bucket, Key: key, ...input }, options);
    return (await collect(Body)).toString("utf8");
  }

  /** Runs a job as the job runner does. */
  async run(name: string): Promise<void> {
    const context = testJobContext({ store: this.store, keys: this.keys, blobs: this.blobs, clock: this.clock });
    await service.jobs.find((job) => job.name === name)!.run(context);
  }

  async blobPaths(): Promise<string[]> {
    const root = join(this.dataDir, "blobs");
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  /** Every blob file's bytes. */
  async blobFiles(): Promise<Buffer[]> {
    return await Promise.all((await this.blobPaths()).map((path) => readFile(path)));
  }

  async blobCount(): Promise<number> {
    return (await this.blobs.list(undefined, 10_000)).length;
  }

  records(): Record<string, any>[] {
    return auditRecords(this.store);
  }

  runtime(): Runtime {
    return testRuntime({
      services: [service, this.kms.service, sts],
      store: this.store,
      keys: this.keys,
      blobs: this.blobs,
      clock: this.clock,
      policies: this.policies,
    });
  }
}

export async function collect(body: ByteStream | Uint8Array): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** For `assert.rejects`: code, and status and message where a test states them. */
export function refused(code: string, rest: { status?: number; message?: string | RegExp } = {}) {
  return (error: unknown): boolean => {
    if (!(error instanceof AwsError) || error.code !== code) {
      throw new Error(`expected ${code}, got ${String((error as AwsError).code ?? error)}: ${String(error)}`, {
        cause: error,
      });
    }
    if (rest.status !== undefined && error.status !== rest.status) throw new Error(`status ${error.status}`);
    const { message } = rest;
    if (typeof message === "string" && error.message !== message) throw new Error(`message ${error.message}`);
    if (message instanceof RegExp && !message.test(error.message)) throw new Error(`message ${error.message}`);
    return true;
  };
}
