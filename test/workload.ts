/**
 * Clients that go on working whatever happens, and remember exactly what was acknowledged to them; afterwards all
 * of it is looked for.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { CreateUserCommand, GetUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { eventually, type Instance } from "./instance.ts";

const bucket = "survivors";

export class Workload {
  readonly objects = new Map<string, string>();
  readonly users = new Set<string>();
  readonly ciphertexts: { blob: Uint8Array; plaintext: string }[] = [];
  /** The installation as it is now: a restart may have another port. */
  readonly #instance: () => Instance;
  readonly #stop = new AbortController();
  #workers: Promise<void>[] = [];

  constructor(instance: () => Instance) {
    this.#instance = instance;
  }

  get size(): number {
    return this.objects.size + this.users.size + this.ciphertexts.length;
  }

  async start(): Promise<void> {
    await new S3Client(this.#instance().s3Client).send(new CreateBucketCommand({ Bucket: bucket }));
    this.#workers = [
      this.#repeat(() => this.#putObject()),
      this.#repeat(() => this.#createUser()),
      this.#repeat(() => this.#encrypt()),
    ];
  }

  /** Resolves when `count` more calls have been acknowledged. */
  async progress(count: number): Promise<void> {
    const before = this.size;
    await eventually(async () => this.size >= before + count, { within: 60_000, every: 20 });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#workers);
  }

  async assertEverythingIsThere(): Promise<void> {
    await this.#assertObjects();
    await this.#assertUsersAndKeys();
    await this.#assertRecorded();
  }

  /** What was cut off did not happen, or happened whole: the client tries with another name. */
  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await work();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #putObject(): Promise<void> {
    const s3 = new S3Client(this.#instance().s3Client);
    const body = randomBytes(randomInt(1, 200_000));
    const name = `object-${randomBytes(8).toString("hex")}`;
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: body }));
    this.objects.set(name, createHash("sha256").update(body).digest("hex"));
  }

  async #createUser(): Promise<void> {
    const name = `user-${randomBytes(8).toString("hex")}`;
    await new IAMClient(this.#instance().client).send(new CreateUserCommand({ UserName: name }));
    this.users.add(name);
  }

  async #encrypt(): Promise<void> {
    const kms = new KMSClient(this.#instance().client);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const plaintext = randomBytes(16).toString("hex");
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from(plaintext) }),
    );
    this.ciphertexts.push({ blob: CiphertextBlob!, plaintext });
  }

  async #assertObjects(): Promise<void> {
    const s3 = new S3Client(this.#instance().s3Client);
    for (const [name, digest] of this.objects) {
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

  async #assertUsersAndKeys(): Promise<void> {
    const iam = new IAMClient(this.#instance().client);
    for (const name of this.users) await iam.send(new GetUserCommand({ UserName: name }));
    const kms = new KMSClient(this.#instance().client);
    for (const { blob, plaintext } of this.ciphertexts) {
      const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob: blob }));
      assert.equal(Buffer.from(Plaintext!).toString(), plaintext);
    }
  }

  /** Each effect has its record, once. */
  async #assertRecorded(): Promise<void> {
    await eventually(
      async () => {
        const recorded = await this.#recordedUsers();
        for (const name of this.users) assert.equal(recorded.get(name), 1, `records of ${name}`);
        return true;
      },
      { within: 60_000, every: 500 },
    );
  }

  /** Names of users whose creation succeeded according to the event history, and how often. */
  async #recordedUsers(): Promise<Map<string, number>> {
    const trail = new CloudTrailClient({ ...this.#instance().client, region: "us-east-1" });
    const counts = new Map<string, number>();
    const attribute = { AttributeKey: "EventName" as const, AttributeValue: "CreateUser" };
    for (let token: string | undefined; ;) {
      const page = await trail.send(new LookupEventsCommand({ LookupAttributes: [attribute], NextToken: token }));
      for (const event of page.Events ?? []) {
        const record = JSON.parse(event.CloudTrailEvent!) as {
          errorCode?: string;
          requestParameters: { userName: string };
        };
        const name = record.requestParameters?.userName;
        if (record.errorCode === undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      token = page.NextToken;
      if (token === undefined) return counts;
    }
  }
}
