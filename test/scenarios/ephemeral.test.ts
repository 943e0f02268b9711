/** `jikimi up --ephemeral`: nothing is kept, and one call empties it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";

const reset = (instance: Instance) => fetch(`${instance.endpoint}/_jikimi/reset`, { method: "POST" });

describe("an ephemeral installation", () => {
  let instance: Instance;

  before(async () => {
    instance = await startInstance({ args: ["--ephemeral", "--account", "111122223333"] });
  });

  after(async () => {
    await instance?.stop();
    assert.equal(existsSync(instance.dataDir), false, "nothing is kept");
  });

  test("has the account it was asked for", async () => {
    const { Account } = await new STSClient(instance.client).send(new GetCallerIdentityCommand({}));
    assert.equal(Account, "111122223333");
  });

  test("is empty after a reset, and its clients go on with the credentials they have", async () => {
    const s3 = new S3Client(instance.s3Client);
    const kms = new KMSClient(instance.client);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    await s3.send(new CreateBucketCommand({ Bucket: "passing" }));
    await s3.send(new PutObjectCommand({ Bucket: "passing", Key: "k", Body: "x" }));

    assert.equal((await reset(instance)).status, 200);

    assert.deepEqual((await s3.send(new ListBucketsCommand({}))).Buckets ?? [], []);
    await assert.rejects(kms.send(new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("x") })), {
      name: "NotFoundException",
    });
    const { Account } = await new STSClient(instance.client).send(new GetCallerIdentityCommand({}));
    assert.equal(Account, instance.ready.accountId);
  });

  test("records go on after a reset", async () => {
    await new KMSClient(instance.client).send(new CreateKeyCommand({}));
    const attribute = { AttributeKey: "EventName" as const, AttributeValue: "CreateKey" };
    await eventually(async () => {
      const { Events } = await new CloudTrailClient(instance.client).send(
        new LookupEventsCommand({ LookupAttributes: [attribute] }),
      );
      return Events!.length === 1;
    });
  });

  test("several resets at once are one after the other", async () => {
    const answers = await Promise.all([reset(instance), reset(instance), reset(instance)]);
    assert.ok(answers.every(({ status }) => status === 200 || status === 503));
    await eventually(async () => (await fetch(`${instance.endpoint}/_jikimi/readyz`)).ok);
    await new KMSClient(instance.client).send(new CreateKeyCommand({}));
  });
});

test("an installation that is kept refuses to be reset", async () => {
  const instance = await startInstance();
  try {
    const answer = await reset(instance);
    assert.equal(answer.status, 409);
    assert.equal(((await answer.json()) as { code: string }).code, "NotEphemeral");
  } finally {
    await instance.stop();
  }
});
