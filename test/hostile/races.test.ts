/**
 * Calls about one thing at the same instant: what AWS lets happen once happens once, whoever loses is told so in AWS's
 * words, and afterwards everything fits together.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AttachUserPolicyCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  DeletePolicyCommand,
  DeleteUserCommand,
  DetachUserPolicyCommand,
  GetPolicyCommand,
  GetUserCommand,
  IAMClient,
  ListAttachedUserPoliciesCommand,
  ListEntitiesForPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  KMSClient,
  ListAliasesCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { startInstance, type Instance } from "../instance.ts";
import { stores, type StoreUnderTest } from "../stores.ts";

const rounds = 4;
const racers = 12;

/** "ok", or the name of the error. */
async function outcomes(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((each) => (each.status === "fulfilled" ? "ok" : (each.reason as Error).name));
}

const counted = (names: readonly string[], name: string): number => names.filter((each) => each === name).length;

/** Every outcome is one of these. */
function assertOnly(names: readonly string[], allowed: readonly string[]): void {
  assert.deepEqual(
    [...new Set(names)].filter((name) => !allowed.includes(name)),
    [],
  );
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

for (const store of stores)
  describe(`calls at the same instant, on ${store.name}`, { skip: store.skip }, () => {
    let instance: Instance;
    let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
    let iam: IAMClient;
    let kms: KMSClient;
    let s3: S3Client;

    before(async () => {
      engine = await store.start();
      instance = await startInstance({ args: engine.args });
      iam = new IAMClient(instance.client);
      kms = new KMSClient(instance.client);
      s3 = new S3Client(instance.s3Client);
    });

    after(async () => {
      await instance?.stop();
      await engine?.stop();
    });

    test("one user of a name", async () => {
      for (let round = 0; round < rounds; round++) {
        const name = `racer-${round}`;
        const names = await outcomes(times(racers, () => iam.send(new CreateUserCommand({ UserName: name }))));
        assert.equal(counted(names, "ok"), 1, names.join());
        assertOnly(names, ["ok", "EntityAlreadyExistsException", "EntityAlreadyExists"]);
        await iam.send(new GetUserCommand({ UserName: name }));
      }
    });

    test("a policy is attached, detached and deleted: nobody holds a policy that is not there", async () => {
      const document = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }],
      });
      for (let round = 0; round < rounds; round++) {
        const user = `holder-${round}`;
        await iam.send(new CreateUserCommand({ UserName: user }));
        const { Policy } = await iam.send(
          new CreatePolicyCommand({ PolicyName: `contested-${round}`, PolicyDocument: document }),
        );
        const arn = Policy!.Arn!;
        const names = await outcomes(
          times(racers, (i) => {
            if (i % 3 === 0) return iam.send(new AttachUserPolicyCommand({ UserName: user, PolicyArn: arn }));
            if (i % 3 === 1) return iam.send(new DetachUserPolicyCommand({ UserName: user, PolicyArn: arn }));
            return iam.send(new DeletePolicyCommand({ PolicyArn: arn }));
          }),
        );
        assertOnly(names, ["ok", "NoSuchEntityException", "NoSuchEntity", "DeleteConflictException", "DeleteConflict"]);
        const { AttachedPolicies = [] } = await iam.send(new ListAttachedUserPoliciesCommand({ UserName: user }));
        const exists = await iam.send(new GetPolicyCommand({ PolicyArn: arn })).then(
          ({ Policy: policy }) => policy,
          () => undefined,
        );
        if (exists) {
          const { PolicyUsers = [] } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: arn }));
          assert.equal(PolicyUsers.length, AttachedPolicies.length);
          assert.equal(exists.AttachmentCount, AttachedPolicies.length);
        } else assert.deepEqual(AttachedPolicies, []);
      }
    });

    test("a user is deleted while policies are attached to it: no attachment outlives it", async () => {
      const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
      for (let round = 0; round < rounds; round++) {
        const user = `leaver-${round}`;
        await iam.send(new CreateUserCommand({ UserName: user }));
        await outcomes(
          times(racers, (i) =>
            i % 2 === 0
              ? iam.send(new AttachUserPolicyCommand({ UserName: user, PolicyArn: arn }))
              : iam.send(new DeleteUserCommand({ UserName: user })),
          ),
        );
        const { PolicyUsers = [] } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: arn }));
        const held = PolicyUsers.some((each) => each.UserName === user);
        const there = await iam.send(new GetUserCommand({ UserName: user })).then(
          () => true,
          () => false,
        );
        assert.ok(there || !held, "an attachment of a user that is gone");
      }
    });

    test("If-None-Match: one upload of a key", async () => {
      await s3.send(new CreateBucketCommand({ Bucket: "race-once" }));
      for (let round = 0; round < rounds; round++) {
        const Key = `key-${round}`;
        const calls = times(racers, (i) =>
          s3.send(new PutObjectCommand({ Bucket: "race-once", Key, Body: `body ${i}`, IfNoneMatch: "*" })),
        );
        const names = await outcomes(calls);
        assert.equal(counted(names, "ok"), 1, names.join());
        assertOnly(names, ["ok", "PreconditionFailed", "ConditionalRequestConflict"]);
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: "race-once", Key }));
        assert.equal(await Body!.transformToString(), `body ${names.indexOf("ok")}`);
      }
    });

    test("a bucket is deleted while objects are put into it: no object is lost, none is left over", async () => {
      for (let round = 0; round < rounds; round++) {
        const Bucket = `race-gone-${round}`;
        await s3.send(new CreateBucketCommand({ Bucket }));
        const names = await outcomes(
          times(racers, (i) =>
            i % 4 === 3
              ? s3.send(new DeleteBucketCommand({ Bucket }))
              : s3.send(new PutObjectCommand({ Bucket, Key: `object-${i}`, Body: "body" })),
          ),
        );
        assertOnly(names, ["ok", "NoSuchBucket", "BucketNotEmpty", "OperationAborted"]);
        const put = names.flatMap((name, i) => (i % 4 !== 3 && name === "ok" ? [`object-${i}`] : []));
        const deleted = names.some((name, i) => i % 4 === 3 && name === "ok");
        if (deleted) {
          assert.deepEqual(put, [], "objects acknowledged in a bucket that was deleted");
          await s3.send(new CreateBucketCommand({ Bucket }));
        }
        const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
        assert.deepEqual(Contents.map(({ Key }) => Key!).toSorted(), put.toSorted());
      }
    });

    test("a multipart upload is completed once, and every completion that succeeds says the same", async () => {
      await s3.send(new CreateBucketCommand({ Bucket: "race-parts" }));
      const at = { Bucket: "race-parts", Key: "object" };
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at));
      const { ETag } = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: "part" }));
      const complete = () =>
        s3.send(
          new CompleteMultipartUploadCommand({
            ...at,
            UploadId,
            MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
          }),
        );
      const settled = await Promise.allSettled(times(racers, complete));
      const good = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value.ETag] : []));
      const bad = settled.flatMap((each) => (each.status === "rejected" ? [(each.reason as Error).name] : []));
      assert.ok(good.length > 0, bad.join());
      assert.equal(new Set(good).size, 1);
      assertOnly(bad, ["NoSuchUpload", "OperationAborted"]);
      assert.equal(await (await s3.send(new GetObjectCommand(at))).Body!.transformToString(), "part");
    });

    test("one alias of a name", async () => {
      const keys = await Promise.all(
        times(3, async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!),
      );
      for (let round = 0; round < rounds; round++) {
        const AliasName = `alias/contested-${round}`;
        const names = await outcomes(
          times(racers, (i) => kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: keys[i % 3]! }))),
        );
        assert.equal(counted(names, "ok"), 1, names.join());
        assertOnly(names, ["ok", "AlreadyExistsException"]);
        const { Aliases = [] } = await kms.send(new ListAliasesCommand({ Limit: 100 }));
        const found = Aliases.filter((alias) => alias.AliasName === AliasName);
        assert.deepEqual(
          found.map((alias) => alias.TargetKeyId),
          [keys[names.indexOf("ok") % 3]],
        );
      }
    });

    test("a key is scheduled for deletion while it encrypts: what was encrypted can be told, and nothing after", async () => {
      for (let round = 0; round < rounds; round++) {
        const KeyId = (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
        const names = await outcomes(
          times(racers, (i) =>
            i === 5 || i === 6
              ? kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
              : kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from(`p${i}`) })),
          ),
        );
        assertOnly(names, ["ok", "KMSInvalidStateException"]);
        assert.equal(counted(names.slice(5, 7), "ok"), 1, names.join());
        assert.equal((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata!.KeyState, "PendingDeletion");
        await assert.rejects(kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from("x") })), {
          name: "KMSInvalidStateException",
        });
        await assert.rejects(kms.send(new DecryptCommand({ KeyId, CiphertextBlob: Buffer.alloc(64) })));
      }
    });
  });
