import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { account, admin, mfaCode, refused, root, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

async function versioned(name: string, status = "Enabled"): Promise<string> {
  await world.bucket(name);
  await world.call("PutBucketVersioning", { Bucket: name, VersioningConfiguration: { Status: status } });
  return name;
}

async function history(Bucket: string): Promise<string[]> {
  const { Versions = [], DeleteMarkers = [] } = await world.call("ListObjectVersions", { Bucket });
  return [
    ...Versions.map((version: any) => `${version.Key} ${version.VersionId} ${version.IsLatest}`),
    ...DeleteMarkers.map((marker: any) => `${marker.Key} marker ${marker.VersionId} ${marker.IsLatest}`),
  ];
}

test("every version stays readable, and the newest left is current", async () => {
  const Bucket = await versioned("history");
  const v1 = (await world.put(Bucket, "k", "one")).VersionId;
  const v2 = (await world.put(Bucket, "k", "two")).VersionId;
  assert.match(v1, /^[A-Za-z0-9._]{32}$/);
  assert.equal(await world.text(Bucket, "k"), "two");
  assert.equal(await world.text(Bucket, "k", { VersionId: v1 }), "one");

  const removal = await world.call("DeleteObject", { Bucket, Key: "k" });
  assert.equal(removal.DeleteMarker, true);
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }), (error: any) => {
    assert.equal(error.headers["x-amz-delete-marker"], "true");
    return refused("NoSuchKey", { status: 404 })(error);
  });
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "k", VersionId: removal.VersionId }),
    refused("MethodNotAllowed", { status: 405 }),
  );
  assert.deepEqual(await history(Bucket), [`k ${v2} false`, `k ${v1} false`, `k marker ${removal.VersionId} true`]);

  assert.equal(
    (await world.call("DeleteObject", { Bucket, Key: "k", VersionId: removal.VersionId })).DeleteMarker,
    true,
  );
  assert.equal(await world.text(Bucket, "k"), "two");
  await world.call("DeleteObject", { Bucket, Key: "k", VersionId: v2 });
  assert.equal(await world.text(Bucket, "k"), "one");
  assert.deepEqual(await history(Bucket), [`k ${v1} true`]);
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "k", VersionId: v2 }),
    refused("NoSuchVersion", { status: 404 }),
  );
  await assert.rejects(world.call("DeleteBucket", { Bucket }), refused("BucketNotEmpty", { message: /all versions/ }));
  await world.call("DeleteObject", { Bucket, Key: "k", VersionId: v1 });
  await world.call("DeleteObject", { Bucket, Key: "k", VersionId: v1 });
  await world.call("DeleteBucket", { Bucket });
});

test("what was there before versioning is the null version", async () => {
  const Bucket = await world.bucket("null-version");
  await world.put(Bucket, "k", "old");
  await world.call("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
  const v2 = (await world.put(Bucket, "k", "new")).VersionId;
  assert.equal(await world.text(Bucket, "k", { VersionId: "null" }), "old");

  await world.call("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Suspended" } });
  assert.equal((await world.put(Bucket, "k", "suspended")).VersionId, undefined);
  // The null version is one: the old one is gone.
  assert.deepEqual(await history(Bucket), ["k null true", `k ${v2} false`]);
  assert.equal(await world.text(Bucket, "k", { VersionId: "null" }), "suspended");
  const { VersionId, DeleteMarker } = await world.call("DeleteObject", { Bucket, Key: "k" });
  assert.deepEqual([VersionId, DeleteMarker], ["null", true]);
  assert.deepEqual(await history(Bucket), [`k ${v2} false`, "k marker null true"]);
  await world.call("DeleteObject", { Bucket, Key: "k", VersionId: "null" });
  assert.equal(await world.text(Bucket, "k"), "new");
});

test("racing writers and removers leave one consistent history", async () => {
  const Bucket = await versioned("racing");
  const first = await Promise.all(Array.from({ length: 8 }, (_, i) => world.put(Bucket, "k", `v${i}`)));
  await Promise.all([
    ...first.slice(0, 4).map(({ VersionId }) => world.call("DeleteObject", { Bucket, Key: "k", VersionId })),
    world.call("DeleteObject", { Bucket, Key: "k" }),
    world.put(Bucket, "k", "late"),
    world.call("DeleteObject", { Bucket, Key: "k" }),
  ]);
  const lines = await history(Bucket);
  assert.equal(lines.length, 4 + 3);
  assert.equal(lines.filter((line) => line.endsWith("true")).length, 1);
  const { Versions = [], DeleteMarkers = [] } = await world.call("ListObjectVersions", { Bucket });
  const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }: any) => ({ Key, VersionId }));
  const { Deleted, Errors } = await world.call("DeleteObjects", { Bucket, Delete: { Objects } });
  assert.equal(Deleted.length, 7);
  assert.equal(Errors, undefined);
  assert.deepEqual(await history(Bucket), []);
  await world.call("DeleteBucket", { Bucket });
});

test("DeleteObjects answers for each key by itself", async () => {
  const Bucket = await versioned("bulk");
  for (const key of ["a", "b", "c"]) await world.put(Bucket, key, key);
  const limited = user("limited");
  world.allow(limited, { Effect: "Allow", Action: "s3:DeleteObject", Resource: "arn:aws:s3:::bulk/a" });
  const Objects = [{ Key: "a" }, { Key: "b" }, { Key: "none" }];
  const answer = await world.call("DeleteObjects", { Bucket, Delete: { Objects } }, { as: limited });
  assert.deepEqual(
    answer.Deleted.map(({ Key }: any) => Key),
    ["a"],
  );
  assert.deepEqual(
    answer.Errors.map(({ Key, Code }: any) => [Key, Code]),
    [
      ["b", "AccessDenied"],
      ["none", "AccessDenied"],
    ],
  );
  assert.equal(await world.text(Bucket, "b"), "b");
  await assert.rejects(world.call("DeleteObjects", { Bucket, Delete: { Objects: [] } }), refused("MalformedXML"));
  const quiet = await world.call("DeleteObjects", { Bucket, Delete: { Objects, Quiet: true } });
  assert.deepEqual(quiet, {});
});

test("versions are listed in pages, with markers and prefixes, without loss or repetition", async () => {
  const Bucket = await versioned("version-pages");
  for (const key of ["a/1", "a/2", "b", "c"]) for (const body of ["1", "2", "3"]) await world.put(Bucket, key, body);
  await world.call("DeleteObject", { Bucket, Key: "b" });
  const seen: string[] = [];
  let markers: Record<string, unknown> = {};
  for (;;) {
    const page = await world.call("ListObjectVersions", { Bucket, MaxKeys: 2, ...markers });
    for (const entry of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
      seen.push(`${entry.Key} ${entry.VersionId}`);
    if (!page.IsTruncated) break;
    markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
  assert.equal(seen.length, 13);
  assert.equal(new Set(seen).size, 13);
  const grouped = await world.call("ListObjectVersions", { Bucket, Delimiter: "/" });
  assert.deepEqual(grouped.CommonPrefixes, [{ Prefix: "a/" }]);
  assert.equal(grouped.Versions.length, 6);
  const after = await world.call("ListObjectVersions", { Bucket, KeyMarker: "b" });
  assert.deepEqual(new Set(after.Versions.map(({ Key }: any) => Key)), new Set(["c"]));
});

test("a lock holds against everyone who may not lift it", async () => {
  const Bucket = await world.bucket("locked", { ObjectLockEnabledForBucket: true });
  const day = 86_400_000;
  const until = new Date(world.clock.now() + 10 * day);
  const put = (Key: string, lock: Record<string, unknown>) => world.put(Bucket, Key, "x", lock);
  const governed = (await put("g", { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until })).VersionId;
  const complied = (await put("c", { ObjectLockMode: "COMPLIANCE", ObjectLockRetainUntilDate: until })).VersionId;
  const held = (await put("h", { ObjectLockLegalHoldStatus: "ON" })).VersionId;
  const remove = (Key: string, VersionId: string, rest = {}, options = {}) =>
    world.call("DeleteObject", { Bucket, Key, VersionId, ...rest }, options);
  const denied = refused("AccessDenied", { message: /object lock/ });
  const bypass = { BypassGovernanceRetention: true };

  // A delete marker hides a locked object, which stays.
  await world.call("DeleteObject", { Bucket, Key: "c" });
  assert.equal(await world.text(Bucket, "c", { VersionId: complied }), "x");
  await assert.rejects(remove("g", governed), denied);
  const deleter = user("deleter");
  world.allow(deleter, { Effect: "Allow", Action: ["s3:DeleteObject*"], Resource: "*" });
  await assert.rejects(remove("g", governed, bypass, { as: deleter }), denied);
  await assert.rejects(remove("c", complied, bypass, { as: root }), denied);
  await assert.rejects(remove("h", held, bypass), denied);
  const bulk = await world.call("DeleteObjects", { Bucket, Delete: { Objects: [{ Key: "h", VersionId: held }] } });
  assert.equal(bulk.Errors[0].Code, "AccessDenied");

  const retain = (Key: string, VersionId: string, Mode: string, days: number, rest = {}) =>
    world.call("PutObjectRetention", {
      Bucket,
      Key,
      VersionId,
      Retention: { Mode, RetainUntilDate: new Date(world.clock.now() + days * day) },
      ...rest,
    });
  await assert.rejects(retain("c", complied, "COMPLIANCE", 5, bypass), denied);
  await assert.rejects(retain("c", complied, "GOVERNANCE", 50, bypass), denied);
  await retain("c", complied, "COMPLIANCE", 20);
  await assert.rejects(retain("g", governed, "GOVERNANCE", 5), denied);
  await retain("g", governed, "GOVERNANCE", 5, bypass);
  await remove("g", governed, bypass);
  await world.call("PutObjectLegalHold", { Bucket, Key: "h", VersionId: held, LegalHold: { Status: "OFF" } });
  await remove("h", held);

  await assert.rejects(
    world.call("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Suspended" } }),
    refused("InvalidBucketState"),
  );
  world.clock.advance(21 * day);
  await remove("c", complied);
});

test("default retention locks what says nothing", async () => {
  const Bucket = await world.bucket("default-lock", { ObjectLockEnabledForBucket: true });
  const rule = { DefaultRetention: { Mode: "COMPLIANCE", Days: 1 } };
  const set = (Rule: object | undefined) =>
    world.call("PutObjectLockConfiguration", {
      Bucket,
      ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule },
    });
  await set(rule);
  assert.deepEqual((await world.call("GetObjectLockConfiguration", { Bucket })).ObjectLockConfiguration.Rule, rule);
  const { VersionId } = await world.put(Bucket, "k", "x");
  const head = await world.call("HeadObject", { Bucket, Key: "k" });
  assert.equal(head.ObjectLockMode, "COMPLIANCE");
  assert.equal(head.ObjectLockRetainUntilDate.getTime(), world.clock.now() + 86_400_000);
  await assert.rejects(world.call("DeleteObject", { Bucket, Key: "k", VersionId }), refused("AccessDenied"));
  await assert.rejects(set({ DefaultRetention: { Mode: "COMPLIANCE", Days: 1, Years: 1 } }), refused("MalformedXML"));
  const plain = await world.bucket("no-lock");
  await assert.rejects(world.put(plain, "k", "x", { ObjectLockLegalHoldStatus: "ON" }), refused("InvalidRequest"));
  await assert.rejects(
    world.call("GetObjectLockConfiguration", { Bucket: plain }),
    refused("ObjectLockConfigurationNotFoundError"),
  );
});

test("MFA delete is for the account's root user with a device", async () => {
  const Bucket = await world.bucket("mfa-delete");
  const set = (as: typeof admin | typeof root, rest = {}) =>
    world.call(
      "PutBucketVersioning",
      { Bucket, VersioningConfiguration: { Status: "Enabled", MFADelete: "Enabled" }, ...rest },
      { as },
    );
  const denied = refused("AccessDenied", { message: /Mfa Authentication/ });
  await assert.rejects(set(admin, { MFA: `arn:aws:iam::${account}:mfa/root 123456` }), denied);
  await assert.rejects(set(root), denied);
  await assert.rejects(set(root, { MFA: `arn:aws:iam::${account}:mfa/root 000000` }), denied);
  assert.deepEqual(await world.call("GetBucketVersioning", { Bucket }), {});

  const MFA = `arn:aws:iam::${account}:mfa/root ${mfaCode}`;
  await set(root, { MFA });
  assert.deepEqual(await world.call("GetBucketVersioning", { Bucket }), { Status: "Enabled", MFADelete: "Enabled" });
  const { VersionId } = await world.put(Bucket, "k", "x");
  const remove = { Bucket, Key: "k", VersionId };
  await assert.rejects(world.call("DeleteObject", remove), denied);
  await assert.rejects(world.call("DeleteObject", { ...remove, MFA }), denied);
  const Delete = { Objects: [{ Key: "k", VersionId }] };
  await assert.rejects(world.call("DeleteObjects", { Bucket, Delete }), denied);
  const VersioningConfiguration = { Status: "Suspended" };
  await assert.rejects(world.call("PutBucketVersioning", { Bucket, VersioningConfiguration }, { as: root }), denied);
  await world.call("DeleteObject", { ...remove, MFA }, { as: root });
  assert.deepEqual(await history(Bucket), []);
});
