/**
 * T1: what each kind of key allows and refuses. Customer managed keys are their owner's; AWS managed ones are seen, and
 * used through their service only; AWS owned ones are not even seen. A cell of the table is a call.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

let instance: Instance;
let [kms, s3, sqs, cloudtrail] = [] as unknown as [KMS, S3, SQS, CloudTrail];
before(async () => {
  instance = await startInstance();
  [kms, s3] = [new KMS(instance.client), new S3(instance.s3Client)];
  [sqs, cloudtrail] = [new SQS(instance.client), new CloudTrail(instance.client)];
});
after(() => instance?.stop());

/** "" when it is allowed, the error's name otherwise. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "";
  } catch (error) {
    return (error as Error).name;
  }
}

/** Every way in which an owner handles a key, as the account's administrator. */
async function handling(KeyId: string): Promise<Record<string, string>> {
  const { Policy } = await kms.getKeyPolicy({ KeyId });
  return {
    view: await outcome(kms.describeKey({ KeyId })),
    use: await outcome(kms.encrypt({ KeyId, Plaintext: Buffer.from("x") })),
    changePolicy: await outcome(kms.putKeyPolicy({ KeyId, Policy })),
    rotationPeriod: await outcome(kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 })),
    rotateNow: await outcome(kms.rotateKeyOnDemand({ KeyId })),
    disable: await outcome(kms.disableKey({ KeyId })),
    delete: await outcome(kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 })),
  };
}

/** The events of CloudTrail that name a key. */
async function audited(keyArn: string): Promise<string[]> {
  const LookupAttributes = [{ AttributeKey: "ResourceName" as const, AttributeValue: keyArn }];
  const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
  return Events!.map(({ EventName }) => EventName!);
}

test("a customer managed key is its owner's: viewed, used, governed, rotated, disabled, deleted, audited", async () => {
  const { KeyMetadata } = await kms.createKey({});
  assert.equal(KeyMetadata!.KeyManager, "CUSTOMER");
  assert.deepEqual([...new Set(Object.values(await handling(KeyMetadata!.KeyId!)))], [""]);
  await eventually(async () => (await audited(KeyMetadata!.Arn!)).includes("ScheduleKeyDeletion"));
});

test("an AWS managed key is viewed and audited, used through its service only, and rotated every year", async () => {
  await s3.createBucket({ Bucket: "kinds" });
  await s3.putObject({ Bucket: "kinds", Key: "k", Body: "text", ServerSideEncryption: "aws:kms" });
  const KeyMetadata = (await kms.describeKey({ KeyId: "alias/aws/s3" })).KeyMetadata!;
  assert.equal(KeyMetadata.KeyManager, "AWS");
  assert.ok((await kms.listKeys({})).Keys!.some(({ KeyId }) => KeyId === KeyMetadata.KeyId));
  const cells = await handling(KeyMetadata.KeyId!);
  assert.equal(cells["view"], "");
  const { view: _, ...refused } = cells;
  for (const [cell, name] of Object.entries(refused)) assert.match(name, /^AccessDenied/, cell);
  const rotation = await kms.getKeyRotationStatus({ KeyId: KeyMetadata.KeyId });
  assert.deepEqual([rotation.KeyRotationEnabled, rotation.RotationPeriodInDays], [true, 365]);
  // Through the service it works, and every use is recorded.
  const object = await s3.getObject({ Bucket: "kinds", Key: "k" });
  assert.equal(await object.Body!.transformToString(), "text");
  assert.equal(object.SSEKMSKeyId, KeyMetadata.Arn);
  await eventually(async () => (await audited(KeyMetadata.Arn!)).includes("Decrypt"));
});

test("an AWS owned key is used and nothing else: no list shows it, no call names it, no trail records it", async () => {
  const keys = async () => (await kms.listKeys({})).Keys!.map(({ KeyArn }) => KeyArn!).toSorted();
  const before = await keys();
  const { QueueUrl } = await sqs.createQueue({ QueueName: "owned", Attributes: { SqsManagedSseEnabled: "true" } });
  await sqs.sendMessage({ QueueUrl, MessageBody: "text" });
  const { Messages } = await sqs.receiveMessage({ QueueUrl });
  assert.equal(Messages![0]!.Body, "text");
  assert.deepEqual(await keys(), before);
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  assert.equal(Attributes!["SqsManagedSseEnabled"], "true");
  assert.equal(Attributes!["KmsMasterKeyId"], undefined);
  assert.ok(!(await kms.listAliases({})).Aliases!.some(({ AliasName }) => AliasName === "alias/aws/sqs"));
  // Once the queue's own call is in the history, a call to KMS for it would be too.
  const of = async (value: string) => {
    const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: value }];
    return (await cloudtrail.lookupEvents({ LookupAttributes })).Events!;
  };
  await eventually(async () => (await of("CreateQueue")).length === 1);
  const generated = await of("GenerateDataKey");
  assert.ok(generated.every(({ CloudTrailEvent }) => !CloudTrailEvent!.includes("sqs.amazonaws.com")));
});
