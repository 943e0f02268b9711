/** `jikimi up --ephemeral`: nothing is kept, and one call empties it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { EC2 } from "@aws-sdk/client-ec2";
import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { HsmCustomer } from "../hsmCustomer.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

const reset = (instance: Instance) => fetch(`${instance.endpoint}/_jikimi/reset`, { method: "POST" });

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

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

  test("clusters of HSMs end with a reset: processes, files and sockets", async () => {
    const customer = new HsmCustomer(instance, instance.dataDir);
    const living = async (): Promise<{ id: string; pid: number; socket: string }> => {
      const id = await customer.createCluster();
      await customer.settled(id, "UNINITIALIZED");
      await customer.createHsm(id);
      await customer.settled(id, "UNINITIALIZED", 1);
      const { socket, hsms } = await customer.seen(id);
      return { id, pid: hsms[0]!.pid!, socket: socket! };
    };
    const first = await living();
    const kept = (): string[] =>
      readdirSync(join(instance.dataDir, "hsm")).filter((name) => name.startsWith("cluster-"));
    assert.deepEqual([kept(), existsSync(first.socket), isAlive(first.pid)], [[first.id], true, true]);
    assert.equal((await reset(instance)).status, 200);
    assert.deepEqual([kept(), existsSync(first.socket), isAlive(first.pid)], [[], false, false]);
    assert.deepEqual((await customer.hsm.describeClusters({})).Clusters, []);
    const second = await living();
    assert.deepEqual(kept(), [second.id]);
    assert.equal((await reset(instance)).status, 200);
  });

  test("images of volumes go with a reset, and new ones are made", async () => {
    const ec2 = new EC2(instance.client);
    const images = (): string[] =>
      readdirSync(join(instance.dataDir, "volumes")).filter((name) => name.endsWith(".image"));
    const volume = async (): Promise<string> => {
      const { VolumeId } = await ec2.createVolume({ AvailabilityZone: `${instance.ready.region}a`, Size: 1 });
      const available = async (): Promise<boolean> =>
        (await ec2.describeVolumes({ VolumeIds: [VolumeId!] })).Volumes![0]!.State === "available";
      await eventually(available);
      return VolumeId!;
    };
    const first = await volume();
    assert.deepEqual(images(), [`${first}.image`]);
    assert.equal((await reset(instance)).status, 200);
    assert.deepEqual((await ec2.describeVolumes({})).Volumes, []);
    await eventually(async () => images().length === 0);
    const second = await volume();
    assert.deepEqual(images(), [`${second}.image`]);
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
