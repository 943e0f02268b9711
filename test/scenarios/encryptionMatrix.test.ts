/**
 * E1–E3 and K4: what is encrypted at rest and in transit, with proof; what is not is listed as such; what AWS always
 * encrypts cannot be switched off. The witness of a proof is the disk: the bytes that are shown lie on it.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { SQS } from "@aws-sdk/client-sqs";
import type { BytesProof } from "../../src/roles/encryptionMatrixBytes.ts";
import type { Cell, EncryptionMatrix, HandshakeProof, MatrixRow } from "../../src/roles/encryptionMatrixShape.ts";
import { run } from "../cli.ts";
import { filesWith, whatIsThere } from "../dataFolder.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { NbdClient, nbdSocket } from "../nbd.ts";
import { operator } from "../operator.ts";
import { own } from "../ownApi.ts";
import { Application } from "../wafApplication.ts";

const canary = "canary-91c7-nobody-may-read-this";

/** A trail, and every way to leave its files unencrypted. */
async function trailWithoutEncryption(): Promise<void> {
  const Bucket = "matrix-trail";
  await s3.createBucket({ Bucket });
  const statement = (Action: string, Resource: string) => ({
    Effect: "Allow",
    Principal: { Service: "cloudtrail.amazonaws.com" },
    Action,
    Resource,
  });
  const Statement = [
    statement("s3:GetBucketAcl", `arn:aws:s3:::${Bucket}`),
    statement("s3:PutObject", `arn:aws:s3:::${Bucket}/*`),
  ];
  await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  // "Without": the bucket's own encryption is removed, too, and files are encrypted all the same.
  await s3.deleteBucketEncryption({ Bucket });
  await cloudtrail.createTrail({ Name: "matrix", S3BucketName: Bucket });
  await cloudtrail.updateTrail({ Name: "matrix", KmsKeyId: "" });
  await cloudtrail.startLogging({ Name: "matrix" });
}

let instance: Instance;
let s3: S3;
let sqs: SQS;
let cloudtrail: CloudTrail;
let application: Application;
let keyArn: string;
before(async () => {
  instance = await startInstance();
  [s3, sqs, cloudtrail] = [new S3(instance.s3Client), new SQS(instance.client), new CloudTrail(instance.client)];
  const kms = new KMS(instance.client);
  await trailWithoutEncryption();
  keyArn = (await kms.createKey({})).KeyMetadata!.Arn!;
  application = await Application.behindLoadBalancer(instance, "matrix");
});
after(async () => {
  application?.close();
  await instance?.stop();
});

/** A volume with text on it: the canary where it is encrypted. */
async function writtenVolume(options: { Encrypted: boolean; KmsKeyId?: string }): Promise<string> {
  const ec2 = new EC2(instance.client);
  const { VolumeId } = await ec2.createVolume({ AvailabilityZone: `${instance.ready.region}a`, Size: 1, ...options });
  await eventually(async () => {
    const { Volumes } = await ec2.describeVolumes({ VolumeIds: [VolumeId!] });
    return Volumes![0]!.State === "available";
  });
  const client = await NbdClient.attach(nbdSocket(instance), VolumeId!);
  const block = Buffer.alloc(4_096, options.Encrypted ? `${canary} ` : "in the clear, ");
  assert.equal(await client.write(0, block, true), 0);
  client.end();
  return VolumeId!;
}

const matrix = (): Promise<EncryptionMatrix> => operator(instance, "GET", "/_jikimi/encryption-matrix");

async function cell(kind: string, resource: RegExp = /(?:)/): Promise<Cell> {
  const { rows } = await matrix();
  const row = rows.find((each) => each.kind === kind && resource.test(each.resource ?? ""));
  assert.ok(row, `${kind} ${resource}`);
  return (row.atRest ?? row.inTransit)!;
}

/** Waits until there is something to look at. */
const shown = (kind: string, resource?: RegExp): Promise<Cell> =>
  eventually(async () => {
    const found = await cell(kind, resource);
    return found.state !== "empty" && found;
  });

/** Whether the bytes of a proof lie on the disk, as they are or as base64. */
async function isOnDisk({ hex }: BytesProof): Promise<boolean> {
  const bytes = Buffer.from(hex, "hex").subarray(0, 30);
  const forms = [bytes, Buffer.from(bytes.toString("base64"))];
  for (const entry of await readdir(instance.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await whatIsThere(join(entry.parentPath, entry.name));
    if (forms.some((form) => file.includes(form))) return true;
  }
  return false;
}

async function encrypted(kind: string, resource: RegExp | undefined, key: string): Promise<void> {
  const found = await shown(kind, resource);
  assert.equal(found.state, "encrypted", `${kind}: ${JSON.stringify(found)}`);
  assert.equal(found.key, key, kind);
  const proof = found.proof as BytesProof;
  assert.ok(proof.bytes > 0 && proof.hex.length > 0, kind);
  assert.ok(await isOnDisk(proof), `${kind}: ${proof.medium} ${proof.hex}`);
}

test("at rest, under keys of KMS and under the installation's: the bytes that are shown lie on the disk", async () => {
  await s3.createBucket({ Bucket: "matrix-own" });
  await s3.putObject({ Bucket: "matrix-own", Key: "paper.txt", Body: canary });
  await s3.createBucket({ Bucket: "matrix-kms" });
  const underKey = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn } as const;
  await s3.putObject({ Bucket: "matrix-kms", Key: "paper.txt", Body: canary, ...underKey });
  await encrypted("object", /matrix-own/, "key holder");
  await encrypted("object", /matrix-kms/, keyArn);

  const sealed = { SqsManagedSseEnabled: "true" };
  const { QueueUrl } = await sqs.createQueue({ QueueName: "closed", Attributes: sealed });
  await sqs.sendMessage({ QueueUrl, MessageBody: canary });
  await encrypted("queue", /closed/, "key holder");

  const logs = new CloudWatchLogs(instance.client);
  const place = { logGroupName: "/matrix", logStreamName: "one" };
  await logs.createLogGroup(place);
  await logs.createLogStream(place);
  await logs.putLogEvents({ ...place, logEvents: [{ timestamp: Date.now(), message: canary }] });
  await encrypted("logGroup", /\/matrix/, "key holder");

  await encrypted("volume", new RegExp(await writtenVolume({ Encrypted: true, KmsKeyId: keyArn })), keyArn);

  const guardduty = new GuardDuty(instance.client);
  await new SecurityHub(instance.client).enableSecurityHub({});
  const { DetectorId } = await guardduty.createDetector({ Enable: true });
  await guardduty.createSampleFindings({ DetectorId, FindingTypes: ["Policy:IAMUser/RootCredentialUsage"] });
  for (const kind of ["eventHistory", "guardDutyFinding", "securityHubFinding"]) {
    await encrypted(kind, undefined, "key holder (documents)");
  }
  await encrypted("keyMaterial", undefined, "key holder");
  await encrypted("secretAccessKey", undefined, "key holder");
  await encrypted("keyring", undefined, "seal");
  assert.deepEqual(await filesWith(instance.dataDir, canary), []);
});

test("what the lists of always and optionally encrypted name and nobody hosts here is refused, and said to be absent", async () => {
  const { rows } = await matrix();
  for (const kind of ["rds", "redshift", "efs", "storageGateway"]) {
    const row = rows.find((each) => each.kind === kind)!;
    assert.deepEqual(row.atRest, { state: "absent", why: "notServed" });
  }
  for (const StorageClass of ["GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"] as const) {
    await s3.putObject({ Bucket: "matrix-own", Key: StorageClass, Body: canary, StorageClass }).then(
      async () => {
        // Taken: then it is encrypted as everything in S3 is, and cannot be otherwise.
        const { ServerSideEncryption } = await s3.headObject({ Bucket: "matrix-own", Key: StorageClass });
        assert.equal(ServerSideEncryption, "AES256", StorageClass);
      },
      ({ name }) => assert.match(name, /^(InvalidStorageClass|NotImplemented)$/, StorageClass),
    );
  }
  assert.deepEqual(await filesWith(instance.dataDir, canary), []);
});

test("in transit: the protocol and cipher of a handshake just made; a listener without TLS is listed as such", async () => {
  const tls = await cell("apiTls");
  const { protocol, cipher } = tls.proof as HandshakeProof;
  assert.deepEqual([tls.state, protocol], ["encrypted", "TLSv1.3"]);
  assert.match(cipher!, /^TLS_/);
  const own = await run(
    "openssl",
    ["s_client", "-brief", "-connect", new URL(instance.endpoint).host],
    process.env,
    "",
  );
  assert.ok(own.stderr.includes(cipher!), own.stderr);
  const open = await cell("apiHttp");
  assert.deepEqual([open.state, open.why], ["plain", "withoutTls"]);
  const listener = await shown("listener");
  assert.deepEqual([listener.state, listener.why], ["plain", "withoutTls"]);
  assert.equal((await cell("targetGroup")).state, "plain");
});

test("what lies in the clear says so, with the bytes", async () => {
  const { QueueUrl } = await sqs.createQueue({ QueueName: "open", Attributes: { SqsManagedSseEnabled: "false" } });
  assert.deepEqual(await cell("queue", /:open$/), { state: "plain", why: "noKeyChosen" });
  await sqs.sendMessage({ QueueUrl, MessageBody: "in the clear" });
  const queue = await cell("queue", /:open$/);
  const bytes = Buffer.from((queue.proof as BytesProof).hex, "hex").toString();
  assert.equal(queue.state, "plain");
  assert.equal(bytes, '{"body":"in ', "enough to see that it can be read, and no more");
  const volume = await cell("volume", new RegExp(await writtenVolume({ Encrypted: false })));
  assert.equal(Buffer.from((volume.proof as BytesProof).hex, "hex").toString(), "in the clear");
  assert.deepEqual([volume.state, volume.why], ["plain", "noKeyChosen"]);
  for (const [kind, why] of [
    ["portKey", "neededBeforeKeys"],
    ["developmentKey", "developmentSeal"],
    ["processLog", "processLog"],
    ["configuration", "configuration"],
  ] as const) {
    const found = await cell(kind);
    assert.deepEqual([found.state, found.why], ["plain", why]);
  }
  for (const kind of ["portKey", "authorityKey", "developmentKey", "administratorKey"]) {
    assert.equal(((await cell(kind)).proof as BytesProof).hex, "", `${kind}: nothing of a secret is shown`);
  }
});

test("lines of access logs are on the disk sealed only, from the edge to the bucket", async () => {
  const Bucket = "matrix-access";
  await s3.createBucket({ Bucket });
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
    Action: "s3:PutObject",
    Resource: `arn:aws:s3:::${Bucket}/*`,
  };
  await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  await new ElasticLoadBalancingV2(instance.client).modifyLoadBalancerAttributes({
    LoadBalancerArn: application.loadBalancerArn,
    Attributes: [
      { Key: "access_logs.s3.enabled", Value: "true" },
      { Key: "access_logs.s3.bucket", Value: Bucket },
    ],
  });
  const path = `/${canary}`;
  await eventually(async () => {
    await application.call({ path });
    const { Contents = [] } = await s3.listObjectsV2({ Bucket, Prefix: "AWSLogs/" });
    return Contents.some(({ Key }) => Key!.endsWith(".log.gz"));
  });
  const stream = await shown("accessLogStream");
  assert.deepEqual([stream.state, stream.key], ["encrypted", "key holder (documents)"]);
  assert.ok(await isOnDisk(stream.proof as BytesProof));
  assert.deepEqual(await filesWith(instance.dataDir, canary), []);
});

test("CloudTrail's files are encrypted, under its own key when no other is named, and there is no switch for it", async () => {
  await encrypted("trailLog", /matrix-trail/, "key holder");
});

test("an account sees its own; the installation's things only its operator's account does", async () => {
  const iam = new IAM(instance.client);
  await iam.createUser({ UserName: "looker" });
  const { AccessKey } = await iam.createAccessKey({ UserName: "looker" });
  const looker = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const refused = await own(instance, "encryption-matrix", {}, looker);
  assert.equal(refused.body.code, "AccessDeniedException");
  const { body } = await own(instance, "encryption-matrix");
  const rows = body.rows as MatrixRow[];
  assert.ok(rows.some(({ kind }) => kind === "keyring"));
  assert.equal(
    body.counts.plain,
    rows.filter(({ atRest, inTransit }) => (atRest ?? inTransit)!.state === "plain").length,
  );
});

test("jikimi encryption: a table, and JSON", async () => {
  const main = join(repository, "src/cli/main.ts");
  const jikimi = (...args: string[]) =>
    run(process.execPath, [main, "encryption", "--data", instance.dataDir, ...args], process.env);
  const { rows } = JSON.parse((await jikimi("--json")).stdout) as EncryptionMatrix;
  assert.ok(rows.length > 20);
  const english = (await jikimi("--lang", "en")).stdout;
  assert.match(english, /NOT ENCRYPTED.*arn:aws:sqs:[^\n]*:open/);
  assert.match(english, /TLSv1\.3/);
  assert.match((await jikimi("--lang", "ko")).stdout, /암호화되지 않음/);
});
