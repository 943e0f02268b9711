/**
 * Every operation of S3 with seeded random input in the shape of its model, some of it meaningful: the answer is
 * an output or a refusal of S3's, never an unknown error, and the bucket stays usable.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { loadModel } from "#model/load.ts";
import type { Member } from "#model/types.ts";
import { service } from "../../src/services/s3/index.ts";
import { account, anonymous, collect, otherAdmin, root, user, World } from "../../src/services/s3/testing.ts";
import { leaveOut, RandomValues, Seeded } from "./randomValues.ts";

const rounds = 15;
let world: World;
let total = 0;
before(async () => {
  world = await World.open();
});
after(async () => {
  await world.close();
  // Input that is refused at the door every time would prove nothing.
  assert.ok(total > 150, `${total} calls were answered`);
});

/** Values that lead somewhere, by member name; mixed with ones that are hostile. */
const meaningful: Record<string, readonly unknown[]> = {
  Bucket: [
    ...Array.from({ length: 16 }, () => "fuzz"),
    "fuzz",
    "fuzz",
    "fuzz",
    "fuzz",
    "fuzz-locked",
    "fuzz-locked",
    "nope",
    "UPPER",
    "arn:aws:s3:x:1:accesspoint/a",
    "a-s3alias",
    "\u0000",
    "fuzz-111122223333",
  ],
  Key: [
    ...Array.from({ length: 10 }, () => "a"),
    "a",
    "a",
    "dir/b",
    "\u0000",
    "\u0001\u0001",
    "x".repeat(1025),
    "\u{10FFFF}",
    "../..",
    "",
  ],
  VersionId: [leaveOut, leaveOut, "null", "x", "A".repeat(32), "\u0000", "../../../../../../../../../../..x"],
  UploadId: ["x", "\u0000", "0".repeat(12) + "." + "A".repeat(44)],
  CopySource: ["fuzz/a", "/fuzz/dir/b", "fuzz/a?versionId=null", "fuzz", "%", "fuzz/%00", "nope/a", "\u0000"],
  Prefix: [leaveOut, "", "d", "\u0000", "x".repeat(2000), "\u{10FFFF}"],
  Delimiter: [leaveOut, "/", "\u0000", "\u{10FFFF}", "ir"],
  Marker: [leaveOut, "a", "\u0000", "x".repeat(2000)],
  KeyMarker: [leaveOut, "a", "\u0001", "x".repeat(2000)],
  StartAfter: [leaveOut, "a", "\u0000", "x".repeat(2000)],
  ContinuationToken: [leaveOut, leaveOut, "x", "AAAAAAAAAAAAAAAA", "\u0000"],
  PartNumber: [leaveOut, 0, 1, 2, -1, 10_001, 1.5],
  MaxKeys: [leaveOut, 0, 1, -1, 2 ** 31, 1.5, Number.NaN],
  ExpectedBucketOwner: [...Array.from({ length: 12 }, () => leaveOut), account, "x"],
  ExpectedSourceBucketOwner: [leaveOut, leaveOut, account],
  Range: [leaveOut, "bytes=0-0", "bytes=-0", "bytes=9999999999999999999-", "bytes=0-1,2-3", "bytes=--1"],
  CopySourceRange: [leaveOut, "bytes=0-0", "bytes=5-1", "x"],
  IfMatch: [leaveOut, leaveOut, "*", '"x"', ","],
  IfNoneMatch: [leaveOut, leaveOut, "*", '"x"'],
  Policy: [
    "{}",
    "[]",
    "{",
    "null",
    '{"Statement":null}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"CanonicalUser":"x"},"Action":"s3:*","Resource":"arn:aws:s3:::fuzz"}]}',
  ],
  Tagging: [leaveOut, "a=1", "%", "a=%ff"],
  ContentMD5: [leaveOut, leaveOut, "x"],
  ContentLength: [leaveOut],
  Body: [Buffer.from("body")],
  SSECustomerAlgorithm: [leaveOut, leaveOut, "AES256"],
  SSECustomerKey: [leaveOut, leaveOut, Buffer.alloc(32).toString("base64")],
  SSECustomerKeyMD5: [leaveOut, leaveOut, "cLyPTpTcMbnfGb6sJgi3Dg=="],
  SSEKMSEncryptionContext: [leaveOut, "e30=", "bnVsbA==", "W10=", "eyJhIjoxfQ=="],
};
for (const name of [
  "ObjectLockEventHold",
  "WriteOffsetBytes",
  "ObjectLockEventHoldDurationDays",
  "ObjectLockEventHoldDurationYears",
  "AnnotationDirective",
  "ChecksumSHA512",
  "ChecksumMD5",
  "ChecksumXXHASH64",
  "ChecksumXXHASH3",
  "ChecksumXXHASH128",
]) {
  meaningful[name] = [leaveOut, leaveOut, leaveOut, leaveOut, leaveOut, "1"];
}

async function prepare(): Promise<void> {
  for (const [name, input] of [
    ["fuzz", { ObjectOwnership: "ObjectWriter" }],
    ["fuzz-locked", { ObjectLockEnabledForBucket: true }],
  ] as const) {
    await world.bucket(name, input).catch(() => undefined);
    for (const key of ["a", "dir/b"]) await world.put(name, key, "content").catch(() => undefined);
  }
}

for (const operation of service.operations.keys()) {
  test(operation, async () => {
    const random = new Seeded([...operation].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
    const values = new RandomValues(random, (member: Member) => {
      const choices = meaningful[member.name];
      // One in twenty is whatever the model allows.
      return choices && random.next() < 0.95 ? random.pick(choices) : undefined;
    });
    const model = loadModel("s3").operations.get(operation)!;
    let answered = 0;
    for (let round = 0; round < rounds; round++) {
      await prepare();
      const input = values.input(model);
      const as = random.pick([
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        root,
        otherAdmin,
        anonymous,
        user("nobody"),
      ]);
      try {
        const output = await world.call(operation, input, as ? { as } : {});
        if (output.Body !== undefined) await collect(output.Body);
        answered++;
      } catch (error) {
        assert.ok(error instanceof AwsError, String(error));
        const what = `${error.code}: ${error.message}\n${JSON.stringify(input)}\n${(error.cause as Error)?.stack ?? ""}`;
        assert.ok(error.status < 500 || error.code === "NotImplemented", what);
        assert.notEqual(error.code, "ThrottlingException", what);
      }
    }
    total += answered;
  });
}
