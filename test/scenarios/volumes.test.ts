/**
 * E2, E3: volumes. A canary goes in through qemu's own client and is on no disk; a key that is taken away opens nothing
 * new; a snapshot is one moment, and its copies carry encryption to where there was none.
 */
import assert from "node:assert/strict";
import { createDecipheriv, randomBytes } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { EC2, type CreateVolumeCommandInput } from "@aws-sdk/client-ec2";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { KMS } from "@aws-sdk/client-kms";
import { SQS } from "@aws-sdk/client-sqs";
import { isInstalled, run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { hasFailed, imageOf, NbdClient, nbdSocket, nbdUri, qemuIo } from "../nbd.ts";

const zone = "us-east-1a";
/** 64 bytes of one letter, as `qemu-io -P` writes them. */
const canary = (letter: number): Buffer => Buffer.alloc(64, letter);
const beginningOf = async (path: string): Promise<Buffer> => {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = path.endsWith(".image") ? 16 * 2 ** 20 : size;
    const data = Buffer.alloc(length);
    await file.read(data, 0, length, 0);
    return data;
  } finally {
    await file.close();
  }
};
const qemu = (await isInstalled("qemu-io")) && (await isInstalled("qemu-img"));
const needsQemu = qemu ? {} : { skip: "qemu-utils is not installed" };

describe("volumes", { timeout: 240_000 }, () => {
  let instance: Instance;
  let ec2: EC2;
  let kms: KMS;

  before(async () => {
    instance = await startInstance();
    ec2 = new EC2(instance.client);
    kms = new KMS(instance.client);
  });
  after(() => instance.stop());

  const volumeOf = async (id: string) => (await ec2.describeVolumes({ VolumeIds: [id] })).Volumes![0]!;
  const isIn = (id: string, state: string) => eventually(async () => (await volumeOf(id)).State === state);
  const made = async (input: Partial<CreateVolumeCommandInput>): Promise<string> => {
    const { VolumeId } = await ec2.createVolume({ AvailabilityZone: zone, Size: 1, ...input });
    await isIn(VolumeId!, "available");
    return VolumeId!;
  };
  const completed = async (id: string) =>
    await eventually(async () => {
      const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [id] });
      assert.notEqual(Snapshots![0]!.State, "error", String(Snapshots![0]!.StateMessage));
      return Snapshots![0]!.State === "completed" && Snapshots![0];
    });
  const snapshotOf = async (VolumeId: string): Promise<string> => {
    const { SnapshotId } = await ec2.createSnapshot({ VolumeId });
    await completed(SnapshotId!);
    return SnapshotId!;
  };
  const worked = async (id: string, ...commands: string[]): Promise<void> => {
    const ran = await qemuIo(instance, id, ...commands);
    assert.ok(!hasFailed(ran), ran.stdout + ran.stderr);
  };
  /** Files of the installation that hold this. Of images the first 16 MiB, where everything is that is written here. */
  const onDisk = async (needle: Buffer): Promise<string[]> => {
    const names = await readdir(instance.dataDir, { recursive: true });
    const found: string[] = [];
    for (const name of names) {
      const path = join(instance.dataDir, name);
      if ((await stat(path)).isFile() && (await beginningOf(path)).includes(needle)) found.push(name);
    }
    return found;
  };

  test("what qemu writes to an encrypted volume it reads again, and no file holds it", needsQemu, async () => {
    const encrypted = await made({ Encrypted: true });
    await worked(encrypted, "write -P 0x4b 1M 3M", "write -P 0x4c 12345 777", "flush");
    await worked(encrypted, "read -P 0x4b 1M 3M", "read -P 0x4c 12345 777", "read -P 0 0 12345", "read -P 0 4M 1M");
    await worked(encrypted, "write -z 1M 1M", "discard 2M 64k", "read -P 0 1M 1M", "read -P 0x4b 3M 1M");
    assert.deepEqual(await onDisk(canary(0x4b)), []);
    assert.deepEqual(await onDisk(canary(0x4c)), []);
    // Thin: a GiB that holds a few MiB.
    const { size, blocks } = await stat(imageOf(instance, encrypted));
    assert.equal(size, 2 ** 30);
    assert.ok(blocks * 512 < 16 * 2 ** 20, `${blocks} blocks`);
    const listed = await run("qemu-nbd", ["--list", "-k", nbdSocket(instance)], { PATH: process.env["PATH"] });
    assert.ok(listed.stdout.includes(`export: '${encrypted}'`), listed.stdout + listed.stderr);
    // The witness that the search would have found it.
    const plain = await made({});
    await worked(plain, "write -P 0x4b 1M 1M", "flush");
    assert.deepEqual(await onDisk(canary(0x4b)), [`volumes/${plain}.image`]);
  });

  test("a volume of 100 IOPS does no more of them, beyond the second that it has saved", needsQemu, async () => {
    const slow = await made({ VolumeType: "io1", Iops: 100, Size: 4 });
    const before = performance.now();
    await worked(slow, ...Array.from({ length: 250 }, (_, n) => `write -P 1 ${n * 4}k 4k`));
    const seconds = (performance.now() - before) / 1000;
    assert.ok(seconds >= 1.5, `250 operations took ${seconds} s`);
  });

  test("the image is AES-256-XTS under a data key of KMS, as OpenSSL reads it with the key that KMS unwraps", async () => {
    const { KeyMetadata } = await kms.createKey({});
    const id = await made({ Encrypted: true, KmsKeyId: KeyMetadata!.KeyId });
    const other = await made({ Encrypted: true, KmsKeyId: KeyMetadata!.KeyId });
    const client = await NbdClient.attach(nbdSocket(instance), id);
    const unit = 4096;
    const number = 73_242;
    const written = randomBytes(2 * unit);
    assert.equal(await client.write(number * unit, written, true), 0);
    client.end();
    await isIn(id, "available");

    const database = new DatabaseSync(join(instance.dataDir, "store.sqlite"), { readOnly: true });
    const row = database.prepare("select value from documents where type = 'volume' and id = ?").get(id);
    database.close();
    const { encryption } = JSON.parse(String(row!["value"])) as { encryption: { wrapped: string } };
    const CiphertextBlob = Buffer.from(encryption.wrapped, "base64");
    const unwrap = (volume: string) => kms.decrypt({ CiphertextBlob, EncryptionContext: { "aws:ebs:id": volume } });
    await assert.rejects(unwrap(other), { name: "InvalidCiphertextException" });
    const { Plaintext } = await unwrap(id);
    assert.equal(Plaintext!.length, 64);
    const image = await open(imageOf(instance, id));
    try {
      for (const n of [0, 1]) {
        const { buffer } = await image.read(Buffer.alloc(unit), 0, unit, (number + n) * unit);
        const tweak = Buffer.alloc(16);
        tweak.writeUInt32LE(number + n);
        const plain = createDecipheriv("aes-256-xts", Plaintext!, tweak).update(buffer);
        assert.deepEqual(plain, written.subarray(n * unit, (n + 1) * unit));
      }
    } finally {
      await image.close();
    }
  });

  test("a disk image goes in and comes out as it was", needsQemu, async () => {
    const id = await made({ Encrypted: true });
    const image = join(instance.dataDir, "disk.qcow2");
    const copied = join(instance.dataDir, "copy.raw");
    const env = { PATH: process.env["PATH"] };
    const must = async (command: string, ...args: string[]) => {
      const ran = await run(command, args, env);
      assert.equal(ran.code, 0, ran.stderr);
    };
    await must("qemu-img", "create", "-q", "-f", "qcow2", image, "1G");
    await must("qemu-io", "-f", "qcow2", "-c", "write -P 0x51 0 2M", "-c", "write -P 0x52 700M 3M", image);
    await must("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", image, nbdUri(instance, id));
    await must("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, nbdUri(instance, id));
    await must("qemu-img", "convert", "-f", "raw", "-O", "raw", nbdUri(instance, id), copied);
    await must("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, copied);
    // What was never written is told as such: a thin volume is copied as fast as what is in it.
    const map = await run("qemu-img", ["map", "--output=json", "-f", "raw", nbdUri(instance, id)], env);
    const holes = (JSON.parse(map.stdout) as { zero: boolean; length: number }[]).filter(({ zero }) => zero);
    assert.ok(holes.reduce((sum, { length }) => sum + length, 0) > 1000 * 2 ** 20, map.stdout);
  });

  test("a disabled key and a revoked grant refuse new attachments with the reason; what is attached goes on", async () => {
    const bus = new EventBridge(instance.client);
    const sqs = new SQS(instance.client);
    const { QueueUrl } = await sqs.createQueue({ QueueName: "ebs-events" });
    const arn = `arn:aws:sqs:us-east-1:${instance.ready.accountId}:ebs-events`;
    const policy = {
      Statement: [
        { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sqs:SendMessage", Resource: arn },
      ],
    };
    await sqs.setQueueAttributes({
      QueueUrl,
      Attributes: { Policy: JSON.stringify({ Version: "2012-10-17", ...policy }) },
    });
    await bus.putRule({
      Name: "ebs",
      EventPattern: JSON.stringify({ source: ["aws.ec2"], "detail-type": [{ prefix: "EBS " }] }),
    });
    await bus.putTargets({ Rule: "ebs", Targets: [{ Id: "queue", Arn: arn }] });
    const events: any[] = [];
    const heard = (wanted: (event: any) => boolean) =>
      eventually(async () => {
        const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
        events.push(...(Messages ?? []).map(({ Body }) => JSON.parse(Body!)));
        return events.find(wanted);
      });

    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata!.KeyId!;
    const id = await made({ Encrypted: true, KmsKeyId: KeyId });
    const created = await heard(({ detail }) => detail.event === "createVolume");
    assert.deepEqual(created.resources, [`arn:aws:ec2:us-east-1:${instance.ready.accountId}:volume/${id}`]);
    assert.equal(created.detail.result, "available");

    const { SnapshotId } = await ec2.createSnapshot({ VolumeId: id });
    const taken = await heard(({ detail }) => detail.event === "createSnapshot");
    assert.deepEqual(taken.resources, [`arn:aws:ec2:us-east-1::snapshot/${SnapshotId}`]);
    assert.equal(taken.detail.result, "succeeded");

    const attached = await NbdClient.attach(nbdSocket(instance), id);
    assert.equal(await attached.write(4096, canary(0x61)), 0);
    assert.equal((await volumeOf(id)).State, "in-use");
    await assert.rejects(NbdClient.attach(nbdSocket(instance), id), /already attached/);
    await assert.rejects(ec2.deleteVolume({ VolumeId: id }), { name: "VolumeInUse" });

    await kms.disableKey({ KeyId });
    assert.deepEqual(await attached.read(4096, 64), canary(0x61));
    assert.equal(await attached.flush(), 0);
    attached.end();
    await isIn(id, "available");
    await assert.rejects(NbdClient.attach(nbdSocket(instance), id), /unable to access the KMS key: .* is disabled/);
    const failed = await heard(({ detail }) => detail.event === "attachVolume");
    assert.deepEqual(failed.resources[1], KeyMetadata!.Arn);
    assert.match(failed.detail.cause, new RegExp(`^${KeyMetadata!.Arn} is disabled\\.$`));
    assert.equal((await volumeOf(id)).State, "available");

    // A volume under a key that is disabled is answered for, and does not come to be.
    const { VolumeId: never, State } = await ec2.createVolume({
      AvailabilityZone: zone,
      Size: 1,
      Encrypted: true,
      KmsKeyId: KeyId,
    });
    assert.equal(State, "creating");
    await assert.rejects(volumeOf(never!), { name: "InvalidVolume.NotFound" });
    const refused = await heard(({ detail }) => detail.event === "createVolume" && detail.result === "failed");
    assert.match(refused.detail.cause, /is disabled\.$/);

    await kms.enableKey({ KeyId });
    const again = await NbdClient.attach(nbdSocket(instance), id);
    assert.deepEqual(await again.read(4096, 64), canary(0x61));
    again.end();
    await isIn(id, "available");
    const { Grants } = await kms.listGrants({ KeyId });
    assert.deepEqual(Grants![0]!.Operations, ["Decrypt"]);
    assert.deepEqual(Grants![0]!.Constraints, { EncryptionContextSubset: { "aws:ebs:id": id } });
    await kms.revokeGrant({ KeyId, GrantId: Grants![0]!.GrantId });
    await assert.rejects(NbdClient.attach(nbdSocket(instance), id), /unable to access the KMS key/);

    await ec2.deleteVolume({ VolumeId: id });
    await eventually(async () => (await volumeOf(id).catch((error: Error) => error.name)) === "InvalidVolume.NotFound");
    await assert.rejects(stat(imageOf(instance, id)), { code: "ENOENT" });
    await heard(({ detail }) => detail.event === "deleteVolume");

    const trail = new CloudTrail(instance.client);
    const seen = async (name: string) => {
      const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: name }];
      const { Events } = await trail.lookupEvents({ LookupAttributes });
      return (Events ?? [])
        .map((each) => JSON.parse(each.CloudTrailEvent!))
        .find((each) => JSON.stringify(each).includes(id));
    };
    const dataKey = await eventually(() => seen("GenerateDataKeyWithoutPlaintext"));
    assert.equal(dataKey.requestParameters.numberOfBytes, 64);
    assert.deepEqual(dataKey.requestParameters.encryptionContext, { "aws:ebs:id": id });
    assert.equal(dataKey.userIdentity.invokedBy, "ec2.amazonaws.com");
    assert.ok(await eventually(() => seen("CreateGrant")));
    assert.equal((await eventually(() => seen("Decrypt"))).userIdentity.invokedBy, "ec2.amazonaws.com");
  });

  test("DetachVolume ends the host's connection; Multi-Attach lets several in", async () => {
    const id = await made({ Encrypted: true, VolumeType: "io2", Iops: 100, Size: 4, MultiAttachEnabled: true });
    const first = await NbdClient.attach(nbdSocket(instance), id);
    const second = await NbdClient.attach(nbdSocket(instance), id);
    assert.equal(await first.write(0, canary(0x62)), 0);
    assert.deepEqual(await second.read(0, 64), canary(0x62));
    assert.equal((await volumeOf(id)).Attachments!.length, 2);
    assert.equal((await ec2.detachVolume({ VolumeId: id })).State, "detaching");
    await eventually(async () => first.isClosed && second.isClosed);
    await isIn(id, "available");
    await assert.rejects(ec2.detachVolume({ VolumeId: id }), { name: "IncorrectState" });
    await ec2.modifyVolume({ VolumeId: id, Size: 5 });
    await eventually(async () => {
      const { VolumesModifications } = await ec2.describeVolumesModifications({ VolumeIds: [id] });
      return VolumesModifications![0]!.ModificationState === "completed";
    });
    const grown = await NbdClient.attach(nbdSocket(instance), id);
    assert.equal(grown.size, 5 * 2 ** 30);
    assert.deepEqual(await grown.read(0, 64), canary(0x62));
    assert.deepEqual(await grown.read(5 * 2 ** 30 - 64, 64), Buffer.alloc(64));
    grown.end();
  });

  test("a snapshot is what was there when it was taken, whatever is written meanwhile", async () => {
    const id = await made({ Encrypted: true });
    const block = 64 * 1024;
    const count = 256;
    const numbered = (n: number, round: number): Buffer => {
      const data = Buffer.alloc(block, round);
      data.writeUInt32BE(n, 0);
      return data;
    };
    const writer = await NbdClient.attach(nbdSocket(instance), id);
    for (let n = 0; n < count; n++) assert.equal(await writer.write(n * block, numbered(n, 1)), 0);
    // The second round goes on while the snapshot is being taken; its writes are one after the other.
    const { SnapshotId } = await ec2.createSnapshot({ VolumeId: id });
    for (let n = 0; n < count; n++) assert.equal(await writer.write(n * block, numbered(n, 2)), 0);
    await completed(SnapshotId!);
    writer.end();
    await isIn(id, "available");
    const restored = await made({ SnapshotId });
    assert.equal((await volumeOf(restored)).Encrypted, true);
    const reader = await NbdClient.attach(nbdSocket(instance), restored);
    const rounds: number[] = [];
    for (let n = 0; n < count; n++) {
      const data = await reader.read(n * block, block);
      const round = data[block - 1]!;
      assert.deepEqual(data, numbered(n, round), `block ${n}`);
      rounds.push(round);
    }
    reader.end();
    // One moment: everything before some write, nothing after it.
    assert.deepEqual(
      rounds,
      rounds.toSorted((a, b) => b - a),
      "a mixture of two moments",
    );
    assert.ok(rounds.includes(1) || rounds.every((round) => round === 2));
  });

  test("encryption comes by copying: to another key, from none to one, to another Region", async () => {
    const plain = await made({});
    const writer = await NbdClient.attach(nbdSocket(instance), plain);
    assert.equal(await writer.write(8192, Buffer.alloc(8192, 0x63)), 0);
    writer.end();
    await isIn(plain, "available");
    const open = await snapshotOf(plain);
    const { KeyMetadata } = await kms.createKey({});
    const copy = await ec2.copySnapshot({
      SourceRegion: "us-east-1",
      SourceSnapshotId: open,
      Encrypted: true,
      KmsKeyId: KeyMetadata!.KeyId,
    });
    const shown = await completed(copy.SnapshotId!);
    assert.equal(shown.KmsKeyId, KeyMetadata!.Arn);
    const same = await made({ SnapshotId: copy.SnapshotId });
    const other = await made({ SnapshotId: copy.SnapshotId, Encrypted: true, KmsKeyId: "alias/aws/ebs" });
    const direct = await made({ SnapshotId: open, Encrypted: true });
    assert.equal((await volumeOf(same)).KmsKeyId, KeyMetadata!.Arn);
    assert.notEqual((await volumeOf(other)).KmsKeyId, KeyMetadata!.Arn);
    for (const id of [same, other, direct]) {
      const reader = await NbdClient.attach(nbdSocket(instance), id);
      assert.deepEqual(await reader.read(8192, 8192), Buffer.alloc(8192, 0x63), id);
      assert.deepEqual(await reader.read(0, 8192), Buffer.alloc(8192), id);
      assert.deepEqual(await reader.read(16_384, 4096), Buffer.alloc(4096), id);
      reader.end();
      assert.ok(!(await beginningOf(imageOf(instance, id))).includes(canary(0x63)), id);
    }
    // Grants for reading the source end with the copy: what is left is one for each volume.
    const grants = await eventually(async () => {
      const { Grants } = await kms.listGrants({ KeyId: KeyMetadata!.KeyId });
      return Grants!.length === 1 && Grants;
    });
    assert.deepEqual(grants[0]!.Constraints, { EncryptionContextSubset: { "aws:ebs:id": same } });

    await ec2.deleteVolume({ VolumeId: same });
    await eventually(async () => (await kms.listGrants({ KeyId: KeyMetadata!.KeyId })).Grants!.length === 0);

    const west = new EC2({ ...instance.client, region: "eu-west-1" });
    const far = await west.copySnapshot({ SourceRegion: "us-east-1", SourceSnapshotId: copy.SnapshotId });
    await eventually(async () => {
      const { Snapshots } = await west.describeSnapshots({ SnapshotIds: [far.SnapshotId!] });
      return Snapshots![0]!.State === "completed" && /:kms:eu-west-1:/.test(Snapshots![0]!.KmsKeyId!);
    });
    const there = await west.createVolume({ AvailabilityZone: "eu-west-1b", SnapshotId: far.SnapshotId });
    await eventually(
      async () => (await west.describeVolumes({ VolumeIds: [there.VolumeId!] })).Volumes![0]!.State === "available",
    );
    const reader = await NbdClient.attach(nbdSocket(instance), there.VolumeId!);
    assert.deepEqual(await reader.read(8192, 8192), Buffer.alloc(8192, 0x63));
    reader.end();
  });

  test("a deleted snapshot leaves nothing in the blob store", async () => {
    const id = await made({});
    const writer = await NbdClient.attach(nbdSocket(instance), id);
    assert.equal(await writer.write(0, Buffer.alloc(8192, 0x64)), 0);
    writer.end();
    const snapshot = await snapshotOf(id);
    const blobs = async () =>
      (await readdir(join(instance.dataDir, "blobs"), { recursive: true })).filter((name) => name.includes(snapshot));
    assert.equal((await blobs()).length, 2);
    // A volume does not need its snapshot once it has been asked for.
    const { VolumeId } = await ec2.createVolume({ AvailabilityZone: zone, SnapshotId: snapshot });
    await ec2.deleteSnapshot({ SnapshotId: snapshot });
    await isIn(VolumeId!, "available");
    const reader = await NbdClient.attach(nbdSocket(instance), VolumeId!);
    assert.deepEqual(await reader.read(0, 8192), Buffer.alloc(8192, 0x64));
    reader.end();
    await assert.rejects(ec2.describeSnapshots({ SnapshotIds: [snapshot] }), { name: "InvalidSnapshot.NotFound" });
    await eventually(async () => (await blobs()).length === 0);
  });
});
