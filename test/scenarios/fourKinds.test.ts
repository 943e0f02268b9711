/**
 * T1: what each kind of key allows and refuses. Customer managed keys are their owner's; AWS managed ones are seen, and
 * used through their service only; AWS owned ones are not even seen; those of a CloudHSM key store are in its owner's
 * modules. A cell of the table is a call. T2: a key in a store works only while the store is connected.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import type { LedgerReport } from "../../src/roles/ledgerReport.ts";
import { HsmCustomer, missingForHsm } from "../hsmCustomer.ts";
import { connected, connectedHsmStore } from "../hsmKeyStore.ts";
import { agreesWithTable, audited, handling, outcome } from "../keyKinds.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";

let instance: Instance;
let [kms, s3, sqs, cloudtrail] = [] as unknown as [KMS, S3, SQS, CloudTrail];
before(async () => {
  instance = await startInstance({ env: { JIKIMI_PKCS11_MODULE: "embedded" } });
  [kms, s3] = [new KMS(instance.client), new S3(instance.s3Client)];
  [sqs, cloudtrail] = [new SQS(instance.client), new CloudTrail(instance.client)];
});
after(() => instance?.stop());

test("a customer managed key is its owner's: viewed, used, governed, rotated, disabled, deleted, audited", async () => {
  const { KeyMetadata } = await kms.createKey({});
  assert.equal(KeyMetadata!.KeyManager, "CUSTOMER");
  const cells = await handling(kms, KeyMetadata!.KeyId!);
  await eventually(async () => (await audited(cloudtrail, KeyMetadata!.Arn!)).includes("ScheduleKeyDeletion"));
  agreesWithTable("customer", { ...cells, audit: "" });
});

test("an AWS managed key is viewed and audited, used through its service only, and rotated every year", async () => {
  await s3.createBucket({ Bucket: "kinds" });
  await s3.putObject({ Bucket: "kinds", Key: "k", Body: "text", ServerSideEncryption: "aws:kms" });
  const KeyMetadata = (await kms.describeKey({ KeyId: "alias/aws/s3" })).KeyMetadata!;
  assert.equal(KeyMetadata.KeyManager, "AWS");
  assert.ok((await kms.listKeys({})).Keys!.some(({ KeyId }) => KeyId === KeyMetadata.KeyId));
  const cells = await handling(kms, KeyMetadata.KeyId!);
  const { view: _, ...refused } = cells;
  for (const [cell, name] of Object.entries(refused)) assert.match(name, /^AccessDenied/, cell);
  const rotation = await kms.getKeyRotationStatus({ KeyId: KeyMetadata.KeyId });
  assert.deepEqual([rotation.KeyRotationEnabled, rotation.RotationPeriodInDays], [true, 365]);
  // Through the service it works, and every use is recorded.
  const object = await s3.getObject({ Bucket: "kinds", Key: "k" });
  assert.equal(await object.Body!.transformToString(), "text");
  assert.equal(object.SSEKMSKeyId, KeyMetadata.Arn);
  await eventually(async () => (await audited(cloudtrail, KeyMetadata.Arn!)).includes("Decrypt"));
  agreesWithTable("aws", { ...cells, audit: "" });
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
  // No list has it, so there is nothing that a call could name; its alias, which AWS reserves, leads nowhere either.
  const KeyId = "alias/aws/owned";
  const [view, use, rotate, disable, del, changePolicy] = await Promise.all([
    outcome(kms.describeKey({ KeyId })),
    outcome(kms.encrypt({ KeyId, Plaintext: Buffer.from("x") })),
    outcome(kms.rotateKeyOnDemand({ KeyId })),
    outcome(kms.disableKey({ KeyId })),
    outcome(kms.scheduleKeyDeletion({ KeyId })),
    outcome(kms.putKeyPolicy({ KeyId, Policy: "{}" })),
  ]);
  agreesWithTable("owned", { view, use, rotate, disable, delete: del, changePolicy, audit: "no record" });
});

const noHsm = await missingForHsm();

test(
  "a key in a CloudHSM key store is its owner's while the store is connected, and never rotated by KMS",
  { skip: noHsm },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "jikimi-kinds-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const { storeId, clusterId } = await connectedHsmStore(new HsmCustomer(instance, folder), folder, kms);
    const create = () => kms.createKey({ Origin: "AWS_CLOUDHSM", CustomKeyStoreId: storeId });
    const KeyMetadata = (await create()).KeyMetadata!;
    assert.deepEqual([KeyMetadata.KeyManager, KeyMetadata.CloudHsmClusterId], ["CUSTOMER", clusterId]);
    const cells = await handling(kms, KeyMetadata.KeyId!);
    assert.equal(cells.rotate, "UnsupportedOperationException");
    // T3: both modules are on the ledger by the hour.
    await eventually(async () => {
      const ledger: LedgerReport = await operator(instance, "GET", "/_jikimi/ledger");
      const lines = ledger.accounts.flatMap(({ regions }) => regions.flatMap(({ lines: each }) => each));
      const modules = lines.find(({ item }) => item === "hsm");
      return modules && modules.of !== "unknown" && modules.quantity >= 2;
    });
    await eventually(async () => (await audited(cloudtrail, KeyMetadata.Arn!)).includes("ScheduleKeyDeletion"));
    agreesWithTable("cloudHsm", { ...cells, audit: "" });

    // T2: through S3 as well as directly.
    const SSEKMSKeyId = (await create()).KeyMetadata!.KeyId!;
    await s3.createBucket({ Bucket: "kinds-hsm" });
    const at = { Bucket: "kinds-hsm", Key: "k" };
    await s3.putObject({ ...at, Body: "text", ServerSideEncryption: "aws:kms", SSEKMSKeyId });
    const read = async () => (await s3.getObject(at)).Body!.transformToString();
    assert.equal(await read(), "text");
    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    await assert.rejects(read(), /not connected/);
    assert.equal(
      await outcome(kms.encrypt({ KeyId: SSEKMSKeyId, Plaintext: Buffer.from("x") })),
      "KMSInvalidStateException",
    );
    assert.equal(await outcome(create()), "CustomKeyStoreInvalidStateException");
    assert.equal((await kms.describeKey({ KeyId: SSEKMSKeyId })).KeyMetadata!.KeyState, "Unavailable");
    assert.equal(await connected(kms, storeId), "CONNECTED");
    assert.equal(await read(), "text");
  },
);
