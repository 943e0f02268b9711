import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { canonicalId } from "./canonical.ts";
import { account, admin, anonymous, otherAccount, otherAdmin, refused, root, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const denied = refused("AccessDenied", { status: 403 });
const arn = (bucket: string, key = "*") => `arn:aws:s3:::${bucket}/${key}`;
const unblock = (Bucket: string) => world.call("DeletePublicAccessBlock", { Bucket });
const policy = (Bucket: string, ...Statement: object[]) =>
  world.call("PutBucketPolicy", { Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });

test("404 is for those who may list, 403 for the others", async () => {
  const Bucket = await world.bucket("hidden");
  const reader = user("hidden-reader");
  world.allow(reader, { Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "none" }, { as: reader }), denied);
  world.allow(reader, { Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "none" }, { as: reader }), refused("NoSuchKey"));
});

test("a bucket policy lets another account in and keeps its own out; its root is never locked out", async () => {
  const Bucket = await world.bucket("policy");
  await world.put(Bucket, "k", "x");
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, { as: otherAdmin }), denied);
  await policy(
    Bucket,
    { Effect: "Allow", Principal: { AWS: otherAccount }, Action: "s3:GetObject", Resource: arn(Bucket) },
    {
      Effect: "Deny",
      Principal: "*",
      Action: ["s3:DeleteObject", "s3:*BucketPolicy"],
      Resource: [arn(Bucket), `arn:aws:s3:::${Bucket}`],
    },
  );
  assert.equal(await world.text(Bucket, "k", {}, { as: otherAdmin }), "x");
  await assert.rejects(world.call("DeleteObject", { Bucket, Key: "k" }), denied);
  await assert.rejects(world.call("DeleteBucketPolicy", { Bucket }), denied);
  await world.call("DeleteBucketPolicy", { Bucket }, { as: root });
  await world.call("DeleteObject", { Bucket, Key: "k" });
  await assert.rejects(world.call("GetBucketPolicy", { Bucket }), refused("NoSuchBucketPolicy", { status: 404 }));
  const canonical = {
    Effect: "Allow",
    Principal: { CanonicalUser: canonicalId(otherAccount) },
    Action: "s3:GetObject",
    Resource: arn(Bucket),
  };
  await policy(Bucket, canonical);
  await world.put(Bucket, "k", "y");
  assert.equal(await world.text(Bucket, "k", {}, { as: otherAdmin }), "y");
  assert.match(
    (await world.call("GetBucketPolicy", { Bucket })).Policy,
    new RegExp(`arn:aws:iam::${otherAccount}:root`),
  );
  await assert.rejects(
    policy(Bucket, { ...canonical, Principal: { CanonicalUser: "0".repeat(64) } }),
    refused("MalformedPolicy", { message: "Invalid principal in policy" }),
  );
  for (const Policy of [
    "no json",
    "{}",
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::other" }],
    }),
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: arn(Bucket) }],
    }),
  ]) {
    await assert.rejects(world.call("PutBucketPolicy", { Bucket, Policy }), refused("MalformedPolicy"), Policy);
  }
});

test("a bucket policy that can never apply is refused when it is written", async () => {
  const Bucket = await world.bucket("scope");
  const bucket = `arn:aws:s3:::${Bucket}`;
  const deny = { Effect: "Deny", Principal: "*" };
  const misfit = "Action does not apply to any resource(s) in statement";
  const cases: [statement: object, message: string][] = [
    [{ Action: "s3:DelteObject", Resource: arn(Bucket) }, "Policy has invalid action"],
    [{ Action: "s3:ListObjectsV2", Resource: bucket }, "Policy has invalid action"],
    [{ Action: "s3:Nothing*", Resource: bucket }, "Policy has invalid action"],
    [{ NotAction: ["s3:GetObject", "s3:GotObject"], Resource: arn(Bucket) }, "Policy has invalid action"],
    [{ Action: "s3:GetObject", Resource: bucket }, misfit],
    [{ Action: ["s3:GetObject", "s3:ListBucket"], Resource: arn(Bucket) }, misfit],
    [{ Action: "s3:ListAllMyBuckets", Resource: bucket }, misfit],
    [{ Action: "s3:GetObject", NotResource: "arn:aws:s3:::other/*" }, "Policy has invalid resource"],
    [
      { Action: "s3:GetObject", Resource: arn(Bucket), Condition: { StringEquals: { "s3:object": "a" } } },
      "Policy has an invalid condition key",
    ],
    [
      { Action: "s3:GetObject", Resource: arn(Bucket), Condition: { StringLike: { "s3:prefix": "a/*" } } },
      "Conditions do not apply to combination of actions and resources in statement",
    ],
  ];
  for (const [statement, message] of cases) {
    const written = policy(Bucket, { ...deny, ...statement });
    await assert.rejects(written, refused("MalformedPolicy", { message, status: 400 }), JSON.stringify(statement));
  }
  await policy(
    Bucket,
    { ...deny, Action: ["s3:getobject", "s3:ListBucket"], Resource: [bucket, arn(Bucket)] },
    { ...deny, Action: "s3:*", Resource: bucket, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
    { ...deny, Action: "*", Resource: arn(Bucket), Condition: { Bool: { "aws:SecureTransport": "false" } } },
    { ...deny, NotAction: "s3:ListBucket", NotResource: arn(Bucket, "public/*") },
    { ...deny, Action: "s3:Get*", Resource: arn(Bucket), Condition: { Null: { "s3:ExistingObjectTag/a": "true" } } },
  );
});

test("condition keys of the request decide", async () => {
  const Bucket = await world.bucket("keys-of-s3");
  const who = user("conditional");
  const allow = (Action: string, Condition: object) =>
    world.allow(who, { Effect: "Allow", Action, Resource: "*", Condition });
  const as = { as: who };
  allow("s3:ListBucket", {
    StringEquals: { "s3:prefix": "home/", "s3:delimiter": "/" },
    NumericLessThan: { "s3:max-keys": "10" },
  });
  await world.call("ListObjectsV2", { Bucket, Prefix: "home/", Delimiter: "/", MaxKeys: 5 }, as);
  await assert.rejects(
    world.call("ListObjectsV2", { Bucket, Prefix: "root/", Delimiter: "/", MaxKeys: 5 }, as),
    denied,
  );
  await assert.rejects(
    world.call("ListObjectsV2", { Bucket, Prefix: "home/", Delimiter: "/", MaxKeys: 50 }, as),
    denied,
  );

  const put = (input: object) => world.call("PutObject", { Bucket, Key: "k", Body: Buffer.from("x"), ...input }, as);
  allow("s3:PutObject", { StringEquals: { "s3:x-amz-server-side-encryption": "aws:kms" } });
  await assert.rejects(put({}), denied);
  allow("s3:PutObject*", { StringEquals: { "s3:RequestObjectTag/team": "blue" } });
  await put({ Tagging: "team=blue" });
  await assert.rejects(put({ Tagging: "team=red" }), denied);
  allow("s3:GetObject", { StringEquals: { "s3:ExistingObjectTag/team": "blue" } });
  assert.equal(await world.text(Bucket, "k", {}, as), "x");
  await world.put(Bucket, "red", "x", { Tagging: "team=red" });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "red" }, as), denied);
  allow("s3:GetObject", { StringEquals: { "s3:ResourceAccount": account, "s3:authType": "REST-HEADER" } });
  await world.call("GetObject", { Bucket, Key: "k" }, as);
  allow("s3:GetObject", { NumericGreaterThan: { "s3:signatureAge": "1000" } });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, as), denied);
  // A list in the request is a permission of its own.
  world.allow(who, { Effect: "Allow", Action: "s3:PutObject", Resource: "*" });
  await put({});
  await assert.rejects(put({ ACL: "bucket-owner-full-control" }), denied);
  await assert.rejects(put({ Tagging: "a=b" }), denied);
});

test("a policy that asks for encryption lets the parts of an encrypted upload in", async () => {
  const Bucket = await world.bucket("encrypted-only");
  const Key = "large";
  await world.put(Bucket, "source", "x", { ServerSideEncryption: "AES256" });
  const plain = await world.call("CreateMultipartUpload", { Bucket, Key });
  await policy(Bucket, {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:PutObject",
    Resource: arn(Bucket),
    Condition: { StringNotEquals: { "s3:x-amz-server-side-encryption": "AES256" } },
  });
  const part = { Bucket, Key, PartNumber: 1, Body: Buffer.from("x") };
  await assert.rejects(world.call("CreateMultipartUpload", { Bucket, Key }), denied);
  await assert.rejects(world.call("UploadPart", { ...part, UploadId: plain.UploadId }), denied);
  const { UploadId } = await world.call("CreateMultipartUpload", { Bucket, Key, ServerSideEncryption: "AES256" });
  await assert.rejects(world.call("UploadPart", { ...part, Key: "another", UploadId }), denied);
  await world.call("UploadPart", { ...part, UploadId });
  const copied = await world.call("UploadPartCopy", {
    Bucket,
    Key,
    UploadId,
    PartNumber: 1,
    CopySource: `${Bucket}/source`,
  });
  const end = {
    Bucket,
    Key,
    UploadId,
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag: copied.CopyPartResult.ETag }] },
  };
  const done = await world.call("CompleteMultipartUpload", end);
  // A client that did not get the answer asks again.
  assert.equal((await world.call("CompleteMultipartUpload", end)).ETag, done.ETag);
  assert.equal(await world.text(Bucket, Key), "x");
});

test("Block Public Access refuses public policies and lists, and switches existing ones off", async () => {
  const Bucket = await world.bucket("public", { ObjectOwnership: "ObjectWriter" });
  await world.put(Bucket, "k", "x");
  const everyone = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: arn(Bucket) };
  await assert.rejects(policy(Bucket, everyone), denied);
  await assert.rejects(world.put(Bucket, "k", "x", { ACL: "public-read" }), denied);
  await assert.rejects(world.call("PutBucketAcl", { Bucket, ACL: "public-read" }), denied);
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, { as: anonymous }), denied);

  await unblock(Bucket);
  await policy(Bucket, everyone);
  assert.equal(await world.text(Bucket, "k", {}, { as: anonymous }), "x");
  assert.deepEqual(await world.call("GetBucketPolicyStatus", { Bucket }), { PolicyStatus: { IsPublic: true } });
  const block = (PublicAccessBlockConfiguration: object) =>
    world.call("PutPublicAccessBlock", { Bucket, PublicAccessBlockConfiguration });
  await block({ RestrictPublicBuckets: true });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, { as: anonymous }), denied);
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, { as: otherAdmin }), denied);
  assert.equal(await world.text(Bucket, "k", {}, { as: admin }), "x");
  await block({});
  await world.call("DeleteBucketPolicy", { Bucket });

  await world.put(Bucket, "list", "x", { ACL: "public-read" });
  assert.equal(await world.text(Bucket, "list", {}, { as: anonymous }), "x");
  await block({ IgnorePublicAcls: true });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "list" }, { as: anonymous }), denied);
  // The account's setting holds for all its buckets.
  await block({});
  const at = { account, region: "aws-global", service: "s3", type: "accountPublicAccessBlock", id: "configuration" };
  const value = {
    BlockPublicAcls: false,
    IgnorePublicAcls: true,
    BlockPublicPolicy: false,
    RestrictPublicBuckets: false,
  };
  await world.store.commit([{ op: "put", key: at, value }]);
  await assert.rejects(world.call("GetObject", { Bucket, Key: "list" }, { as: anonymous }), denied);
  await world.store.commit([{ op: "delete", key: at }]);
});

test("lists work where they are on, and are refused where they are off", async () => {
  const off = await world.bucket("acl-off");
  await world.put(off, "k", "x", { ACL: "bucket-owner-full-control" });
  await assert.rejects(
    world.put(off, "k", "x", { ACL: "private" }),
    refused("AccessControlListNotSupported", { status: 400, message: "The bucket does not allow ACLs" }),
  );
  await assert.rejects(
    world.call("PutBucketAcl", { Bucket: off, ACL: "private" }),
    refused("AccessControlListNotSupported"),
  );
  const { Owner, Grants } = await world.call("GetObjectAcl", { Bucket: off, Key: "k" });
  assert.equal(Owner.ID, canonicalId(account));
  assert.deepEqual(Grants, [
    { Grantee: { Type: "CanonicalUser", ID: canonicalId(account) }, Permission: "FULL_CONTROL" },
  ]);

  const on = await world.bucket("acl-on", { ObjectOwnership: "ObjectWriter" });
  await unblock(on);
  await world.put(on, "k", "x", { GrantRead: `id="${canonicalId(otherAccount)}"` });
  assert.equal(await world.text(on, "k", {}, { as: otherAdmin }), "x");
  await world.put(on, "auth", "x", { ACL: "authenticated-read" });
  assert.equal(await world.text(on, "auth", {}, { as: otherAdmin }), "x");
  await assert.rejects(world.call("GetObject", { Bucket: on, Key: "auth" }, { as: anonymous }), denied);
  await assert.rejects(world.call("GetObjectAcl", { Bucket: on, Key: "auth" }, { as: otherAdmin }), denied);
  await world.call("PutBucketAcl", { Bucket: on, ACL: "public-read" });
  await world.call("ListObjectsV2", { Bucket: on }, { as: anonymous });
  await assert.rejects(
    world.call("PutObject", { Bucket: on, Key: "n", Body: Buffer.from("x") }, { as: anonymous }),
    denied,
  );

  const grants = {
    Owner: { ID: canonicalId(account) },
    Grants: [{ Grantee: { Type: "CanonicalUser", ID: canonicalId(otherAccount) }, Permission: "WRITE" }],
  };
  await world.call("PutBucketAcl", { Bucket: on, AccessControlPolicy: grants });
  // What another account writes is its own, and the bucket's owner cannot read it.
  await world.call("PutObject", { Bucket: on, Key: "foreign", Body: Buffer.from("x") }, { as: otherAdmin });
  await assert.rejects(world.call("GetObject", { Bucket: on, Key: "foreign" }), denied);
  assert.equal(await world.text(on, "foreign", {}, { as: otherAdmin }), "x");
  await world.call("DeleteObject", { Bucket: on, Key: "foreign" });
  await assert.rejects(
    world.call("PutBucketOwnershipControls", {
      Bucket: on,
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
    }),
    refused("InvalidBucketAclWithObjectOwnership"),
  );
  for (const [input, code] of [
    [{ ACL: "public-read", GrantRead: "id=x" }, "InvalidRequest"],
    [{ ACL: "everyone" }, "InvalidArgument"],
    [{ GrantRead: "id=123" }, "InvalidArgument"],
    [{ GrantRead: 'uri="http://example.com"' }, "InvalidArgument"],
    [{ GrantRead: 'emailAddress="a@b.c"' }, "UnresolvableGrantByEmailAddress"],
    [{}, "MissingSecurityHeader"],
    [{ AccessControlPolicy: { Owner: { ID: canonicalId(otherAccount) }, Grants: [] } }, "AccessDenied"],
    [{ AccessControlPolicy: { Grants: [] } }, "MalformedACLError"],
  ] as const) {
    await assert.rejects(world.call("PutBucketAcl", { Bucket: on, ...input }), refused(code), code);
  }
});

test("requester pays", async () => {
  const Bucket = await world.bucket("payer");
  await world.put(Bucket, "k", "x");
  await policy(Bucket, {
    Effect: "Allow",
    Principal: { AWS: otherAccount },
    Action: "s3:GetObject",
    Resource: arn(Bucket),
  });
  await world.call("PutBucketRequestPayment", { Bucket, RequestPaymentConfiguration: { Payer: "Requester" } });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }, { as: otherAdmin }), denied);
  const got = await world.call("GetObject", { Bucket, Key: "k", RequestPayer: "requester" }, { as: otherAdmin });
  assert.equal(got.RequestCharged, "requester");
  assert.equal((await world.call("GetObject", { Bucket, Key: "k" })).RequestCharged, undefined);
});

test("object calls are data events, bucket calls management events, with their resources", async () => {
  const Bucket = await world.bucket("audited");
  await world.put(Bucket, "k", "x");
  const [created, put] = world.records().slice(-2);
  assert.deepEqual([created!["eventName"], created!["eventCategory"]], ["CreateBucket", "Management"]);
  assert.deepEqual([put!["eventName"], put!["eventCategory"]], ["PutObject", "Data"]);
  assert.deepEqual(put!["resources"][0], { ARN: "arn:aws:s3:::audited/k", type: "AWS::S3::Object" });
  assert.ok(!JSON.stringify(put).includes("Body"));
});
