/** Bodies in somebody else's S3: the other one is a second installation of ours. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { startInstance, type Instance } from "../instance.ts";

const canary = "canary-in-the-other-store-81f2";

describe("bodies in another S3", () => {
  let other: Instance;
  let instance: Instance;

  before(async () => {
    other = await startInstance();
    await new S3Client(other.s3Client).send(new CreateBucketCommand({ Bucket: "bodies" }));
    instance = await startInstance({
      args: ["--blob", `s3://bodies/first?endpoint=${other.endpoint}&region=${other.ready.region}`],
      env: {
        JIKIMI_BLOB_ACCESS_KEY_ID: other.ready.accessKeyId,
        JIKIMI_BLOB_SECRET_ACCESS_KEY: other.ready.secretAccessKey,
      },
    });
    await new S3Client(instance.s3Client).send(new CreateBucketCommand({ Bucket: "papers" }));
  });

  after(async () => {
    await instance?.stop();
    await other?.stop();
  });

  const stored = async () => {
    const { Contents } = await new S3Client(other.s3Client).send(
      new ListObjectsV2Command({ Bucket: "bodies", Prefix: "first/" }),
    );
    return Contents ?? [];
  };

  test("an object is whole, and only its ciphertext is there", async () => {
    const s3 = new S3Client(instance.s3Client);
    await s3.send(new PutObjectCommand({ Bucket: "papers", Key: "k", Body: canary }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "papers", Key: "k" }));
    assert.equal(await Body!.transformToString(), canary);
    const [object, ...more] = await stored();
    assert.equal(more.length, 0);
    const raw = await new S3Client(other.s3Client).send(new GetObjectCommand({ Bucket: "bodies", Key: object!.Key! }));
    assert.ok(!Buffer.from(await raw.Body!.transformToByteArray()).includes(canary));
    assert.deepEqual(await readdir(join(instance.dataDir, "blobs")).catch(() => []), []);
  });

  test("a large one in parts is too, and its ranges", async () => {
    const s3 = new S3Client(instance.s3Client);
    const body = randomBytes(12 * 1024 * 1024 + 5);
    await new Upload({ client: s3, params: { Bucket: "papers", Key: "large", Body: body } }).done();
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "papers", Key: "large" }));
    assert.ok(Buffer.from(await Body!.transformToByteArray()).equals(body));
    const range = await s3.send(
      new GetObjectCommand({ Bucket: "papers", Key: "large", Range: "bytes=6000000-6000099" }),
    );
    assert.ok(Buffer.from(await range.Body!.transformToByteArray()).equals(body.subarray(6_000_000, 6_000_100)));
  });
});
