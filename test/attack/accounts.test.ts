/** The administrator of another account, who may do everything at home, against buckets, keys, trails and services. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AttachRolePolicyCommand, SimulatePrincipalPolicyCommand } from "@aws-sdk/client-iam";
import {
  AddTagsCommand,
  CloudTrailClient,
  CreateTrailCommand,
  DeleteTrailCommand,
  GetEventSelectorsCommand,
  GetTrailCommand,
  GetTrailStatusCommand,
  ListTagsCommand,
  StopLoggingCommand,
  UpdateTrailCommand,
} from "@aws-sdk/client-cloudtrail";
import {
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketAclCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  PutPublicAccessBlockCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { startInstance, type Instance } from "../instance.ts";
import { administrator, otherAccount, policy, refusal, user, type Person } from "./people.ts";
import { writesFrom } from "./state.ts";

let instance: Instance;
let victim: Person;
let attacker: Person & { account: string };
let account: string;
let keyArn: string;
let lockedVersion: string;

const day = 86_400_000;
const everything = { Effect: "Allow", Action: "*", Resource: "*" };

before(async () => {
  instance = await startInstance();
  victim = administrator(instance);
  account = instance.ready.accountId;
  attacker = await otherAccount(instance);
  const { s3, kms } = victim;
  keyArn = (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!;
  await s3.send(new CreateBucketCommand({ Bucket: "victim" }));
  await s3.send(
    new PutObjectCommand({
      Bucket: "victim",
      Key: "k",
      Body: "secret",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: keyArn,
    }),
  );
  await s3.send(new CreateBucketCommand({ Bucket: "locked", ObjectLockEnabledForBucket: true }));
  const put = new PutObjectCommand({
    Bucket: "locked",
    Key: "k",
    Body: "kept",
    ObjectLockMode: "GOVERNANCE",
    ObjectLockRetainUntilDate: new Date(Date.now() + 30 * day),
  });
  lockedVersion = (await s3.send(put)).VersionId!;
  await attacker.s3.send(new CreateBucketCommand({ Bucket: "evil" }));
  await attacker.s3.send(
    new PutBucketVersioningCommand({ Bucket: "evil", VersioningConfiguration: { Status: "Enabled" } }),
  );
  await attacker.s3.send(new PutObjectCommand({ Bucket: "evil", Key: "k", Body: "mine" }));
});
after(() => instance?.stop());

/** Of a table of attempts, those that were not refused as expected. */
async function notRefused(attempts: Readonly<Record<string, Promise<string>>>, expected: RegExp): Promise<string[]> {
  const codes = await Promise.all(Object.entries(attempts).map(async ([what, code]) => [what, await code] as const));
  return codes.filter(([, code]) => !expected.test(code)).map(([what, code]) => `${what}: ${code || "served"}`);
}

test("no object, listing, part or configuration of a foreign bucket", async () => {
  const upload = await victim.s3.send(new CreateMultipartUploadCommand({ Bucket: "victim", Key: "big" }));
  const UploadId = upload.UploadId!;
  const at = { Bucket: "victim", Key: "k" };
  const s3 = (command: object) => refusal(attacker.s3.send(command as never));
  const writes = await writesFrom(instance);
  const attempts = {
    read: s3(new GetObjectCommand(at)),
    // HEAD has no body to say why.
    head: s3(new HeadObjectCommand(at)),
    list: s3(new ListObjectsV2Command({ Bucket: "victim" })),
    write: s3(new PutObjectCommand({ ...at, Body: "x" })),
    "write as owner": s3(new PutObjectCommand({ ...at, Body: "x", ACL: "bucket-owner-full-control" })),
    delete: s3(new DeleteObjectCommand(at)),
    "copy out": s3(new CopyObjectCommand({ Bucket: "evil", Key: "c", CopySource: "victim/k" })),
    "copy out, encoded": s3(new CopyObjectCommand({ Bucket: "evil", Key: "c", CopySource: "%76ictim%2Fk" })),
    "copy out by ARN": s3(new CopyObjectCommand({ Bucket: "evil", Key: "c", CopySource: "arn:aws:s3:::victim/k" })),
    "copy in": s3(new CopyObjectCommand({ ...at, CopySource: "evil/k" })),
    "upload a part": s3(new UploadPartCommand({ Bucket: "victim", Key: "big", UploadId, PartNumber: 1, Body: "x" })),
    "list parts": s3(new ListPartsCommand({ Bucket: "victim", Key: "big", UploadId })),
    abort: s3(new AbortMultipartUploadCommand({ Bucket: "victim", Key: "big", UploadId })),
    "object list": s3(new PutObjectAclCommand({ ...at, ACL: "public-read" })),
    retention: s3(
      new PutObjectRetentionCommand({
        Bucket: "locked",
        Key: "k",
        VersionId: lockedVersion,
        Retention: {},
        BypassGovernanceRetention: true,
      }),
    ),
    "bucket list": s3(new PutBucketAclCommand({ Bucket: "victim", ACL: "public-read" })),
    policy: s3(
      new PutBucketPolicyCommand({
        Bucket: "victim",
        Policy: policy({ ...everything, Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::victim/*" }),
      }),
    ),
    versioning: s3(
      new PutBucketVersioningCommand({ Bucket: "victim", VersioningConfiguration: { Status: "Suspended" } }),
    ),
    lifecycle: s3(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: "victim",
        LifecycleConfiguration: {
          Rules: [{ ID: "x", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { Days: 1 } }],
        },
      }),
    ),
    encryption: s3(
      new PutBucketEncryptionCommand({
        Bucket: "victim",
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
        },
      }),
    ),
    ownership: s3(
      new PutBucketOwnershipControlsCommand({
        Bucket: "victim",
        OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] },
      }),
    ),
    block: s3(new PutPublicAccessBlockCommand({ Bucket: "victim", PublicAccessBlockConfiguration: {} })),
    "expected owner of one's own": s3(
      new PutObjectCommand({ Bucket: "evil", Key: "x", Body: "x", ExpectedBucketOwner: account }),
    ),
    "upload part copy": s3(
      new UploadPartCopyCommand({ Bucket: "victim", Key: "big", UploadId, PartNumber: 1, CopySource: "evil/k" }),
    ),
  };
  assert.deepEqual(await notRefused(attempts, /^(AccessDenied|Unknown)$/), []);
  const { Errors } = await attacker.s3.send(
    new DeleteObjectsCommand({ Bucket: "victim", Delete: { Objects: [{ Key: "k" }] } }),
  );
  assert.equal(Errors?.[0]?.Code, "AccessDenied");
  assert.deepEqual(await writes(), []);
});

test("ids of other buckets, and names that look like others, lead nowhere", async () => {
  const upload = await victim.s3.send(new CreateMultipartUploadCommand({ Bucket: "victim", Key: "big" }));
  const UploadId = upload.UploadId!;
  const s3 = (command: object) => refusal(attacker.s3.send(command as never));
  const attempts = {
    version: s3(new GetObjectCommand({ Bucket: "evil", Key: "k", VersionId: lockedVersion })),
    "version, copied": s3(
      new CopyObjectCommand({ Bucket: "evil", Key: "c", CopySource: `evil/k?versionId=${lockedVersion}` }),
    ),
    traversal: s3(new CopyObjectCommand({ Bucket: "evil", Key: "c", CopySource: "evil/../victim/k" })),
    "upload id": s3(new UploadPartCommand({ Bucket: "evil", Key: "big", UploadId, PartNumber: 1, Body: "x" })),
    "upload id, ended": s3(new AbortMultipartUploadCommand({ Bucket: "evil", Key: "big", UploadId })),
  };
  assert.deepEqual(await notRefused(attempts, /^NoSuch(Version|Key|Upload)$/), []);
  const names = ["Victim", "victim.", "v\u0131ctim", "victim%00", "vi..ctim", "xn--victim", "victim-s3alias"];
  const made = Object.fromEntries(names.map((Bucket) => [Bucket, s3(new CreateBucketCommand({ Bucket }))]));
  assert.deepEqual(await notRefused(made, /^InvalidBucketName$/), []);
  assert.equal(await s3(new CreateBucketCommand({ Bucket: "victim" })), "BucketAlreadyExists");
});

test("keys that look like paths are only names", async () => {
  for (const Key of ["../../../store.sqlite", "..", "./k", "/k", "a/../../victim/k", "k\u0000"]) {
    await attacker.s3.send(new PutObjectCommand({ Bucket: "evil", Key, Body: `body of ${Key}` }));
    const { Body } = await attacker.s3.send(new GetObjectCommand({ Bucket: "evil", Key }));
    assert.equal(await Body!.transformToString(), `body of ${Key}`);
  }
  const { Body } = await victim.s3.send(new GetObjectCommand({ Bucket: "victim", Key: "k" }));
  assert.equal(await Body!.transformToString(), "secret");
});

test("no use of a foreign key, directly or through a service", async () => {
  const { CiphertextBlob } = await victim.kms.send(new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from("x") }));
  const own = (await attacker.kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
  const kms = (command: object) => refusal(attacker.kms.send(command as never));
  const trails = new CloudTrailClient({ ...instance.client, credentials: attacker.credentials });
  const attempts = {
    describe: kms(new DescribeKeyCommand({ KeyId: keyArn })),
    encrypt: kms(new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from("x") })),
    decrypt: kms(new DecryptCommand({ CiphertextBlob })),
    "decrypt, named": kms(new DecryptCommand({ CiphertextBlob, KeyId: keyArn })),
    "re-encrypt": kms(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: own })),
    grant: kms(
      new CreateGrantCommand({
        KeyId: keyArn,
        GranteePrincipal: `arn:aws:iam::${attacker.account}:root`,
        Operations: ["Decrypt"],
      }),
    ),
    policy: kms(new PutKeyPolicyCommand({ KeyId: keyArn, PolicyName: "default", Policy: "{}" })),
    disable: kms(new DisableKeyCommand({ KeyId: keyArn })),
    delete: kms(new ScheduleKeyDeletionCommand({ KeyId: keyArn })),
    "through S3": refusal(
      attacker.s3.send(
        new PutObjectCommand({
          Bucket: "evil",
          Key: "x",
          Body: "x",
          ServerSideEncryption: "aws:kms",
          SSEKMSKeyId: keyArn,
        }),
      ),
    ),
    "through CloudTrail": refusal(
      trails.send(new CreateTrailCommand({ Name: "evil", S3BucketName: "evil", KmsKeyId: keyArn })),
    ),
  };
  assert.deepEqual(await notRefused(attempts, /^(AccessDenied(Exception)?|NotFoundException)$/), []);
});

test("an AWS managed key serves only through its service, and not who has the service's rights alone", async () => {
  const { kms, s3 } = victim;
  await s3.send(new PutObjectCommand({ Bucket: "victim", Key: "managed", Body: "x", ServerSideEncryption: "aws:kms" }));
  const KeyId = (await kms.send(new DescribeKeyCommand({ KeyId: "alias/aws/s3" }))).KeyMetadata!.Arn!;
  const attempts = {
    encrypt: refusal(kms.send(new EncryptCommand({ KeyId: "alias/aws/s3", Plaintext: Buffer.from("x") }))),
    grant: refusal(
      kms.send(
        new CreateGrantCommand({ KeyId, GranteePrincipal: `arn:aws:iam::${account}:root`, Operations: ["Decrypt"] }),
      ),
    ),
    policy: refusal(
      kms.send(new PutKeyPolicyCommand({ KeyId, Policy: policy({ ...everything, Principal: { AWS: account } }) })),
    ),
    alias: refusal(kms.send(new CreateAliasCommand({ AliasName: "alias/mine", TargetKeyId: KeyId }))),
    "a name of AWS's": refusal(kms.send(new CreateAliasCommand({ AliasName: "alias/aws/ebs", TargetKeyId: keyArn }))),
  };
  assert.deepEqual(await notRefused(attempts, /^(AccessDenied|NotAuthorized)Exception$/), []);
  const reader = await user(instance, victim, "reader", { Effect: "Allow", Action: "s3:*", Resource: "*" });
  const read = reader.s3.send(new GetObjectCommand({ Bucket: "victim", Key: "k" }));
  assert.equal(await refusal(read), "AccessDenied", "a key of the customer's own needs rights on the key");
  const out = new CopyObjectCommand({
    Bucket: "victim",
    Key: "out",
    CopySource: "victim/k",
    ServerSideEncryption: "AES256",
  });
  assert.equal(await refusal(reader.s3.send(out)), "AccessDenied");
});

test("a service that works for another account does not write where it is trusted for this one", async () => {
  await victim.s3.send(new CreateBucketCommand({ Bucket: "trail" }));
  const [mine, theirs] = [instance.client, { ...instance.client, credentials: attacker.credentials }].map(
    (config) => new CloudTrailClient(config),
  );
  const conditions = {
    account: { StringEquals: { "aws:SourceAccount": account } },
    arn: { ArnLike: { "aws:SourceArn": `arn:aws:cloudtrail:*:${account}:trail/*` } },
  };
  for (const [name, Condition] of Object.entries(conditions)) {
    const service = { Effect: "Allow", Principal: { Service: "cloudtrail.amazonaws.com" }, Condition };
    const Policy = policy(
      { ...service, Action: "s3:GetBucketAcl", Resource: "arn:aws:s3:::trail" },
      { ...service, Action: "s3:PutObject", Resource: "arn:aws:s3:::trail/*" },
    );
    await victim.s3.send(new PutBucketPolicyCommand({ Bucket: "trail", Policy }));
    const create = () => new CreateTrailCommand({ Name: `by-${name}`, S3BucketName: "trail" });
    assert.equal(await refusal(theirs!.send(create())), "InsufficientS3BucketPolicyException");
    assert.equal(await refusal(mine!.send(create())), "");
  }
  const Name = `arn:aws:cloudtrail:${instance.ready.region}:${account}:trail/by-arn`;
  const writes = await writesFrom(instance);
  const attempts = {
    delete: refusal(theirs!.send(new DeleteTrailCommand({ Name }))),
    get: refusal(theirs!.send(new GetTrailCommand({ Name }))),
    status: refusal(theirs!.send(new GetTrailStatusCommand({ Name }))),
    selectors: refusal(theirs!.send(new GetEventSelectorsCommand({ TrailName: Name }))),
    update: refusal(theirs!.send(new UpdateTrailCommand({ Name, S3BucketName: "evil" }))),
    stop: refusal(theirs!.send(new StopLoggingCommand({ Name }))),
    tag: refusal(theirs!.send(new AddTagsCommand({ ResourceId: Name, TagsList: [{ Key: "a", Value: "b" }] }))),
    tags: refusal(theirs!.send(new ListTagsCommand({ ResourceIdList: [Name] }))),
  };
  assert.deepEqual(
    await notRefused(
      attempts,
      /^(AccessDeniedException|TrailNotFoundException|ResourceNotFoundException|CloudTrailARNInvalidException)$/,
    ),
    [],
  );
  assert.deepEqual(await writes(), []);
});

test("entities of another account can be neither used nor looked at", async () => {
  const ghost = `arn:aws:iam::${account}:policy/any`;
  const attach = new AttachRolePolicyCommand({ RoleName: "OrganizationAccountAccessRole", PolicyArn: ghost });
  assert.equal(await refusal(attacker.iam.send(attach)), "NoSuchEntityException");
  const simulate = new SimulatePrincipalPolicyCommand({
    PolicySourceArn: `arn:aws:iam::${account}:user/reader`,
    ActionNames: ["s3:GetObject"],
  });
  assert.equal(await refusal(attacker.iam.send(simulate)), "NoSuchEntityException");
});

test("a locked version stays, whatever is tried by who may not bypass the lock", async () => {
  const { s3 } = await user(instance, victim, "no-bypass", everything, {
    Effect: "Deny",
    Action: "s3:BypassGovernanceRetention",
    Resource: "*",
  });
  const version = { Bucket: "locked", Key: "k", VersionId: lockedVersion };
  const attempts = {
    delete: refusal(s3.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true }))),
    shorten: refusal(
      s3.send(
        new PutObjectRetentionCommand({
          ...version,
          BypassGovernanceRetention: true,
          Retention: { Mode: "GOVERNANCE", RetainUntilDate: new Date(Date.now() + day) },
        }),
      ),
    ),
    lift: refusal(
      s3.send(new PutObjectRetentionCommand({ ...version, BypassGovernanceRetention: true, Retention: {} })),
    ),
    suspend: refusal(
      s3.send(new PutBucketVersioningCommand({ Bucket: "locked", VersioningConfiguration: { Status: "Suspended" } })),
    ),
  };
  assert.deepEqual(await notRefused(attempts, /^(AccessDenied|InvalidBucketState)$/), []);
  const objects = { Objects: [{ Key: "k", VersionId: lockedVersion }] };
  const { Errors } = await s3.send(
    new DeleteObjectsCommand({ Bucket: "locked", Delete: objects, BypassGovernanceRetention: true }),
  );
  assert.equal(Errors?.[0]?.Code, "AccessDenied");
  await s3.send(new PutObjectCommand({ Bucket: "locked", Key: "k", Body: "overwritten" }));
  const { Body } = await s3.send(new GetObjectCommand(version));
  assert.equal(await Body!.transformToString(), "kept");
});

test("a tag that forbids deleting forbids both ways of deleting", async () => {
  await victim.s3.send(new PutObjectCommand({ Bucket: "victim", Key: "tagged", Body: "x", Tagging: "keep=yes" }));
  const tagged = { StringEquals: { "s3:ExistingObjectTag/keep": "yes" } };
  const { s3 } = await user(instance, victim, "cleaner", everything, {
    Effect: "Deny",
    Action: "s3:DeleteObject*",
    Resource: "*",
    Condition: tagged,
  });
  assert.equal(await refusal(s3.send(new DeleteObjectCommand({ Bucket: "victim", Key: "tagged" }))), "AccessDenied");
  const { Errors } = await s3.send(
    new DeleteObjectsCommand({ Bucket: "victim", Delete: { Objects: [{ Key: "tagged" }] } }),
  );
  assert.equal(Errors?.[0]?.Code, "AccessDenied");
});

test("a customer's key opens only what was put under it, and is no key to anything else", async () => {
  const { s3 } = victim;
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket: "victim",
      ServerSideEncryptionConfiguration: {
        Rules: [
          {
            ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
            BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
          },
        ],
      },
    }),
  );
  const customer = (fill: number) => {
    const key = Buffer.alloc(32, fill);
    const SSECustomerKeyMD5 = createHash("md5").update(key).digest("base64");
    return { SSECustomerAlgorithm: "AES256", SSECustomerKey: key.toString("base64"), SSECustomerKeyMD5 };
  };
  const at = { Bucket: "victim", Key: "customer" };
  await s3.send(new PutObjectCommand({ ...at, Body: "x", ...customer(1) }));
  const attempts = {
    "another key": refusal(s3.send(new GetObjectCommand({ ...at, ...customer(2) }))),
    "no key": refusal(s3.send(new GetObjectCommand(at))),
    "copied without it": refusal(s3.send(new CopyObjectCommand({ ...at, Key: "c", CopySource: "victim/customer" }))),
    "on another object": refusal(s3.send(new GetObjectCommand({ Bucket: "victim", Key: "k", ...customer(1) }))),
  };
  assert.deepEqual(await notRefused(attempts, /^(AccessDenied|InvalidRequest)$/), []);
});
