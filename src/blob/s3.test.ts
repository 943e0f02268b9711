import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { ManualClock, systemClock } from "#kernel/clock.ts";
import { chunks } from "./conformance.ts";
import { BlobExists, BlobUnavailable } from "./contract.ts";
import { S3Blobs } from "./s3.ts";
import { startS3Fake, type S3Fake } from "./s3-fake.ts";
import { signRequest } from "#kernel/signedRequest.ts";

class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string | Uint8Array);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}

test("signatures are those of AWS's own signer", async () => {
  const clock = new ManualClock();
  const credentials = { accessKeyId: "AKID", secretAccessKey: "secret/+=", sessionToken: "token" };
  const body = Buffer.from("body");
  const query = { "list-type": "2", prefix: "a b/!'()*~", uploads: "" };
  const ours = signRequest(
    {
      method: "PUT",
      host: "127.0.0.1:4566",
      path: "/bucket/some/id_1",
      query,
      headers: { "if-none-match": "*" },
      body,
    },
    { region: "us-east-1", service: "s3" },
    credentials,
    clock.now(),
  );
  const signer = new SignatureV4({
    credentials,
    region: "us-east-1",
    service: "s3",
    sha256: Sha256 as never,
    uriEscapePath: false,
  });
  const theirs = (await signer.sign(
    {
      method: "PUT",
      protocol: "http:",
      hostname: "127.0.0.1",
      path: "/bucket/some/id_1",
      query,
      headers: { host: "127.0.0.1:4566", "if-none-match": "*" },
      body,
    } as never,
    { signingDate: new Date(clock.now()) },
  )) as unknown as { headers: Record<string, string> };
  assert.equal(ours["authorization"], theirs.headers["authorization"]);
});

async function withFake(body: (blobs: S3Blobs, fake: S3Fake) => Promise<void>): Promise<void> {
  const fake = await startS3Fake();
  const blobs = new S3Blobs({
    endpoint: fake.endpoint,
    bucket: "bucket",
    prefix: "",
    region: "us-east-1",
    credentials: { accessKeyId: "AKID", secretAccessKey: "secret" },
    clock: systemClock,
    partSize: 1000,
    timeoutMs: 2_000,
  });
  try {
    await body(blobs, fake);
  } finally {
    await blobs.close();
    await fake.close();
  }
}

/** Disturbs the first request that matches. */
function once(fake: S3Fake, match: RegExp, disturbance: "lose" | number): void {
  let done = false;
  fake.disturb = (request) => {
    if (done || !match.test(`${request.method} ${request.url}`)) return undefined;
    done = true;
    return disturbance;
  };
}

test("an answer that was lost is not taken for somebody else's blob", async () => {
  await withFake(async (blobs, fake) => {
    once(fake, /^PUT/, "lose");
    await blobs.put("single", chunks("body"));
    once(fake, /^POST .*uploadId/, "lose");
    await blobs.put("parts", chunks(Buffer.alloc(2500)));
    assert.deepEqual(
      [fake.objects.get("single")?.body.length, fake.objects.get("parts")?.body.length, fake.uploads.size],
      [4, 2500, 0],
    );
    once(fake, /^PUT/, "lose");
    await assert.rejects(blobs.put("single", chunks("other")), BlobExists);
    assert.equal(fake.objects.get("single")?.body.toString(), "body");
  });
});

test("a 5xx is repeated, a lasting one is BlobUnavailable and leaves nothing", async () => {
  await withFake(async (blobs, fake) => {
    once(fake, /partNumber=2/, 500);
    assert.equal((await blobs.put("a", chunks(Buffer.alloc(2500)))).size, 2500);
    fake.disturb = (request) => (/partNumber=2/.test(request.url!) ? 503 : undefined);
    await assert.rejects(blobs.put("b", chunks(Buffer.alloc(2500))), BlobUnavailable);
    assert.deepEqual([fake.objects.has("b"), fake.uploads.size], [false, 0]);
    fake.disturb = () => 403;
    fake.requests.length = 0;
    await assert.rejects(blobs.info("a"), BlobUnavailable);
    assert.equal(fake.requests.length, 1, "what is the sender's fault is not repeated");
    await assert.rejects(Array.fromAsync(blobs.get("a")), BlobUnavailable);
  });
});

test("no more than one part is held: the source waits for S3", async () => {
  await withFake(async (blobs, fake) => {
    let given = 0;
    let most = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 50; n++) {
        given += 500;
        const sent = [...fake.uploads.values()]
          .flatMap((upload) => [...upload.parts.values()])
          .reduce((sum, part) => sum + part.length, 0);
        most = Math.max(most, given - sent);
        yield Buffer.alloc(500);
      }
    }
    await blobs.put("slow", body());
    assert.ok(most <= 2000, `${most} bytes held with parts of 1000`);
  });
});

test("an S3 that cannot be reached is BlobUnavailable", async () => {
  await withFake(async (blobs, fake) => {
    await fake.close();
    await assert.rejects(blobs.put("a", chunks("x")), BlobUnavailable);
    await assert.rejects(blobs.list(undefined, 1), BlobUnavailable);
  });
});
