/** Operations that need a second permission for what else they bring: who has all but that one is refused. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { ACM } from "@aws-sdk/client-acm";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateUserCommand,
} from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  EncryptCommand,
  ReEncryptCommand,
  UpdateAliasCommand,
} from "@aws-sdk/client-kms";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { startInstance, type Instance } from "../instance.ts";
import { administrator, policy, refusal, user, type Person } from "./people.ts";
import { writesFrom } from "./state.ts";

let instance: Instance;
let admin: Person;
let account: string;
let key: string;
let ciphertext: Uint8Array;
let uploadId: string;
let vpc: string;
let subnets: string[];

const Tags = [{ Key: "team", Value: "blue" }];
const tomorrow = () => new Date(Date.now() + 86_400_000);
const trust = () => policy({ Effect: "Allow", Principal: { AWS: account }, Action: "sts:AssumeRole" });
const all = policy({ Effect: "Allow", Action: "*", Resource: "*" });

before(async () => {
  instance = await startInstance();
  admin = administrator(instance);
  account = instance.ready.accountId;
  await admin.iam.send(new CreateRoleCommand({ RoleName: "role", AssumeRolePolicyDocument: trust() }));
  await admin.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: "profile" }));
  await admin.iam.send(new CreateUserCommand({ UserName: "target" }));
  await admin.iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName: "cloudtrail.amazonaws.com" }));
  key = (await admin.kms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!;
  await admin.kms.send(new CreateAliasCommand({ AliasName: "alias/taken", TargetKeyId: key }));
  ciphertext = (await admin.kms.send(new EncryptCommand({ KeyId: key, Plaintext: Buffer.from("x") }))).CiphertextBlob!;
  for (const Bucket of ["second", "source"]) {
    await admin.s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: Bucket === "second" }));
  }
  await admin.s3.send(new PutObjectCommand({ Bucket: "source", Key: "k", Body: "x", Tagging: "a=b" }));
  const { Subnets } = await new EC2(instance.client).describeSubnets({});
  vpc = Subnets![0]!.VpcId!;
  subnets = Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!);
  uploadId = (await admin.s3.send(new CreateMultipartUploadCommand({ Bucket: "second", Key: "k" }))).UploadId!;
});
after(() => instance?.stop());

const object = { Bucket: "second", Key: "k", Body: "x" };
const own = ({ credentials }: Person) => ({ ...instance.client, credentials });

/** What is missing (and where), and the call that would do it beside what it is called. */
const table: readonly [missing: string, on: string, call: (who: Person) => Promise<unknown>][] = [
  ["iam:TagUser", "*", ({ iam }) => iam.send(new CreateUserCommand({ UserName: "new", Tags }))],
  [
    "iam:TagRole",
    "*",
    ({ iam }) => iam.send(new CreateRoleCommand({ RoleName: "new", AssumeRolePolicyDocument: trust(), Tags })),
  ],
  [
    "iam:TagPolicy",
    "*",
    ({ iam }) => iam.send(new CreatePolicyCommand({ PolicyName: "new", PolicyDocument: all, Tags })),
  ],
  [
    "iam:TagInstanceProfile",
    "*",
    ({ iam }) => iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: "new", Tags })),
  ],
  [
    "iam:TagMFADevice",
    "*",
    ({ iam }) => iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "new", Tags })),
  ],
  [
    "iam:PassRole",
    "*",
    ({ iam }) => iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: "profile", RoleName: "role" })),
  ],
  [
    "iam:UpdateUser",
    "arn:aws:iam::*:user/admins/*",
    ({ iam }) => iam.send(new UpdateUserCommand({ UserName: "target", NewPath: "/admins/" })),
  ],
  ["kms:TagResource", "*", ({ kms }) => kms.send(new CreateKeyCommand({ Tags: [{ TagKey: "a", TagValue: "b" }] }))],
  [
    "kms:CreateAlias",
    "arn:aws:kms:*:*:key/*",
    ({ kms }) => kms.send(new CreateAliasCommand({ AliasName: "alias/new", TargetKeyId: key })),
  ],
  [
    "kms:CreateAlias",
    "arn:aws:kms:*:*:alias/*",
    ({ kms }) => kms.send(new CreateAliasCommand({ AliasName: "alias/new", TargetKeyId: key })),
  ],
  [
    "kms:UpdateAlias",
    "arn:aws:kms:*:*:key/*",
    ({ kms }) => kms.send(new UpdateAliasCommand({ AliasName: "alias/taken", TargetKeyId: key })),
  ],
  [
    "kms:ReEncryptFrom",
    "*",
    ({ kms }) => kms.send(new ReEncryptCommand({ CiphertextBlob: ciphertext, DestinationKeyId: key })),
  ],
  [
    "kms:ReEncryptTo",
    "*",
    ({ kms }) => kms.send(new ReEncryptCommand({ CiphertextBlob: ciphertext, DestinationKeyId: key })),
  ],
  ["s3:PutObjectTagging", "*", ({ s3 }) => s3.send(new PutObjectCommand({ ...object, Tagging: "a=b" }))],
  ["s3:PutObjectAcl", "*", ({ s3 }) => s3.send(new PutObjectCommand({ ...object, ACL: "bucket-owner-full-control" }))],
  [
    "s3:PutObjectRetention",
    "*",
    ({ s3 }) =>
      s3.send(new PutObjectCommand({ ...object, ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: tomorrow() })),
  ],
  [
    "s3:PutObjectLegalHold",
    "*",
    ({ s3 }) => s3.send(new PutObjectCommand({ ...object, ObjectLockLegalHoldStatus: "ON" })),
  ],
  [
    "s3:PutObjectTagging",
    "*",
    ({ s3 }) => s3.send(new CreateMultipartUploadCommand({ Bucket: "second", Key: "k", Tagging: "a=b" })),
  ],
  [
    "s3:GetObject",
    "arn:aws:s3:::source/*",
    ({ s3 }) => s3.send(new CopyObjectCommand({ Bucket: "second", Key: "c", CopySource: "source/k" })),
  ],
  [
    "s3:GetObjectTagging",
    "*",
    ({ s3 }) => s3.send(new CopyObjectCommand({ Bucket: "second", Key: "c", CopySource: "source/k" })),
  ],
  [
    "s3:PutObjectTagging",
    "*",
    ({ s3 }) => s3.send(new CopyObjectCommand({ Bucket: "second", Key: "c", CopySource: "source/k" })),
  ],
  [
    "s3:PutObject",
    "arn:aws:s3:::second/*",
    ({ s3 }) => s3.send(new CopyObjectCommand({ Bucket: "second", Key: "c", CopySource: "source/k" })),
  ],
  [
    "s3:GetObject",
    "arn:aws:s3:::source/*",
    ({ s3 }) =>
      s3.send(
        new UploadPartCopyCommand({
          Bucket: "second",
          Key: "k",
          UploadId: uploadId,
          PartNumber: 1,
          CopySource: "source/k",
        }),
      ),
  ],
  [
    "s3:PutBucketObjectLockConfiguration",
    "*",
    ({ s3 }) => s3.send(new CreateBucketCommand({ Bucket: "new-locked", ObjectLockEnabledForBucket: true })),
  ],
  [
    "s3:PutBucketOwnershipControls",
    "*",
    ({ s3 }) => s3.send(new CreateBucketCommand({ Bucket: "new-owned", ObjectOwnership: "ObjectWriter" })),
  ],
  ["s3:PutBucketAcl", "*", ({ s3 }) => s3.send(new CreateBucketCommand({ Bucket: "new-listed", ACL: "private" }))],
  [
    "sts:TagSession",
    "*",
    ({ sts }) =>
      sts.send(
        new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${account}:role/role`, RoleSessionName: "session", Tags }),
      ),
  ],
  [
    "sts:SetSourceIdentity",
    "*",
    ({ sts }) =>
      sts.send(
        new AssumeRoleCommand({
          RoleArn: `arn:aws:iam::${account}:role/role`,
          RoleSessionName: "session",
          SourceIdentity: "me",
        }),
      ),
  ],
  [
    "ec2:CreateTags",
    "*",
    (who) =>
      new EC2(own(who)).createVpc({ CidrBlock: "10.0.0.0/16", TagSpecifications: [{ ResourceType: "vpc", Tags }] }),
  ],
  [
    "ec2:CreateSubnet",
    "arn:aws:ec2:*:*:vpc/*",
    (who) => new EC2(own(who)).createSubnet({ VpcId: vpc, CidrBlock: "172.31.200.0/24" }),
  ],
  [
    "elasticloadbalancing:AddTags",
    "*",
    (who) =>
      new ElasticLoadBalancingV2(own(who)).createTargetGroup({
        Name: "new",
        Protocol: "HTTP",
        Port: 80,
        VpcId: vpc,
        TargetType: "ip",
        Tags,
      }),
  ],
  [
    "iam:CreateServiceLinkedRole",
    "*",
    (who) => new ElasticLoadBalancingV2(own(who)).createLoadBalancer({ Name: "new", Subnets: subnets }),
  ],
  [
    "acm:AddTagsToCertificate",
    "*",
    (who) => new ACM(own(who)).importCertificate({ Certificate: Buffer.from("x"), PrivateKey: Buffer.from("x"), Tags }),
  ],
];

for (const [row, [missing, on, call]] of table.entries()) {
  test(`${row + 1}: without ${missing} on ${on}`, async () => {
    const everything = { Effect: "Allow", Action: "*", Resource: "*" };
    const who = await user(instance, admin, `second-${row}`, everything, {
      Effect: "Deny",
      Action: missing,
      Resource: on,
    });
    const writes = await writesFrom(instance);
    assert.match(await refusal(call(who)), /^(AccessDenied(Exception)?|UnauthorizedOperation)$/);
    assert.deepEqual(await writes(), []);
  });
}

test("a role of a service is nobody's, not even the administrator's", async () => {
  const name = "AWSServiceRoleForCloudTrail";
  const RoleArn = `arn:aws:iam::${account}:role/aws-service-role/cloudtrail.amazonaws.com/${name}`;
  const assume = new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" });
  assert.equal(await refusal(admin.sts.send(assume)), "AccessDenied");
  const change = new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument: trust() });
  assert.equal(await refusal(admin.iam.send(change)), "UnmodifiableEntityException");
});
