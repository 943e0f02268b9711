/** S3 across `kill -9` and across time, through unmodified clients. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { S3 } from "@aws-sdk/client-s3";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";

let dataDir: string;
let instance!: Instance;
const args = ["--adjustable-clock"];
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-s3-restart-"));
  instance = await startInstance({ dataDir, args });
});
after(async () => {
  // Undefined when it did not start: then that is the error to see.
  await (instance as Instance | undefined)?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Objects for which a data key was made, as the event history has it: once for each time. */
async function dataKeysInTrail(bucket: string): Promise<string[]> {
  const trail = new CloudTrail(instance.client);
  const keys: string[] = [];
  try {
    for (let NextToken: string | undefined, more = true; more; more = NextToken !== undefined) {
      const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "GenerateDataKey" }];
      const page = await trail.lookupEvents({ LookupAttributes, NextToken });
      for (const { CloudTrailEvent } of page.Events ?? []) {
        const { requestParameters, userIdentity } = JSON.parse(CloudTrailEvent!) as {
          requestParameters: { encryptionContext: Record<string, string> };
          userIdentity: { invokedBy: string };
        };
        assert.equal(userIdentity.invokedBy, "s3.amazonaws.com");
        keys.push(requestParameters.encryptionContext["aws:s3:arn"]!.slice(`arn:aws:s3:::${bucket}/`.length));
      }
      NextToken = page.NextToken;
    }
  } finally {
    trail.destroy();
  }
  return keys;
}

test("what was answered survives kill -9, readable, whole and recorded", async () => {
  let s3 = new S3(instance.s3Client);
  const { region } = instance.ready;
  const Bucket = "survivor";
  await s3.createBucket({
    Bucket,
    ...(region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region as "eu-west-1" } }),
  });
  const body = randomBytes(300_000);
  const acknowledged: string[] = [];
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; ; i++) {
      const Key = `w${writer}/${i}`;
      // Half of them under a KMS key, whose use is recorded in the batch of the object.
      await s3.putObject({ Bucket, Key, Body: body, ServerSideEncryption: writer % 2 === 0 ? "aws:kms" : "AES256" });
      acknowledged.push(Key);
    }
  });
  while (acknowledged.length < 40) await Promise.race([...writers, new Promise((resolve) => setImmediate(resolve))]);
  await instance.kill();
  await Promise.allSettled(writers);
  s3.destroy();

  instance = await startInstance({ dataDir, args });
  s3 = new S3(instance.s3Client);
  const listed = new Set<string>();
  for (let ContinuationToken: string | undefined, more = true; more;) {
    const page = await s3.listObjectsV2({ Bucket, ContinuationToken });
    for (const { Key } of page.Contents ?? []) listed.add(Key!);
    ContinuationToken = page.NextContinuationToken;
    more = ContinuationToken !== undefined;
  }
  for (const Key of acknowledged) assert.ok(listed.has(Key), Key);
  for (const Key of listed) {
    const got = await s3.getObject({ Bucket, Key });
    assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), body, Key);
  }
  const underKms = [...listed].filter((key) => /^w[02]/.test(key));
  assert.ok(underKms.length > 0);
  const recorded = await eventually(async () => {
    const keys = await dataKeysInTrail(Bucket);
    return underKms.every((key) => keys.includes(key)) && keys;
  });
  for (const key of underKms) assert.equal(recorded.filter((each) => each === key).length, 1, key);
  s3.destroy();
});

test("three days later, what expires after one day is gone", { timeout: 120_000 }, async () => {
  const s3 = new S3(instance.s3Client);
  const Bucket = "survivor";
  await s3.putObject({ Bucket, Key: "kept", Body: "x" });
  const Rules = [{ ID: "r", Status: "Enabled" as const, Filter: { Prefix: "w" }, Expiration: { Days: 1 } }];
  await s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } });
  assert.match((await s3.headObject({ Bucket, Key: "w0/0" })).Expiration!, /rule-id="r"/);
  const main = join(repository, "src/cli/main.ts");
  const moved = spawnSync(process.execPath, ["--no-warnings", main, "--data", dataDir, "time", "+3d"], {
    encoding: "utf8",
    input: "any\n",
  });
  assert.equal(moved.status, 0, moved.stderr);
  for (;;) {
    const { Contents = [] } = await s3.listObjectsV2({ Bucket });
    if (Contents.length === 1 && Contents[0]!.Key === "kept") break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  s3.destroy();
});
