/** EBS through the unmodified AWS SDK for JavaScript and the AWS CLI: what is asked for, shown, refused, shared and permitted. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EC2, type CreateVolumeCommandInput } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { administrator, otherAccount, user } from "../attack/people.ts";
import { aws, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { NbdClient, nbdSocket } from "../nbd.ts";

const zone = "us-east-1a";
const refused = (code: string, text?: string | RegExp) => (error: Error) => {
  assert.equal(error.name, code, error.message);
  if (typeof text === "string") assert.equal(error.message, text);
  else if (text) assert.match(error.message, text);
  return true;
};

describe("EBS", { timeout: 240_000 }, () => {
  let instance: Instance;
  let ec2: EC2;
  let kms: KMS;
  before(async () => {
    instance = await startInstance();
    [ec2, kms] = [new EC2(instance.client), new KMS(instance.client)];
  });
  after(() => instance.stop());

  const create = (input: Partial<CreateVolumeCommandInput>) => ec2.createVolume({ AvailabilityZone: zone, ...input });
  const available = async (id: string, by: EC2 = ec2) => {
    await eventually(async () => (await by.describeVolumes({ VolumeIds: [id] })).Volumes![0]!.State === "available");
    return id;
  };
  const made = async (input: Partial<CreateVolumeCommandInput>) =>
    available((await create({ Size: 1, ...input })).VolumeId!);
  const snapshotOf = async (VolumeId: string): Promise<string> => {
    const { SnapshotId } = await ec2.createSnapshot({ VolumeId });
    await eventually(
      async () => (await ec2.describeSnapshots({ SnapshotIds: [SnapshotId!] })).Snapshots![0]!.State === "completed",
    );
    return SnapshotId!;
  };

  test("sizes, IOPS and throughput keep the limits of each type", async () => {
    type Case = [input: Partial<CreateVolumeCommandInput>, code: string, text: string | RegExp];
    const cases: Case[] = [
      [{}, "MissingParameter", "The request must contain the parameter size/snapshotId"],
      [{ Size: 1, AvailabilityZone: "us-east-1z" }, "InvalidZone.NotFound", "The zone 'us-east-1z' does not exist."],
      [{ Size: 1, AvailabilityZone: undefined }, "MissingParameter", /availabilityZone/],
      [{ Size: 1, AvailabilityZoneId: "use1-az1" }, "InvalidParameterCombination", /cannot be used together/],
      [{ Size: 0 }, "InvalidParameterValue", /too small for volume type gp2; minimum is 1GiB/],
      [{ Size: 16_385 }, "InvalidParameterValue", /too large for volume type gp2; maximum is 16384GiB/],
      [{ Size: 65_537, VolumeType: "gp3" }, "InvalidParameterValue", /maximum is 65536GiB/],
      [{ Size: 124, VolumeType: "st1" }, "InvalidParameterValue", /minimum is 125GiB/],
      [{ Size: 1025, VolumeType: "standard" }, "InvalidParameterValue", /maximum is 1024GiB/],
      [{ Size: 3, VolumeType: "io1", Iops: 100 }, "InvalidParameterValue", /minimum is 4GiB/],
      [{ Size: 4, VolumeType: "io1" }, "MissingParameter", "The request must contain the parameter iops"],
      [
        { Size: 4, VolumeType: "io1", Iops: 201 },
        "InvalidParameterValue",
        /ratio of 50.250000 is too high; maximum is 50/,
      ],
      [
        { Size: 4, VolumeType: "io2", Iops: 99 },
        "InvalidParameterValue",
        "Volume iops of 99 is too low; minimum is 100.",
      ],
      [
        { Size: 300, VolumeType: "io2", Iops: 256_001 },
        "InvalidParameterValue",
        "Volume iops of 256001 is too high; maximum is 256000.",
      ],
      [{ Size: 1, Iops: 3000 }, "InvalidParameterCombination", "The parameter iops is not supported for gp2 volumes."],
      [
        { Size: 1, VolumeType: "gp3", Iops: 2999 },
        "InvalidParameterValue",
        "Volume iops of 2999 is too low; minimum is 3000.",
      ],
      [
        { Size: 5, VolumeType: "gp3", Iops: 3001 },
        "InvalidParameterValue",
        /ratio of 600.200000 is too high; maximum is 500/,
      ],
      [{ Size: 1, VolumeType: "gp3", Throughput: 124 }, "InvalidParameterValue", /minimum is 125/],
      [
        { Size: 1, VolumeType: "gp3", Throughput: 751 },
        "InvalidParameterValue",
        /ratio of 0.250333 is too high; maximum is 0.250000/,
      ],
      [
        { Size: 125, VolumeType: "sc1", Throughput: 125 },
        "InvalidParameterCombination",
        /throughput is not supported for sc1/,
      ],
      [{ Size: 1, MultiAttachEnabled: true }, "InvalidParameterCombination", /not supported for gp2/],
      [{ Size: 1, VolumeType: "gp9" as never }, "UnknownVolumeType", /gp9/],
      [
        { Size: 1, KmsKeyId: "alias/aws/ebs" },
        "InvalidParameterDependency",
        "The parameter KmsKeyId requires the parameter Encrypted to be set.",
      ],
      [
        { SnapshotId: "snap-00000000000000000" },
        "InvalidSnapshot.NotFound",
        "The snapshot 'snap-00000000000000000' does not exist.",
      ],
      [{ SnapshotId: "snap" }, "InvalidSnapshotID.Malformed", /expecting "snap-..."/],
      [
        { Size: 1, OutpostArn: "arn:aws:outposts:us-east-1:111122223333:outpost/op-1" },
        "UnsupportedOperation",
        /Outpost/,
      ],
      [{ Size: 1, DryRun: true, Encrypted: true }, "DryRunOperation", /would have succeeded/],
    ];
    for (const [input, code, text] of cases) {
      await assert.rejects(create(input), refused(code, text), JSON.stringify(input));
    }
    assert.deepEqual((await ec2.describeVolumes({})).Volumes, []);
    const gp3 = await create({ Size: 10, VolumeType: "gp3", Iops: 5000, Throughput: 1000 });
    assert.deepEqual([gp3.Iops, gp3.Throughput, gp3.State], [5000, 1000, "creating"]);
    const standard = await create({ Size: 1, VolumeType: "standard" });
    assert.deepEqual([standard.Iops, standard.Throughput, standard.Encrypted], [undefined, undefined, false]);
    // A thin volume of any size is made at once, and deleted.
    const [large, io2] = await Promise.all([made({ Size: 16_384 }), made({ Size: 4, VolumeType: "io2", Iops: 400 })]);
    assert.equal((await ec2.describeVolumes({ VolumeIds: [large] })).Volumes![0]!.Iops, 16_000);
    const every = [gp3.VolumeId!, standard.VolumeId!, large, io2];
    for (const id of every) await available(id);
    const ids = async (...Filters: { Name: string; Values: string[] }[]) =>
      (await ec2.describeVolumes({ Filters })).Volumes!.map(({ VolumeId }) => VolumeId);
    assert.deepEqual(await ids({ Name: "volume-type", Values: ["gp3"] }), [gp3.VolumeId]);
    assert.deepEqual(await ids({ Name: "size", Values: ["1638?"] }, { Name: "encrypted", Values: ["false"] }), [large]);
    assert.deepEqual(await ids({ Name: "status", Values: ["in-use"] }), []);
    await assert.rejects(
      ids({ Name: "colour", Values: ["red"] }),
      refused("InvalidParameterValue", "The filter 'colour' is invalid"),
    );
    const statuses = (await ec2.describeVolumeStatus({ VolumeIds: [large] })).VolumeStatuses!;
    assert.equal(statuses[0]!.VolumeStatus!.Status, "ok");
    for (const VolumeId of every) await ec2.deleteVolume({ VolumeId });
    await eventually(async () => (await ec2.describeVolumes({})).Volumes!.length === 0);
    await assert.rejects(
      ec2.deleteVolume({ VolumeId: large }),
      refused("InvalidVolume.NotFound", `The volume '${large}' does not exist.`),
    );
  });

  test("a client token makes one volume; tags find it, pages list it", async () => {
    const tags = [{ ResourceType: "volume" as const, Tags: [{ Key: "Name", Value: "one" }] }];
    const input = { Size: 1, ClientToken: "token-1", TagSpecifications: tags };
    const [first, again] = [await create(input), await create(input)];
    assert.equal(again.VolumeId, first.VolumeId);
    await assert.rejects(create({ ...input, Size: 2 }), refused("IdempotentParameterMismatch"));
    await available(first.VolumeId!);
    const others = await Promise.all(Array.from({ length: 6 }, () => made({})));
    const { Tags } = await ec2.describeTags({ Filters: [{ Name: "resource-type", Values: ["volume"] }] });
    assert.deepEqual(
      Tags!.map(({ ResourceId, Key, Value }) => [ResourceId, Key, Value]),
      [[first.VolumeId, "Name", "one"]],
    );
    await ec2.createTags({ Resources: [others[0]!], Tags: [{ Key: "Name", Value: "two" }] });
    const named = await ec2.describeVolumes({ Filters: [{ Name: "tag:Name", Values: ["*o*"] }] });
    assert.deepEqual(named.Volumes!.map(({ VolumeId }) => VolumeId).toSorted(), [first.VolumeId, others[0]].toSorted());
    const page1 = await ec2.describeVolumes({ MaxResults: 5 });
    const page2 = await ec2.describeVolumes({ MaxResults: 5, NextToken: page1.NextToken });
    assert.deepEqual([page1.Volumes!.length, page2.Volumes!.length, page2.NextToken], [5, 2, undefined]);
    await assert.rejects(ec2.describeVolumes({ MaxResults: 4 }), refused("InvalidParameterValue"));
    for (const VolumeId of [first.VolumeId!, ...others]) await ec2.deleteVolume({ VolumeId });
    await eventually(async () => (await ec2.describeVolumes({})).Volumes!.length === 0);
    await assert.rejects(create(input), refused("IdempotentParameterMismatch"));
  });

  test("thirty volumes made at once under one key are made, each with its grant", async () => {
    const { KeyMetadata } = await kms.createKey({});
    const patient = new EC2({ ...instance.client, maxAttempts: 10 });
    const one = () =>
      patient.createVolume({ AvailabilityZone: zone, Size: 1, Encrypted: true, KmsKeyId: KeyMetadata!.Arn });
    const volumes = await Promise.all(Array.from({ length: 30 }, one));
    const ids = volumes.map(({ VolumeId }) => VolumeId!);
    for (const id of ids) await available(id);
    const { Grants } = await kms.listGrants({ KeyId: KeyMetadata!.KeyId, Limit: 100 });
    const contexts = Grants!.map(({ Constraints }) => Constraints!.EncryptionContextSubset!["aws:ebs:id"]!);
    assert.deepEqual(contexts.toSorted(), ids.toSorted());
    await Promise.all(ids.map((VolumeId) => patient.deleteVolume({ VolumeId })));
    await eventually(async () => (await kms.listGrants({ KeyId: KeyMetadata!.KeyId })).Grants!.length === 0);
    const token = () => patient.createVolume({ AvailabilityZone: zone, Size: 1, ClientToken: "at-once" });
    const same = await Promise.all(Array.from({ length: 8 }, token));
    assert.equal(new Set(same.map(({ VolumeId }) => VolumeId)).size, 1);
    await available(same[0]!.VolumeId!);
  });

  test("there are no instances to attach to; what is not attached cannot be detached", async () => {
    const VolumeId = await made({});
    const attach = (InstanceId: string) => ec2.attachVolume({ VolumeId, InstanceId, Device: "/dev/sdf" });
    await assert.rejects(
      attach("i-00000000000000000"),
      refused("InvalidInstanceID.NotFound", "The instance ID 'i-00000000000000000' does not exist"),
    );
    await assert.rejects(attach("host"), refused("InvalidInstanceID.Malformed"));
    await assert.rejects(
      ec2.detachVolume({ VolumeId }),
      refused("IncorrectState", `Volume '${VolumeId}' is in the 'available' state.`),
    );
    const InstanceSpecification = { InstanceId: "i-00000000000000000" };
    await assert.rejects(ec2.createSnapshots({ InstanceSpecification }), refused("InvalidInstanceID.NotFound"));
    await assert.rejects(
      ec2.describeVolumes({ VolumeIds: ["disk"] }),
      refused("InvalidParameterValue", /Expected: 'vol-...'/),
    );
  });

  test("a volume grows, four times a day and no more, and never shrinks", async () => {
    const VolumeId = await made({ VolumeType: "gp3" });
    const modified = async (input: object) => {
      const { VolumeModification } = await ec2.modifyVolume({ VolumeId, ...input });
      assert.equal(VolumeModification!.ModificationState, "modifying");
      return await eventually(async () => {
        const { VolumesModifications } = await ec2.describeVolumesModifications({ VolumeIds: [VolumeId] });
        return VolumesModifications![0]!.ModificationState === "completed" && VolumesModifications![0];
      });
    };
    await assert.rejects(
      ec2.describeVolumesModifications({ VolumeIds: [VolumeId] }),
      refused("InvalidVolumeModification.NotFound"),
    );
    await assert.rejects(ec2.modifyVolume({ VolumeId }), refused("InvalidParameterCombination"));
    const first = await modified({ Size: 3 });
    assert.deepEqual([first.OriginalSize, first.TargetSize, first.TargetIops, first.Progress], [1, 3, 3000, 100]);
    await assert.rejects(
      ec2.modifyVolume({ VolumeId, Size: 2 }),
      refused("InvalidParameterValue", "New size cannot be smaller than existing size"),
    );
    const second = await modified({ VolumeType: "io2", Iops: 500, Size: 4 });
    assert.deepEqual(
      [second.OriginalVolumeType, second.TargetVolumeType, second.TargetThroughput],
      ["gp3", "io2", undefined],
    );
    await modified({ MultiAttachEnabled: true });
    await modified({ Iops: 400 });
    await assert.rejects(ec2.modifyVolume({ VolumeId, Size: 5 }), refused("VolumeModificationRateExceeded"));
    const { Volumes } = await ec2.describeVolumes({ VolumeIds: [VolumeId] });
    assert.deepEqual([Volumes![0]!.Size, Volumes![0]!.Iops, Volumes![0]!.MultiAttachEnabled], [4, 400, true]);
  });

  test("encryption by default holds for what is made from then on, in its Region", async () => {
    const before = await made({});
    const plain = await snapshotOf(before);
    assert.deepEqual((await ec2.getEbsDefaultKmsKeyId({})).KmsKeyId, "alias/aws/ebs");
    assert.equal((await ec2.getEbsEncryptionByDefault({})).EbsEncryptionByDefault, false);
    assert.equal((await ec2.enableEbsEncryptionByDefault({})).EbsEncryptionByDefault, true);
    const { KeyMetadata } = await kms.createKey({});
    assert.equal((await ec2.modifyEbsDefaultKmsKeyId({ KmsKeyId: KeyMetadata!.KeyId })).KmsKeyId, KeyMetadata!.Arn);
    assert.equal((await ec2.getEbsDefaultKmsKeyId({})).KmsKeyId, KeyMetadata!.Arn);
    const shown = async (id: string) => (await ec2.describeVolumes({ VolumeIds: [id] })).Volumes![0]!;
    for (const id of [await made({}), await made({ Encrypted: false }), await made({ SnapshotId: plain })]) {
      const { Encrypted, KmsKeyId } = await shown(id);
      assert.deepEqual([Encrypted, KmsKeyId], [true, KeyMetadata!.Arn]);
    }
    assert.equal((await shown(before)).Encrypted, false);
    const copy = await ec2.copySnapshot({ SourceRegion: "us-east-1", SourceSnapshotId: plain });
    const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [copy.SnapshotId!] });
    assert.equal(Snapshots![0]!.KmsKeyId, KeyMetadata!.Arn);
    assert.equal(
      (await new EC2({ ...instance.client, region: "eu-west-1" }).getEbsEncryptionByDefault({})).EbsEncryptionByDefault,
      false,
    );
    await assert.rejects(ec2.modifyEbsDefaultKmsKeyId({ KmsKeyId: "alias/none" }), refused("InvalidParameterValue"));
    const pair = await kms.createKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    await assert.rejects(
      ec2.modifyEbsDefaultKmsKeyId({ KmsKeyId: pair.KeyMetadata!.KeyId }),
      refused("InvalidKmsKey.InvalidKeyUsage"),
    );
    await kms.disableKey({ KeyId: KeyMetadata!.KeyId });
    await assert.rejects(
      ec2.modifyEbsDefaultKmsKeyId({ KmsKeyId: KeyMetadata!.KeyId }),
      refused("InvalidKmsKey.InvalidState"),
    );
    assert.equal((await ec2.resetEbsDefaultKmsKeyId({})).KmsKeyId, "alias/aws/ebs");
    assert.equal((await ec2.disableEbsEncryptionByDefault({})).EbsEncryptionByDefault, false);
    assert.equal((await shown(await made({}))).Encrypted, false);
    const asymmetric = await create({ Size: 1, Encrypted: true, KmsKeyId: pair.KeyMetadata!.KeyId });
    await assert.rejects(shown(asymmetric.VolumeId!), refused("InvalidVolume.NotFound"));
  });

  test("encryption is inherited, and cannot be taken off", async () => {
    const encrypted = await made({ Encrypted: true });
    const SnapshotId = await snapshotOf(encrypted);
    await assert.rejects(
      create({ SnapshotId, Encrypted: false }),
      refused("InvalidParameterValue", /cannot be set to false/),
    );
    await assert.rejects(create({ SnapshotId, Size: 0 }), refused("InvalidParameterValue"));
    const copied = { SourceRegion: "us-east-1", SourceSnapshotId: SnapshotId };
    await assert.rejects(ec2.copySnapshot({ ...copied, Encrypted: false }), refused("InvalidParameterValue"));
    await assert.rejects(
      ec2.copySnapshot({ ...copied, KmsKeyId: "alias/aws/ebs" }),
      refused("InvalidParameterDependency"),
    );
    const restored = await made({ SnapshotId, Size: 2 });
    const { Volumes } = await ec2.describeVolumes({ VolumeIds: [restored] });
    assert.deepEqual([Volumes![0]!.Encrypted, Volumes![0]!.Size, Volumes![0]!.SnapshotId], [true, 2, SnapshotId]);
    const again = await snapshotOf(restored);
    const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [SnapshotId, again] });
    const lineage = new Set(Snapshots!.map(({ DataEncryptionKeyId }) => DataEncryptionKeyId));
    assert.equal(lineage.size, 1);
    await assert.rejects(
      create({ SnapshotId: again, Size: 1 }),
      refused("InvalidParameterValue", /smaller than snapshot/),
    );
    const denied = await ec2.copySnapshot({ ...copied, Encrypted: true, KmsKeyId: "alias/none" });
    const failed = (await ec2.describeSnapshots({ SnapshotIds: [denied.SnapshotId!] })).Snapshots![0]!;
    assert.deepEqual([failed.State, failed.StateMessage], ["error", "Given key ID is not accessible"]);
  });

  test("a snapshot is shared with an account under a key that is shared too, and taken back", async () => {
    const other = await otherAccount(instance);
    const config = { ...instance.client, credentials: other.credentials };
    const [theirs, theirKms] = [new EC2(config), new KMS(config)];
    const managed = await snapshotOf(await made({ Encrypted: true }));
    const share = (SnapshotId: string, ...UserIds: string[]) =>
      ec2.modifySnapshotAttribute({ SnapshotId, Attribute: "createVolumePermission", OperationType: "add", UserIds });
    const publish = (SnapshotId: string) =>
      ec2.modifySnapshotAttribute({ SnapshotId, CreateVolumePermission: { Add: [{ Group: "all" }] } });
    await assert.rejects(
      share(managed, other.account),
      refused("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared"),
    );
    await assert.rejects(publish(managed), refused("OperationNotPermitted"));
    await assert.rejects(share(managed, "1234"), refused("InvalidUserID.Malformed"));

    const statements = [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${instance.ready.accountId}:root` },
        Action: "kms:*",
        Resource: "*",
      },
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${other.account}:root` },
        Action: ["kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
        Resource: "*",
      },
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${other.account}:root` },
        Action: "kms:CreateGrant",
        Resource: "*",
        Condition: {
          Bool: { "kms:GrantIsForAWSResource": "true" },
          StringEquals: { "kms:ViaService": "ec2.us-east-1.amazonaws.com" },
        },
      },
    ];
    const keyPolicy = (count: number) =>
      JSON.stringify({ Version: "2012-10-17", Statement: statements.slice(0, count) });
    const { KeyMetadata } = await kms.createKey({ Policy: keyPolicy(1) });
    const KeyId = KeyMetadata!.KeyId!;
    const volume = await made({ Encrypted: true, KmsKeyId: KeyId });
    const writer = await NbdClient.attach(nbdSocket(instance), volume);
    assert.equal(await writer.write(4096, Buffer.alloc(4096, 0x71)), 0);
    writer.end();
    await available(volume);
    const SnapshotId = await snapshotOf(volume);
    await assert.rejects(theirs.describeSnapshots({ SnapshotIds: [SnapshotId] }), refused("InvalidSnapshot.NotFound"));
    await share(SnapshotId, other.account);
    const attribute = await ec2.describeSnapshotAttribute({ SnapshotId, Attribute: "createVolumePermission" });
    assert.deepEqual(attribute.CreateVolumePermissions, [{ UserId: other.account }]);
    const seen = async () => (await theirs.describeSnapshots({ RestorableByUserIds: ["self"] })).Snapshots!;
    assert.deepEqual(
      (await seen()).map((each) => [each.SnapshotId, each.OwnerId]),
      [[SnapshotId, instance.ready.accountId]],
    );
    assert.deepEqual((await theirs.describeSnapshots({ OwnerIds: ["self"] })).Snapshots, []);
    await assert.rejects(theirs.deleteSnapshot({ SnapshotId }), refused("InvalidSnapshot.NotFound"));
    await assert.rejects(
      theirs.modifySnapshotAttribute({ SnapshotId, OperationType: "add", UserIds: [other.account] }),
      refused("InvalidSnapshot.NotFound"),
    );

    // The snapshot alone does not open it: the key says no, and the volume does not come to be.
    const closed = await theirs.createVolume({ AvailabilityZone: zone, SnapshotId });
    await assert.rejects(theirs.describeVolumes({ VolumeIds: [closed.VolumeId!] }), refused("InvalidVolume.NotFound"));
    await kms.putKeyPolicy({ KeyId, PolicyName: "default", Policy: keyPolicy(3) });
    const opened = await theirs.createVolume({ AvailabilityZone: zone, SnapshotId });
    await available(opened.VolumeId!, theirs);
    const { Volumes } = await theirs.describeVolumes({ VolumeIds: [opened.VolumeId!] });
    const { KeyMetadata: own } = await theirKms.describeKey({ KeyId: "alias/aws/ebs" });
    assert.equal(Volumes![0]!.KmsKeyId, own!.Arn);
    const reader = await NbdClient.attach(nbdSocket(instance), opened.VolumeId!);
    assert.deepEqual(await reader.read(4096, 4096), Buffer.alloc(4096, 0x71));
    reader.end();

    await ec2.resetSnapshotAttribute({ SnapshotId, Attribute: "createVolumePermission" });
    assert.deepEqual(await seen(), []);
    await assert.rejects(
      theirs.createVolume({ AvailabilityZone: zone, SnapshotId }),
      refused("InvalidSnapshot.NotFound"),
    );
    const open = await snapshotOf(await made({}));
    await publish(open);
    assert.deepEqual(
      (await theirs.describeSnapshots({ RestorableByUserIds: ["all"] })).Snapshots!.map((each) => each.SnapshotId),
      [open],
    );
    await ec2.deleteSnapshot({ SnapshotId: open });
    await assert.rejects(theirs.describeSnapshots({ SnapshotIds: [open] }), refused("InvalidSnapshot.NotFound"));
  });

  test("policies decide by encryption, type, tags and what is made with it; KMS has its own say", async () => {
    const all = { Effect: "Allow", Action: "ec2:*", Resource: "*" };
    const onlyEncrypted = {
      Effect: "Deny",
      Action: "ec2:CreateVolume",
      Resource: "arn:aws:ec2:*:*:volume/*",
      Condition: { Bool: { "ec2:Encrypted": "false" } },
    };
    const noIo2 = {
      Effect: "Deny",
      Action: "ec2:CreateVolume",
      Resource: "*",
      Condition: { StringEquals: { "ec2:VolumeType": "io2" } },
    };
    const foreignTag = {
      Effect: "Deny",
      Action: "ec2:DeleteVolume",
      Resource: "*",
      Condition: { StringNotEquals: { "ec2:ResourceTag/team": "blue" } },
    };
    const noSharing = {
      Effect: "Deny",
      Action: "ec2:ModifySnapshotAttribute",
      Resource: "arn:aws:ec2:*::snapshot/*",
      Condition: { StringEquals: { "ec2:Add/group": "all" } },
    };
    const viaEc2 = {
      Effect: "Allow",
      Action: "kms:*",
      Resource: "*",
      Condition: { StringEquals: { "kms:ViaService": "ec2.us-east-1.amazonaws.com" } },
    };
    const person = await user(
      instance,
      administrator(instance),
      "blue",
      all,
      onlyEncrypted,
      noIo2,
      foreignTag,
      noSharing,
      viaEc2,
    );
    const config = { ...instance.client, credentials: person.credentials };
    const blue = new EC2(config);
    const denied = (promise: Promise<unknown>) => assert.rejects(promise, refused("UnauthorizedOperation"));
    await denied(blue.createVolume({ AvailabilityZone: zone, Size: 1 }));
    await denied(blue.createVolume({ AvailabilityZone: zone, Size: 4, VolumeType: "io2", Iops: 100, Encrypted: true }));
    const { KeyMetadata } = await kms.createKey({});
    const { VolumeId } = await blue.createVolume({
      AvailabilityZone: zone,
      Size: 1,
      Encrypted: true,
      KmsKeyId: KeyMetadata!.Arn,
    });
    await available(VolumeId!);
    // Through EC2 and not otherwise: the key is the user's for volumes alone.
    await assert.rejects(new KMS(config).encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext: Buffer.from("x") }), {
      name: "AccessDeniedException",
    });
    await denied(blue.deleteVolume({ VolumeId }));
    await blue.createTags({ Resources: [VolumeId!], Tags: [{ Key: "team", Value: "blue" }] });
    const snapshot = await snapshotOf(await made({}));
    await denied(
      blue.modifySnapshotAttribute({ SnapshotId: snapshot, CreateVolumePermission: { Add: [{ Group: "all" }] } }),
    );
    await blue.modifySnapshotAttribute({
      SnapshotId: snapshot,
      CreateVolumePermission: { Add: [{ UserId: "111122223333" }] },
    });
    await blue.deleteVolume({ VolumeId });

    const iam = new IAM(instance.client);
    const noKms = await user(instance, administrator(instance), "green", all);
    const green = new EC2({ ...instance.client, credentials: noKms.credentials });
    const ghost = await green.createVolume({
      AvailabilityZone: zone,
      Size: 1,
      Encrypted: true,
      KmsKeyId: KeyMetadata!.Arn,
    });
    await assert.rejects(green.describeVolumes({ VolumeIds: [ghost.VolumeId!] }), refused("InvalidVolume.NotFound"));
    // The source's key says no after the new one said yes: the grant for the new one goes with the volume.
    const { KeyMetadata: own } = await kms.createKey({});
    const onlyOwn = { Effect: "Allow", Action: "kms:*", Resource: own!.Arn };
    await iam.putUserPolicy({
      UserName: "green",
      PolicyName: "given",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [all, onlyOwn] }),
    });
    const closed = await snapshotOf(await made({ Encrypted: true, KmsKeyId: KeyMetadata!.Arn }));
    const stolen = await green.createVolume({
      AvailabilityZone: zone,
      SnapshotId: closed,
      Encrypted: true,
      KmsKeyId: own!.Arn,
    });
    await assert.rejects(green.describeVolumes({ VolumeIds: [stolen.VolumeId!] }), refused("InvalidVolume.NotFound"));
    assert.deepEqual((await kms.listGrants({ KeyId: own!.KeyId })).Grants, []);
    const copied = await green.copySnapshot({
      SourceRegion: "us-east-1",
      SourceSnapshotId: closed,
      Encrypted: true,
      KmsKeyId: own!.Arn,
    });
    const { Snapshots: failed } = await green.describeSnapshots({ SnapshotIds: [copied.SnapshotId!] });
    assert.equal(failed![0]!.State, "error");
    assert.deepEqual((await kms.listGrants({ KeyId: own!.KeyId })).Grants, []);
    const noTags = { Effect: "Deny", Action: "ec2:CreateTags", Resource: "*" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [all, noTags] });
    await iam.putUserPolicy({ UserName: "green", PolicyName: "given", PolicyDocument });
    const TagSpecifications = [{ ResourceType: "volume" as const, Tags: [{ Key: "a", Value: "b" }] }];
    await eventually(async () =>
      green.createVolume({ AvailabilityZone: zone, Size: 1, TagSpecifications }).then(
        () => false,
        (error: Error) => error.name === "UnauthorizedOperation",
      ),
    );
  });

  test("the AWS CLI waits for a volume and a snapshot", async (t) => {
    if (!(await isInstalled("aws"))) return t.skip("the AWS CLI is not installed");
    const created = await aws(instance, [
      "ec2",
      "create-volume",
      "--size",
      "1",
      "--availability-zone",
      zone,
      "--encrypted",
    ]);
    await aws(instance, ["ec2", "wait", "volume-available", "--volume-ids", created.VolumeId]);
    const snapshot = await aws(instance, [
      "ec2",
      "create-snapshot",
      "--volume-id",
      created.VolumeId,
      "--description",
      "from the CLI",
    ]);
    await aws(instance, ["ec2", "wait", "snapshot-completed", "--snapshot-ids", snapshot.SnapshotId]);
  });
});
