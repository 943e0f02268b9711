/** Strangers and the merely authenticated against buckets: lists, policies, Block Public Access, uploads by form. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import {
  CreateBucketCommand,
  DeletePublicAccessBlockCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { startInstance, type Instance } from "../instance.ts";
import { administrator, otherAccount, policy, refusal, user, type Person } from "./people.ts";
import { writesFrom } from "./state.ts";

let instance: Instance;
let owner: Person;
let foreigner: Person;
let nobody: Person;

const open = {
  BlockPublicAcls: false,
  IgnorePublicAcls: false,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: false,
};
const shut = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };

before(async () => {
  instance = await startInstance();
  owner = administrator(instance);
  foreigner = await otherAccount(instance);
  nobody = await user(instance, owner, "nobody");
  const { s3 } = owner;
  for (const Bucket of ["shut", "listed"]) await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new DeletePublicAccessBlockCommand({ Bucket: "listed" }));
  const ownership = { Rules: [{ ObjectOwnership: "ObjectWriter" as const }] };
  await s3.send(new PutBucketOwnershipControlsCommand({ Bucket: "listed", OwnershipControls: ownership }));
  for (const Bucket of ["shut", "listed"]) await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
});
after(() => instance?.stop());

const anonymous = async (method: string, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${instance.endpoint}${path}`, {
    method,
    headers,
    ...(method === "PUT" || method === "POST" ? { body: "x" } : {}),
  });
  await response.arrayBuffer();
  return response.status;
};

test("a stranger gets nothing from a bucket as it is made, by any method", async () => {
  const writes = await writesFrom(instance);
  const paths = [
    "/shut",
    "/shut/",
    "/shut/k",
    "/shut/%6B",
    "/shut?acl",
    "/shut/k?acl",
    "/shut?policy",
    "/shut?uploads",
    "/shut?versions",
    "/shut/new",
    "/",
  ];
  for (const path of paths) {
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "POST"]) {
      const status = await anonymous(method, path);
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
    }
  }
  // What looks like credentials and is none.
  for (const headers of [
    { authorization: "" },
    { authorization: "AWS4-HMAC-SHA256" },
    { authorization: "Bearer x" },
    { "x-amz-security-token": "x" },
  ]) {
    assert.ok((await anonymous("GET", "/shut/k", headers)) >= 400);
  }
  assert.deepEqual(await writes(), []);
});

test("authenticated-read is for everybody who has credentials, and for nobody else", async () => {
  const key = { Bucket: "listed", Key: "k" };
  await owner.s3.send(new PutObjectAclCommand({ ...key, ACL: "authenticated-read" }));
  assert.equal(await refusal(foreigner.s3.send(new GetObjectCommand(key))), "");
  assert.equal(await anonymous("GET", "/listed/k"), 403);
  assert.equal(await refusal(foreigner.s3.send(new ListObjectsV2Command({ Bucket: "listed" }))), "AccessDenied");
  assert.equal(await refusal(foreigner.s3.send(new PutObjectCommand({ ...key, Body: "y" }))), "AccessDenied");
  await owner.s3.send(new PutObjectAclCommand({ ...key, ACL: "private" }));
  assert.equal(await refusal(foreigner.s3.send(new GetObjectCommand(key))), "AccessDenied");
});

test("Block Public Access shuts what is public already, whichever way it became so", async () => {
  const key = { Bucket: "listed", Key: "public" };
  const block = (PublicAccessBlockConfiguration: typeof shut) =>
    owner.s3.send(new PutPublicAccessBlockCommand({ Bucket: "listed", PublicAccessBlockConfiguration }));
  await block(open);
  await owner.s3.send(new PutObjectCommand({ ...key, Body: "x", ACL: "public-read" }));
  await owner.s3.send(new PutBucketAclCommand({ Bucket: "listed", ACL: "public-read" }));
  const all = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::listed/k" };
  await owner.s3.send(new PutBucketPolicyCommand({ Bucket: "listed", Policy: policy(all) }));
  const asked = ["/listed/public", "/listed", "/listed/k"];
  assert.deepEqual(await Promise.all(asked.map((path) => anonymous("GET", path))), [200, 200, 200]);

  await block(shut);
  assert.deepEqual(await Promise.all(asked.map((path) => anonymous("GET", path))), [403, 403, 403]);
  assert.equal(await refusal(foreigner.s3.send(new GetObjectCommand({ Bucket: "listed", Key: "k" }))), "AccessDenied");
  const put = { ...key, Body: "x" };
  assert.equal(await refusal(owner.s3.send(new PutObjectCommand({ ...put, ACL: "public-read" }))), "AccessDenied");
  const uri = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"';
  assert.equal(await refusal(owner.s3.send(new PutObjectCommand({ ...put, GrantRead: uri }))), "AccessDenied");
  assert.equal(
    await refusal(owner.s3.send(new PutBucketAclCommand({ Bucket: "listed", ACL: "authenticated-read" }))),
    "AccessDenied",
  );
  const hidden = [
    all,
    { ...all, Principal: { AWS: "*" } },
    { ...all, Principal: { AWS: ["*"] } },
    { ...all, Condition: { StringLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/*" } } },
    { ...all, Condition: { IpAddress: { "aws:SourceIp": "0.0.0.0/1" } } },
    { ...all, Condition: { StringNotEquals: { "aws:PrincipalAccount": "111122223333" } } },
  ];
  for (const statement of hidden) {
    const call = owner.s3.send(new PutBucketPolicyCommand({ Bucket: "listed", Policy: policy(statement) }));
    assert.equal(await refusal(call), "AccessDenied", JSON.stringify(statement));
  }
});

test("a form may set what its policy says, and nothing beside it", async () => {
  const { url, fields } = await createPresignedPost(owner.s3 as never, {
    Bucket: "shut",
    Key: "uploads/${filename}",
    Conditions: [
      ["starts-with", "$key", "uploads/"],
      ["content-length-range", 1, 10],
    ],
    Expires: 600,
  });
  const post = async (change: Record<string, string>, body = "x", to = url) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, ...change })) form.set(name, value);
    form.set("file", new Blob([body]), "file");
    return (await fetch(to, { method: "POST", body: form })).status;
  };
  assert.equal(await post({}), 204);
  const writes = await writesFrom(instance);
  const attempts = [
    post({ key: "elsewhere" }),
    post({ acl: "public-read" }),
    post({ "Content-Type": "text/html" }),
    post({ "x-amz-meta-a": "b" }),
    post({ "x-amz-server-side-encryption": "aws:kms" }),
    post({ success_action_redirect: "http://evil.example" }),
    post({}, "more than ten bytes"),
    post({}, ""),
    post({ "X-Amz-Signature": "0".repeat(64) }),
    post({
      Policy: Buffer.from(JSON.stringify({ expiration: "2099-01-01T00:00:00Z", conditions: [] })).toString("base64"),
    }),
    post({}, "x", url.replace("/shut", "/listed")),
  ];
  for (const status of await Promise.all(attempts)) assert.ok(status === 403 || status === 400, String(status));
  assert.deepEqual(
    (await writes()).filter((name) => !name.startsWith("s3/garbage/")),
    [],
  );
});

test("who may not list cannot tell what is there from what is not", async () => {
  const reads = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::shut/allowed/*" };
  const reader = await user(instance, owner, "reader", reads);
  for (const Key of ["k", "missing", "allowed/missing"]) {
    assert.equal(await refusal(reader.s3.send(new GetObjectCommand({ Bucket: "shut", Key }))), "AccessDenied", Key);
    const head = await nobody.s3.send(new HeadObjectCommand({ Bucket: "shut", Key })).catch((error: unknown) => error);
    assert.equal((head as { $metadata: { httpStatusCode: number } }).$metadata.httpStatusCode, 403);
  }
});
