/**
 * Scenario main, point 5: `kill -9` of any role, or of all, at any instant. Afterwards everything acknowledged is
 * there, nothing half-done shows, and nobody repaired anything.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CreateUserCommand, GetUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { eventually, startInstance, type Instance } from "../instance.ts";

const bucket = "survivors";
const rounds = 12;

interface Acknowledged {
  objects: Map<string, string>;
  users: Set<string>;
  ciphertexts: { blob: Uint8Array; plaintext: string }[];
}

describe("kill -9 of any role at any instant", () => {
  let folder: string;
  let instance: Instance;
  const acknowledged: Acknowledged = { objects: new Map(), users: new Set(), ciphertexts: [] };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-crash-"));
    instance = await startInstance({ dataDir: folder });
    await new S3Client(instance.s3Client).send(new CreateBucketCommand({ Bucket: bucket }));
  });

  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("everything acknowledged is there afterwards", { timeout: 240_000 }, async () => {
    const stop = new AbortController();
    const workers = [objects(stop.signal), users(stop.signal), keys(stop.signal)];
    for (let round = 0; round < rounds; round++) {
      const before = size();
      // Kill only what has worked since the last time, at an instant that nobody chose.
      await eventually(async () => size() > before + 3, { within: 60_000, every: 20 });
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 60)));
      await strike(round);
    }
    stop.abort();
    await Promise.all(workers);
    await eventually(async () => (await fetch(`${instance.endpoint}/_jikimi/readyz`)).ok);

    assert.ok(
      acknowledged.objects.size > rounds &&
        acknowledged.users.size > rounds &&
        acknowledged.ciphertexts.length > rounds,
    );
    await assertObjects();
    await assertUsersAndKeys();
    await assertRecorded();
  });

  const size = () => acknowledged.objects.size + acknowledged.users.size + acknowledged.ciphertexts.length;

  async function strike(round: number): Promise<void> {
    const pids = await instance.rolePids();
    const api = pids["api"];
    switch (round % 4) {
      case 0:
        if (api) process.kill(api, "SIGKILL");
        return;
      case 1: {
        const holder = api === undefined ? undefined : await keyHolderOf(api);
        if (holder) process.kill(holder, "SIGKILL");
        return;
      }
      case 2:
        if (pids["jobs"]) process.kill(pids["jobs"], "SIGKILL");
        return;
      default: {
        const { port } = new URL(instance.endpoint);
        await instance.kill();
        instance = await startInstance({ dataDir: folder, port: Number(port) });
      }
    }
  }

  /** What was cut off did not happen, or happened whole: the client tries with another name. */
  async function repeat(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await work();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  function objects(signal: AbortSignal): Promise<void> {
    return repeat(signal, async () => {
      const s3 = new S3Client(instance.s3Client);
      const body = randomBytes(randomInt(1, 200_000));
      const name = `object-${randomBytes(8).toString("hex")}`;
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: body }));
      acknowledged.objects.set(name, createHash("sha256").update(body).digest("hex"));
    });
  }

  function users(signal: AbortSignal): Promise<void> {
    return repeat(signal, async () => {
      const name = `user-${randomBytes(8).toString("hex")}`;
      await new IAMClient(instance.client).send(new CreateUserCommand({ UserName: name }));
      acknowledged.users.add(name);
    });
  }

  function keys(signal: AbortSignal): Promise<void> {
    return repeat(signal, async () => {
      const kms = new KMSClient(instance.client);
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const plaintext = randomBytes(16).toString("hex");
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from(plaintext) }),
      );
      acknowledged.ciphertexts.push({ blob: CiphertextBlob!, plaintext });
    });
  }

  async function assertObjects(): Promise<void> {
    const s3 = new S3Client(instance.s3Client);
    for (const [name, digest] of acknowledged.objects) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
      const bytes = await Body!.transformToByteArray();
      assert.equal(createHash("sha256").update(bytes).digest("hex"), digest, name);
    }
    // What shows can be read whole, whether its client heard of it or not.
    for (let token: string | undefined; ;) {
      const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
      for (const { Key, Size } of page.Contents ?? []) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: Key! }));
        assert.equal((await Body!.transformToByteArray()).length, Size);
      }
      token = page.NextContinuationToken;
      if (token === undefined) break;
    }
  }

  async function assertUsersAndKeys(): Promise<void> {
    const iam = new IAMClient(instance.client);
    for (const name of acknowledged.users) await iam.send(new GetUserCommand({ UserName: name }));
    const kms = new KMSClient(instance.client);
    for (const { blob, plaintext } of acknowledged.ciphertexts) {
      const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob: blob }));
      assert.equal(Buffer.from(Plaintext!).toString(), plaintext);
    }
  }

  /** Each effect has its record: the last users that were made are in the event history. */
  async function assertRecorded(): Promise<void> {
    const trail = new CloudTrailClient({ ...instance.client, region: "us-east-1" });
    const wanted = [...acknowledged.users].slice(-20);
    await eventually(async () => {
      const attribute = { AttributeKey: "EventName" as const, AttributeValue: "CreateUser" };
      const { Events } = await trail.send(new LookupEventsCommand({ LookupAttributes: [attribute] }));
      const recorded = (Events ?? []).map((event) => event.CloudTrailEvent!).join("\n");
      return wanted.every((name) => recorded.includes(name));
    });
  }
});

async function keyHolderOf(api: number): Promise<number | undefined> {
  for (const thread of await readdir(`/proc/${api}/task`)) {
    const children = await readFile(`/proc/${api}/task/${thread}/children`, "utf8").catch(() => "");
    for (const pid of children.split(" ").filter(Boolean)) {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (command.includes("holder.ts")) return Number(pid);
    }
  }
  return undefined;
}
