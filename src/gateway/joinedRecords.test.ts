import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { loadModel } from "#model/load.ts";
import { Conflict, InvalidKey, StoreUnavailable, type Operation } from "#store/contract.ts";
import type { CallContext } from "./context.ts";
import { execute } from "./execute.ts";
import { defineService } from "./service.ts";
import { MemoryStore, testAccount, testRegion } from "./testing.ts";
import { auditRecords, testRuntime } from "./testingRuntime.ts";

const alice = {
  kind: "user",
  account: testAccount,
  arn: `arn:aws:iam::${testAccount}:user/alice`,
  id: "AIDA1",
  userName: "alice",
} as const;

/** One that uses a key and changes nothing, one that changes something, one that nobody may call. */
const kms = defineService<typeof import("@aws-sdk/client-kms")>()({
  id: "kms",
  operations: {
    Decrypt: () => ({}),
    EnableKey: (_, ctx) => {
      ctx.state.put("key", "1", "enabled");
      return {};
    },
    Encrypt: () => ({}),
  },
  access: { Decrypt: () => "none", EnableKey: () => "none", Encrypt: () => ({ action: "kms:Encrypt", resource: "*" }) },
});

describe("a call that is joined to the call that makes it", () => {
  let store: MemoryStore;
  let batches: (readonly Operation[])[];
  let refuseBatch: (batch: readonly Operation[]) => Error | undefined;

  beforeEach(() => {
    store = new MemoryStore(() => 0);
    batches = [];
    refuseBatch = () => undefined;
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      const refusal = refuseBatch(batch);
      if (refusal) throw refusal;
      await commit(batch);
      batches.push(batch);
    };
  });

  /** Runs a call whose handler is this. */
  function call(handler: (ctx: CallContext) => Promise<unknown>): Promise<unknown> {
    const s3 = defineService<typeof import("@aws-sdk/client-s3")>()({
      id: "s3",
      operations: {
        DeleteBucket: async (_, ctx) => {
          await handler(ctx);
          return {};
        },
      },
      access: { DeleteBucket: () => "none" },
    });
    const clock = new ManualClock();
    const runtime = testRuntime({ services: [s3, kms], store, keys: {} as KeyHolder, clock, policies: new Map() });
    return execute(runtime, {
      service: loadModel("s3"),
      operation: "DeleteBucket",
      input: { Bucket: "b" },
      principal: alice,
      account: testAccount,
      region: testRegion,
      requestId: systemRandom.uuid(),
      source: { ip: "192.0.2.1", userAgent: "test", host: "localhost", scheme: "http", headers: {}, calledVia: [] },
      signal: new AbortController().signal,
    });
  }

  const names = () => auditRecords(store).map(({ eventName }) => eventName as string);
  const recordsOf = (batch: readonly Operation[]) => batch.filter(({ op }) => op === "append").length;
  const decrypt = (ctx: CallContext) => ctx.awsJoined.kms.Decrypt({ CiphertextBlob: Buffer.from("x") });
  const effect = (ctx: CallContext) => ctx.state.put("bucket", "b", "there");
  const written = () => store.get({ account: testAccount, region: testRegion, service: "s3", type: "bucket", id: "b" });

  test("is recorded in one batch with it, in front of it, as done through it", async () => {
    await call(async (ctx) => {
      await decrypt(ctx);
      assert.deepEqual(names(), []);
      effect(ctx);
    });
    assert.deepEqual(names(), ["Decrypt", "DeleteBucket"]);
    assert.equal(batches.length, 1);
    assert.equal(auditRecords(store)[0]!["userIdentity"].invokedBy, "s3.amazonaws.com");
    assert.ok(await written());
  });

  test("is committed by itself when it is not said to join", async () => {
    await call(async (ctx) => {
      await ctx.aws.kms.Decrypt({ CiphertextBlob: Buffer.from("x") });
      assert.deepEqual(names(), ["Decrypt"]);
    });
    assert.equal(batches.length, 2);
  });

  test("is committed by itself, at once, when it changes something", async () => {
    await call(async (ctx) => {
      await ctx.awsJoined.kms.EnableKey({ KeyId: "1" });
      assert.deepEqual(names(), ["EnableKey"]);
    });
    assert.deepEqual(names(), ["EnableKey", "DeleteBucket"]);
  });

  test("is recorded at once when it is refused", async () => {
    await call(async (ctx) => {
      await assert.rejects(ctx.awsJoined.kms.Encrypt({ KeyId: "1", Plaintext: Buffer.from("x") }));
      assert.deepEqual(names(), ["Encrypt"]);
    });
    assert.deepEqual(names(), ["Encrypt", "DeleteBucket"]);
    assert.equal(auditRecords(store)[0]!["errorCode"], "AccessDeniedException");
  });

  test("is recorded when the other is refused afterwards, and the other's effect is not there", async () => {
    const refused = call(async (ctx) => {
      await decrypt(ctx);
      effect(ctx);
      throw new AwsError("BadDigest", "no", 400);
    });
    await assert.rejects(refused, { code: "BadDigest" });
    assert.deepEqual(names(), ["Decrypt", "DeleteBucket"]);
    assert.deepEqual(
      auditRecords(store).map(({ errorCode }) => errorCode as string),
      [undefined, "BadDigest"],
    );
    assert.equal(await written(), undefined);
  });

  test("is recorded once when the other loses a race", async () => {
    let races = 2;
    refuseBatch = (batch) => (batch.some(({ op }) => op === "put") && races-- > 0 ? new Conflict() : undefined);
    let runs = 0;
    await call(async (ctx) => {
      runs++;
      await ctx.once("key", () => decrypt(ctx));
      effect(ctx);
    });
    assert.equal(runs, 3);
    assert.deepEqual(names(), ["Decrypt", "DeleteBucket"]);
  });

  test("is recorded although the other's own batch cannot be", async () => {
    refuseBatch = (batch) => (batch.some(({ op }) => op === "put") ? new InvalidKey("no") : undefined);
    await assert.rejects(
      call(async (ctx) => {
        await decrypt(ctx);
        effect(ctx);
      }),
      { code: "InternalFailure" },
    );
    while (names().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(names(), ["Decrypt"]);
  });

  test("fails the other when it cannot be recorded", async () => {
    refuseBatch = () => new StoreUnavailable("disk full");
    await assert.rejects(call(decrypt), { code: "ServiceUnavailable", status: 503 });
    assert.deepEqual(names(), []);
  });

  test("is recorded within a second when the other takes longer, and not again", async () => {
    await call(async (ctx) => {
      await decrypt(ctx);
      while (names().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.deepEqual(names(), ["Decrypt"]);
      await decrypt(ctx);
    });
    assert.deepEqual(names(), ["Decrypt", "Decrypt", "DeleteBucket"]);
    assert.deepEqual(batches.map(recordsOf), [1, 2]);
  });

  test("fails the other when it was to be recorded by itself and could not be", async () => {
    let tried = 0;
    refuseBatch = () => (tried++ === 0 ? new StoreUnavailable("gone", { unknown: true }) : undefined);
    const failed = call(async (ctx) => {
      await decrypt(ctx);
      while (tried === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      effect(ctx);
    });
    await assert.rejects(failed, { code: "ServiceUnavailable" });
    assert.equal(await written(), undefined);
  });

  test("is committed by itself when the other is over", async () => {
    let kept: CallContext | undefined;
    await call(async (ctx) => {
      kept = ctx;
      await decrypt(ctx);
    });
    await decrypt(kept!);
    assert.deepEqual(names(), ["Decrypt", "DeleteBucket", "Decrypt"]);
  });
});
