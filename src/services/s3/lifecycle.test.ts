import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { matchCors, corsHeaders } from "./cors.ts";
import { preflight } from "./crossOrigin.ts";
import { refused, World } from "./testing.ts";

const day = 86_400_000;
let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const rules = (Bucket: string, ...Rules: object[]) =>
  world.call("PutBucketLifecycleConfiguration", {
    Bucket,
    LifecycleConfiguration: { Rules: Rules.map((rule) => ({ Status: "Enabled", Filter: {}, ...rule })) },
  });
const keys = async (Bucket: string) =>
  ((await world.call("ListObjectsV2", { Bucket })).Contents ?? []).map(({ Key }: any) => Key);

test("objects expire by age, prefix, tag and size, and say so before", async () => {
  const Bucket = await world.bucket("expiring");
  await world.put(Bucket, "log/a", "x");
  await world.put(Bucket, "log/tagged", "x", { Tagging: "keep=yes" });
  await world.put(Bucket, "tagged", "x", { Tagging: "temp=yes" });
  await world.put(Bucket, "big", "x".repeat(2000));
  await world.put(Bucket, "kept", "x");
  await rules(
    Bucket,
    { ID: "logs", Filter: { Prefix: "log/" }, Expiration: { Days: 3 } },
    { ID: "temp", Filter: { Tag: { Key: "temp", Value: "yes" } }, Expiration: { Days: 1 } },
    { ID: "big", Filter: { ObjectSizeGreaterThan: 1000 }, Expiration: { Days: 1 } },
    { ID: "off", Status: "Disabled", Expiration: { Days: 1 } },
  );
  const { Expiration } = await world.call("HeadObject", { Bucket, Key: "log/a" });
  const due = new Date(Math.ceil((world.clock.now() + 3 * day) / day) * day).toUTCString();
  assert.equal(Expiration, `expiry-date="${due}", rule-id="logs"`);
  await world.run("s3-lifecycle");
  assert.equal((await keys(Bucket)).length, 5);
  world.clock.advance(2 * day);
  await world.run("s3-lifecycle");
  assert.deepEqual(await keys(Bucket), ["kept", "log/a", "log/tagged"]);
  world.clock.advance(2 * day);
  await world.run("s3-lifecycle");
  assert.deepEqual(await keys(Bucket), ["kept"]);
});

test("versions, delete markers and uploads expire; locked versions do not", async () => {
  const Bucket = await world.bucket("expiring-versions", { ObjectLockEnabledForBucket: true });
  await world.put(Bucket, "k", "1");
  const until = new Date(world.clock.now() + 100 * day);
  const lock = { ObjectLockMode: "COMPLIANCE", ObjectLockRetainUntilDate: until };
  const { VersionId: locked } = await world.put(Bucket, "k", "2", lock);
  await world.put(Bucket, "k", "3");
  await world.put(Bucket, "gone", "1");
  await world.call("DeleteObject", { Bucket, Key: "gone" });
  const { UploadId } = await world.call("CreateMultipartUpload", { Bucket, Key: "u" });
  await world.call("UploadPart", { Bucket, Key: "u", UploadId, PartNumber: 1, Body: Buffer.from("x") });
  await rules(
    Bucket,
    {
      ID: "old",
      NoncurrentVersionExpiration: { NoncurrentDays: 2 },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
    },
    { ID: "markers", Expiration: { ExpiredObjectDeleteMarker: true } },
  );
  await world.run("s3-lifecycle");
  assert.equal((await world.call("ListObjectVersions", { Bucket })).Versions.length, 4);
  world.clock.advance(3 * day);
  await world.run("s3-lifecycle");
  const { Versions, DeleteMarkers } = await world.call("ListObjectVersions", { Bucket });
  assert.deepEqual(
    Versions.map(({ Key, IsLatest }: any) => [Key, IsLatest]),
    [
      ["k", true],
      ["k", false],
    ],
  );
  assert.equal(Versions[1].VersionId, locked);
  assert.equal(DeleteMarkers, undefined);
  assert.deepEqual((await world.call("ListMultipartUploads", { Bucket })).Uploads, []);
});

test("expiring the current version of a versioned bucket keeps it as noncurrent", async () => {
  const Bucket = await world.bucket("expiring-current");
  await world.call("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
  await world.put(Bucket, "k", "1");
  await rules(Bucket, { Expiration: { Days: 1 } });
  world.clock.advance(2 * day);
  await world.run("s3-lifecycle");
  const { Versions, DeleteMarkers } = await world.call("ListObjectVersions", { Bucket });
  assert.deepEqual([Versions.length, Versions[0].IsLatest, DeleteMarkers[0].IsLatest], [1, false, true]);
});

test("configurations that cannot be are refused", async () => {
  const Bucket = await world.bucket("lifecycle-refused");
  for (const [rule, code] of [
    [{ Transitions: [{ Days: 1, StorageClass: "GLACIER" }] }, "NotImplemented"],
    [{}, "InvalidRequest"],
    [{ Expiration: { Days: 0 } }, "InvalidArgument"],
    [{ Expiration: { Days: 1, ExpiredObjectDeleteMarker: true } }, "MalformedXML"],
    [{ Expiration: { Date: new Date(world.clock.now() + 1) } }, "InvalidArgument"],
    [{ Status: "On", Expiration: { Days: 1 } }, "MalformedXML"],
    [
      { Filter: { Tag: { Key: "a", Value: "b" } }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
      "InvalidRequest",
    ],
  ] as const) {
    await assert.rejects(rules(Bucket, rule), refused(code), JSON.stringify(rule));
  }
  await assert.rejects(
    rules(Bucket, { ID: "a", Expiration: { Days: 1 } }, { ID: "a", Expiration: { Days: 2 } }),
    refused("InvalidArgument"),
  );
  await assert.rejects(
    world.call("GetBucketLifecycleConfiguration", { Bucket }),
    refused("NoSuchLifecycleConfiguration", { status: 404 }),
  );
  const Id = "x";
  await assert.rejects(
    world.call("PutBucketNotificationConfiguration", {
      Bucket,
      NotificationConfiguration: {
        QueueConfigurations: [{ Id, QueueArn: "arn:aws:sqs:x:1:q", Events: ["s3:ObjectCreated:*"] }],
      },
    }),
    refused("InvalidArgument", { message: "Unable to validate the following destination configurations" }),
  );
});

test("with EventBridge on, object events are emitted in S3's format", async () => {
  const Bucket = await world.bucket("events");
  const events = () =>
    world.store.outboxEntries.filter((entry) => entry.stream === "s3-events").map(({ event }) => event as any);
  await world.put(Bucket, "before", "x");
  assert.equal(events().length, 0);
  await world.call("PutBucketNotificationConfiguration", {
    Bucket,
    NotificationConfiguration: { EventBridgeConfiguration: {} },
  });
  await world.put(Bucket, "a b", "xyz");
  await world.call("DeleteObject", { Bucket, Key: "a b" });
  assert.deepEqual(
    events().map(({ eventName }) => eventName),
    ["ObjectCreated:Put", "ObjectRemoved:Delete"],
  );
  const { object, bucket } = events()[0].s3;
  assert.deepEqual([object.key, object.size, bucket.name], ["a+b", 3, "events"]);
});

test("CORS: the first rule that allows origin, method and headers answers", async () => {
  const Bucket = await world.bucket("cors");
  const request = {
    origin: "https://app.example.com",
    "access-control-request-method": "PUT",
    "access-control-request-headers": "X-Amz-Date, content-type",
  };
  await assert.rejects(
    preflight(world.store, Bucket, request),
    refused("AccessForbidden", { status: 403, message: /not enabled/ }),
  );
  await world.call("PutBucketCors", {
    Bucket,
    CORSConfiguration: {
      CORSRules: [
        { AllowedMethods: ["GET"], AllowedOrigins: ["*"] },
        {
          AllowedMethods: ["PUT"],
          AllowedOrigins: ["https://*.example.com"],
          AllowedHeaders: ["x-amz-*", "Content-Type"],
          ExposeHeaders: ["ETag"],
          MaxAgeSeconds: 60,
        },
      ],
    },
  });
  assert.deepEqual(await preflight(world.store, Bucket, request), {
    "access-control-allow-origin": "https://app.example.com",
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "PUT",
    "access-control-expose-headers": "ETag",
    "access-control-allow-headers": "x-amz-date, content-type",
    "access-control-max-age": "60",
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  });
  for (const change of [
    { origin: "https://example.org" },
    { "access-control-request-method": "DELETE" },
    { "access-control-request-headers": "x-other" },
  ]) {
    await assert.rejects(preflight(world.store, Bucket, { ...request, ...change }), refused("AccessForbidden"));
  }
  await assert.rejects(preflight(world.store, Bucket, {}), refused("BadRequest"));
  const rule = matchCors([{ AllowedMethods: ["GET"], AllowedOrigins: ["*"] }], {
    origin: "null",
    method: "GET",
    headers: [],
  })!;
  assert.equal(
    corsHeaders(rule, { origin: "null", method: "GET", headers: [] }, false)["access-control-allow-origin"],
    "*",
  );
  for (const change of [{ AllowedMethods: ["PATCH"] }, { AllowedOrigins: ["*.*"] }, { AllowedHeaders: ["*-*"] }]) {
    const CORSRules = [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"], ...change }];
    await assert.rejects(
      world.call("PutBucketCors", { Bucket, CORSConfiguration: { CORSRules } }),
      refused("InvalidRequest"),
    );
  }
});
