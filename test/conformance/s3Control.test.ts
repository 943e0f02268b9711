/** S3 Control: Block Public Access of the account, tags of buckets by ARN, access points. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { GetObjectCommand, S3 } from "@aws-sdk/client-s3";
import { S3Control } from "@aws-sdk/client-s3-control";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { instance, s3, bucket, withNames, fails } from "./s3Client.ts";

describe("S3 Control", () => {
  const AccountId = () => instance.ready.accountId;
  let control: S3Control;
  before(() => {
    // The client puts the account id in front of the host name.
    control = new S3Control(withNames("s3-control.jikimi.internal"));
  });
  after(() => control.destroy());

  test("the account's Block Public Access holds for every bucket", async () => {
    const Bucket = await bucket("account-block");
    await s3.deletePublicAccessBlock({ Bucket });
    const PublicAccessBlockConfiguration = { BlockPublicPolicy: true, BlockPublicAcls: true };
    await control.putPublicAccessBlock({ AccountId: AccountId(), PublicAccessBlockConfiguration });
    const Statement = [
      { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await assert.rejects(s3.putBucketPolicy({ Bucket, Policy }), fails("AccessDenied", 403));
    const set = await control.getPublicAccessBlock({ AccountId: AccountId() });
    assert.equal(set.PublicAccessBlockConfiguration!.BlockPublicPolicy, true);
    await control.deletePublicAccessBlock({ AccountId: AccountId() });
    await assert.rejects(control.getPublicAccessBlock({ AccountId: AccountId() }), (error: any) => {
      assert.equal(error.name, "NoSuchPublicAccessBlockConfiguration");
      return true;
    });
    await s3.putBucketPolicy({ Bucket, Policy });
    await s3.putObject({ Bucket, Key: "k", Body: "public" });
    assert.equal(await (await fetch(`${instance.endpoint}/${Bucket}/k`)).text(), "public");
    await assert.rejects(control.getPublicAccessBlock({ AccountId: "999999999999" }), (error: any) => {
      assert.equal(error.name, "AccessDenied");
      return true;
    });
  });

  test("a bucket is tagged by its ARN", async () => {
    const Bucket = await bucket("tagged-by-arn");
    const at = { AccountId: AccountId(), ResourceArn: `arn:aws:s3:::${Bucket}` };
    await control.tagResource({
      ...at,
      Tags: [
        { Key: "a", Value: "1" },
        { Key: "b", Value: "2" },
      ],
    });
    assert.deepEqual((await s3.getBucketTagging({ Bucket })).TagSet, [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ]);
    await control.untagResource({ ...at, TagKeys: ["a"] });
    assert.deepEqual((await control.listTagsForResource(at)).Tags, [{ Key: "b", Value: "2" }]);
    assert.equal((await s3.listBuckets({ Prefix: Bucket })).Buckets!.length, 1);
  });

  test("an access point is a name for a bucket, with a policy that is asked too", async () => {
    const Bucket = await bucket("pointed-at");
    await s3.putObject({ Bucket, Key: "k", Body: "x" });
    const Name = "finance";
    const { AccessPointArn, Alias } = await control.createAccessPoint({ AccountId: AccountId(), Name, Bucket });
    assert.match(Alias!, /^finance-[0-9a-z]{34}-s3alias$/);
    const read = async (name: string) => (await s3.getObject({ Bucket: name, Key: "k" })).Body!.transformToString();
    assert.equal(await read(Alias!), "x");
    assert.equal((await s3.listObjectsV2({ Bucket: Alias! })).KeyCount, 1);
    // By its ARN the client puts it into the host name.
    const named = new S3(withNames("s3.jikimi.internal"));
    const got = await named.getObject({ Bucket: AccessPointArn!, Key: "k" });
    assert.equal(await got.Body!.transformToString(), "x");
    // The other place for a bucket's name than the path.
    assert.equal((await named.listObjectsV2({ Bucket })).KeyCount, 1);
    const virtual = await getSignedUrl(named, new GetObjectCommand({ Bucket, Key: "k" }));
    assert.match(virtual, /^http:\/\/pointed-at\.s3\.jikimi\.internal:/);
    named.destroy();
    const Statement = [
      { Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: `${AccessPointArn}/object/k` },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await control.putAccessPointPolicy({ AccountId: AccountId(), Name, Policy });
    const put = (statement: object) =>
      control.putAccessPointPolicy({
        AccountId: AccountId(),
        Name,
        Policy: JSON.stringify({ Version: "2012-10-17", Statement: [{ ...Statement[0], ...statement }] }),
      });
    const malformed = (message: string) => (error: any) => {
      assert.deepEqual([error.name, error.message], ["MalformedPolicy", message]);
      return true;
    };
    await assert.rejects(put({ Action: "s3:GotObject" }), malformed("Policy has invalid action"));
    await assert.rejects(put({ Resource: `arn:aws:s3:::${Bucket}/k` }), malformed("Policy has invalid resource"));
    await assert.rejects(
      put({ Resource: AccessPointArn! }),
      malformed("Action does not apply to any resource(s) in statement"),
    );
    await assert.rejects(read(Alias!), fails("AccessDenied", 403));
    assert.equal(await read(Bucket), "x");
    assert.equal((await control.getAccessPointPolicy({ AccountId: AccountId(), Name })).Policy, Policy);
    // The bucket may insist on its access points.
    await control.deleteAccessPointPolicy({ AccountId: AccountId(), Name });
    const insist = {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: `arn:aws:s3:::${Bucket}/*`,
      Condition: { StringNotEquals: { "s3:DataAccessPointArn": AccessPointArn } },
    };
    await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: [insist] }) });
    await assert.rejects(read(Bucket), fails("AccessDenied", 403));
    assert.equal(await read(Alias!), "x");
    await assert.rejects(s3.getBucketVersioning({ Bucket: Alias! }), fails("MethodNotAllowed", 405));
    await s3.deleteObject({ Bucket, Key: "k" });
    await assert.rejects(s3.deleteBucket({ Bucket }), fails("BucketHasAccessPointsAttached", 400));
    const { AccessPointList } = await control.listAccessPoints({ AccountId: AccountId(), Bucket });
    assert.deepEqual(
      AccessPointList!.map((point) => point.Name),
      [Name],
    );
    await control.deleteAccessPoint({ AccountId: AccountId(), Name });
    await assert.rejects(read(Alias!), fails("NoSuchAccessPoint", 404));
    await s3.deleteBucket({ Bucket });
  });
});
