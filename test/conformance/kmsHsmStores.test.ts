/**
 * KMS keys in a CloudHSM cluster, with unmodified clients: the cluster is claimed with openssl, KMS is told of it through
 * the AWS API, and the modules are processes that a test can kill.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { aws } from "../cli.ts";
import { filesWith } from "../dataFolder.ts";
import { HsmCustomer, missingForHsm } from "../hsmCustomer.ts";
import { connected } from "../hsmKeyStore.ts";
import { eventually, type Instance, startInstance } from "../instance.ts";
import { advance } from "../operator.ts";

const skip = await missingForHsm();
const officer = "officer-4711";
const kmsPassword = "kms-password-1";
const folder = mkdtempSync(join(tmpdir(), "jikimi-kms-hsm-"));
const dataDir = mkdtempSync(join(tmpdir(), "jikimi-kms-hsm-data-"));

let instance: Instance;
let customer: HsmCustomer;
let clusterId: string;
let [kms, s3] = [] as unknown as [KMS, S3];
let anchor: string;
let storeId: string;

async function start(port?: number): Promise<void> {
  instance = await startInstance({
    dataDir,
    env: { JIKIMI_PKCS11_MODULE: "embedded" },
    args: ["--adjustable-clock"],
    ...(port === undefined ? {} : { port }),
  });
  customer = new HsmCustomer(instance, folder);
  [kms, s3] = [new KMS(instance.client), new S3(instance.s3Client)];
}

before(async () => {
  if (skip) return;
  await start();
  clusterId = await customer.activeCluster(officer);
  // What it was claimed with.
  anchor = readFileSync(join(folder, "ca.crt"), "utf8");
});
after(async () => {
  await instance?.stop();
  for (const each of [folder, dataDir]) rmSync(each, { recursive: true, force: true });
});

const wanted = (more: object = {}) => ({
  CustomKeyStoreName: "hsm",
  CloudHsmClusterId: clusterId,
  KeyStorePassword: kmsPassword,
  TrustAnchorCertificate: anchor,
  ...more,
});

async function store() {
  return (await kms.describeCustomKeyStores({ CustomKeyStoreId: storeId })).CustomKeyStores![0]!;
}

const connect = () => connected(kms, storeId);

const newKey = async () =>
  (await kms.createKey({ Origin: "AWS_CLOUDHSM", CustomKeyStoreId: storeId })).KeyMetadata!.KeyId!;

const refusal = (name: string, message?: RegExp) => ({ name, ...(message ? { message } : {}) });

test("a store needs two HSMs in two zones, and the cluster's own trust anchor", { skip }, async () => {
  await assert.rejects(
    kms.createCustomKeyStore(wanted()),
    refusal("CloudHsmClusterInvalidConfigurationException", /two active HSMs/),
  );
  await customer.createHsm(clusterId, "b");
  await customer.settled(clusterId, "ACTIVE", 2);
  const other = mkdtempSync(join(tmpdir(), "jikimi-kms-hsm-other-"));
  const { TrustAnchor } = await new HsmCustomer(instance, other).sign(
    await customer.openssl(
      "req",
      "-new",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=x",
      "-keyout",
      join(other, "x.key"),
    ),
  );
  rmSync(other, { recursive: true });
  await assert.rejects(
    kms.createCustomKeyStore(wanted({ TrustAnchorCertificate: TrustAnchor })),
    refusal("IncorrectTrustAnchorException"),
  );
  await assert.rejects(
    kms.createCustomKeyStore(wanted({ CloudHsmClusterId: "cluster-abcdefg2345" })),
    refusal("CloudHsmClusterNotFoundException"),
  );
  for (const KeyStorePassword of ["short", "x".repeat(33)]) {
    await assert.rejects(kms.createCustomKeyStore(wanted({ KeyStorePassword })), refusal("ValidationException"));
  }
  storeId = (await kms.createCustomKeyStore(wanted())).CustomKeyStoreId!;
  assert.equal((await store()).CloudHsmClusterId, clusterId);
  await assert.rejects(
    kms.createCustomKeyStore(wanted({ CustomKeyStoreName: "second" })),
    refusal("CloudHsmClusterInUseException"),
  );
});

test("connecting says what is wrong, and once nothing is, changes the password of kmsuser", { skip }, async () => {
  await assert.rejects(
    kms.createKey({ Origin: "AWS_CLOUDHSM", CustomKeyStoreId: storeId }),
    refusal("CustomKeyStoreInvalidStateException"),
  );
  const disconnect = () => kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
  assert.equal(await connect(), "USER_NOT_FOUND");
  await disconnect();
  const asOfficer = ["--cluster", clusterId, "--as", "admin"];
  await customer.must(["user", "create", "kmsuser", ...asOfficer, "--role", "crypto-user"], officer, "another-one-1");
  assert.equal(await connect(), "INVALID_CREDENTIALS");
  await disconnect();
  await kms.updateCustomKeyStore({ CustomKeyStoreId: storeId, KeyStorePassword: "another-one-1" });
  assert.equal(await connect(), "CONNECTED");
  const ran = await customer.pkcs11(clusterId, "kmsuser:another-one-1", "--list-objects");
  assert.notEqual(ran.code, 0, ran.stdout);
  // Neither the passwords that KMS was told nor what an officer typed are on the disk.
  for (const password of [kmsPassword, "another-one-1", officer]) {
    assert.deepEqual(await filesWith(dataDir, password), [], password);
  }
});

test("a key is born in the modules and used there, also by the AWS CLI", { skip }, async () => {
  const KeyId = await newKey();
  const { KeyMetadata } = await kms.describeKey({ KeyId });
  assert.deepEqual(
    [KeyMetadata!.Origin, KeyMetadata!.CustomKeyStoreId, KeyMetadata!.CloudHsmClusterId],
    ["AWS_CLOUDHSM", storeId, clusterId],
  );
  const EncryptionContext = { 부서: "보안" };
  const Plaintext = randomBytes(4096);
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, EncryptionContext });
  assert.deepEqual(Buffer.from((await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext!), Plaintext);
  await assert.rejects(kms.decrypt({ CiphertextBlob }), refusal("InvalidCiphertextException"));
  const made = await kms.generateDataKey({ KeyId, KeySpec: "AES_256" });
  const elsewhere = (await kms.createKey({})).KeyMetadata!.KeyId!;
  const out = await kms.reEncrypt({ CiphertextBlob: made.CiphertextBlob, DestinationKeyId: elsewhere });
  const back = await kms.reEncrypt({ CiphertextBlob: out.CiphertextBlob, DestinationKeyId: KeyId });
  assert.deepEqual((await kms.decrypt({ CiphertextBlob: back.CiphertextBlob })).Plaintext, made.Plaintext);
  assert.equal((await kms.generateRandom({ NumberOfBytes: 32, CustomKeyStoreId: storeId })).Plaintext!.length, 32);

  writeFileSync(join(folder, "blob"), made.CiphertextBlob!);
  const told = await aws(instance, ["kms", "decrypt", "--ciphertext-blob", `fileb://${join(folder, "blob")}`]);
  assert.deepEqual(Buffer.from(told.Plaintext, "base64"), Buffer.from(made.Plaintext!));

  const cloudtrail = new CloudTrail(instance.client);
  const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "CreateCustomKeyStore" }];
  const records = await eventually(async () => {
    const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
    const texts = Events!.map(({ CloudTrailEvent }) => CloudTrailEvent!);
    return texts.some((text) => !JSON.parse(text).errorCode) && texts;
  });
  assert.equal(records.join().includes(kmsPassword), false);
  assert.ok(records.some((text) => JSON.parse(text).requestParameters.clusterId === clusterId));
});

test("T2: disconnected, an object under the key is unreadable at once; connected, it is back", { skip }, async () => {
  const SSEKMSKeyId = await newKey();
  const Bucket = "in-the-modules";
  await s3.createBucket({ Bucket });
  await s3.putObject({ Bucket, Key: "o", Body: "secret", ServerSideEncryption: "aws:kms", SSEKMSKeyId });
  const read = async () => (await s3.getObject({ Bucket, Key: "o" })).Body!.transformToString();
  assert.equal(await read(), "secret");
  await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
  // The very next read, not one within a second.
  await assert.rejects(read(), /not connected to its AWS CloudHSM cluster/);
  const { KeyMetadata } = await kms.describeKey({ KeyId: SSEKMSKeyId });
  assert.equal(KeyMetadata!.KeyState, "Unavailable");
  assert.equal(await connect(), "CONNECTED");
  assert.equal(await read(), "secret");
});

test("one module is killed, and the other serves; all are, and KMS says so; they come back", { skip }, async () => {
  const KeyId = await newKey();
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });
  const alive = async () => (await customer.seen(clusterId)).hsms.filter((hsm) => hsm.alive && hsm.inStep);
  const [first] = await alive();
  process.kill(first!.pid!, "SIGKILL");
  for (let turn = 0; turn < 10; turn++) await kms.decrypt({ CiphertextBlob });
  await eventually(async () => (await alive()).length === 2);
  await kms.decrypt({ CiphertextBlob });
});

test(
  "killed with -9 while a store connects, everything goes on: it is connected, and its keys decrypt",
  { skip },
  async () => {
    const KeyId = await newKey();
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("kept") });
    const port = Number(new URL(instance.endpoint).port);
    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    await kms.connectCustomKeyStore({ CustomKeyStoreId: storeId });
    await instance.kill();
    await start(port);
    await eventually(async () => {
      const { ConnectionState, ConnectionErrorCode } = await store();
      assert.equal(ConnectionErrorCode, undefined);
      return ConnectionState === "CONNECTED";
    });
    const opened = await eventually(() => kms.decrypt({ CiphertextBlob }).catch(() => undefined));
    assert.equal(Buffer.from(opened.Plaintext!).toString(), "kept");
  },
);

test("a deleted key's material is destroyed in the modules; then the store can go", { skip }, async () => {
  const inStore = async () => {
    const { Keys } = await kms.listKeys({});
    const known = await Promise.all(Keys!.map(({ KeyId }) => kms.describeKey({ KeyId })));
    return known.filter(({ KeyMetadata }) => KeyMetadata!.CustomKeyStoreId === storeId);
  };
  const objects = async () => ((await customer.seen(clusterId)) as { objects?: number }).objects;
  const keys = await inStore();
  assert.ok(keys.length > 0);
  assert.equal(await objects(), keys.length);
  for (const { KeyMetadata } of keys) {
    await kms.scheduleKeyDeletion({ KeyId: KeyMetadata!.KeyId!, PendingWindowInDays: 7 });
  }
  await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
  await assert.rejects(
    kms.deleteCustomKeyStore({ CustomKeyStoreId: storeId }),
    refusal("CustomKeyStoreHasCMKsException"),
  );
  assert.equal(await connect(), "CONNECTED");
  await advance(instance, 8 * 86_400_000);
  await eventually(async () => (await objects()) === 0, { within: 60_000 });
  assert.deepEqual(await inStore(), []);
  await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
  // The documents of the last key go after its material.
  await eventually(() =>
    kms.deleteCustomKeyStore({ CustomKeyStoreId: storeId }).then(
      () => true,
      () => false,
    ),
  );
  await assert.rejects(store(), refusal("CustomKeyStoreNotFoundException"));
});
