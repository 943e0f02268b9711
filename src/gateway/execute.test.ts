import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { KeyHolderUnavailable } from "#keys/contract.ts";
import { Conflict, StoreUnavailable } from "#store/contract.ts";
import { loadModel } from "#model/load.ts";
import type { AuditRecord } from "./auditRecord.ts";
import type { CallContext } from "./context.ts";
import { denialKey, type Denial } from "./denials.ts";
import { execute } from "./execute.ts";
import type { PolicySet } from "./identity.ts";
import type { Call, Runtime } from "./runtime.ts";
import { defineService, type Access } from "./service.ts";
import { MemoryStore, testAccount, testConfig, testRegion } from "./testing.ts";

type Kms = typeof import("@aws-sdk/client-kms");
type Handler = (input: { KeyId: string | undefined }, ctx: CallContext) => Promise<Record<string, never>>;

const keyArn = `arn:aws:kms:${testRegion}:${testAccount}:key/1`;
const allowAll = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

describe("a call", () => {
  let store: MemoryStore;
  let policies: PolicySet;

  beforeEach(() => {
    store = new MemoryStore(() => new ManualClock().now());
    policies = { identity: [{ name: "user/alice/own", document: allowAll }] };
  });

  function runtime(handler: Handler, access: Access | "none" = "none"): Runtime {
    const service = defineService<Kms>()({
      id: "kms",
      operations: { EnableKey: handler },
      access: { EnableKey: () => access },
    });
    return {
      services: new Map([["kms", service]]),
      model: loadModel,
      store,
      blobs: {} as Runtime["blobs"],
      keys: {} as Runtime["keys"],
      identity: {
        policies: async () => policies,
        organization: async () => undefined,
        resourceControl: async () => undefined,
        touched: () => {},
      } as unknown as Runtime["identity"],
      clock: new ManualClock(),
      wallClock: new ManualClock(),
      random: systemRandom,
      log: silentLogger,
      config: testConfig,
      metrics: { served: () => {} },
    };
  }

  function call(operation = "EnableKey", requestId = "request-1"): Call {
    const principal = {
      kind: "user",
      account: testAccount,
      arn: `arn:aws:iam::${testAccount}:user/alice`,
      id: "AIDA1",
      userName: "alice",
    } as const;
    return {
      service: loadModel("kms"),
      operation,
      protocol: "awsJson1_1",
      input: { KeyId: "1" },
      principal,
      account: testAccount,
      region: testRegion,
      requestId,
      source: { ip: "192.0.2.1", userAgent: "test", host: "localhost", scheme: "http", headers: {}, calledVia: [] },
      signal: new AbortController().signal,
    };
  }

  const records = () => store.outboxEntries.map(({ event }) => event as AuditRecord);
  const put: Handler = async (_input, ctx) => {
    ctx.state.put("key", "1", "enabled");
    return {};
  };
  const document = () => store.get({ account: testAccount, region: testRegion, service: "kms", type: "key", id: "1" });

  test("leaves its effect and one record", async () => {
    await execute(runtime(put), call());
    assert.equal((await document())!.value, "enabled");
    const [record, ...more] = records();
    assert.equal(more.length, 0);
    assert.equal(record!.eventName, "EnableKey");
    assert.deepEqual(record!.requestParameters, { keyId: "1" });
    assert.equal(record!.userIdentity["userName"], "alice");
    assert.equal(record!.requestID, "request-1");
  });

  test("under which the key holder goes away may be tried again", async () => {
    const fails: Handler = async () => {
      throw new KeyHolderUnavailable();
    };
    await assert.rejects(execute(runtime(fails), call()), { code: "ServiceUnavailable", status: 503 });
  });

  test("that is not committed ends what it would have streamed", async () => {
    let ended = 0;
    const body = { [Symbol.asyncIterator]: () => body, next: async () => ({}), return: async () => ++ended };
    const streams = (async () => ({ Body: body })) as unknown as Handler;
    store.commit = async () => {
      throw new StoreUnavailable("disk full");
    };
    await assert.rejects(execute(runtime(streams), call()), { status: 503 });
    assert.equal(ended, 1);
  });

  test("that cannot be recorded is not done", async () => {
    store.commit = async () => {
      throw new StoreUnavailable("disk full");
    };
    await assert.rejects(execute(runtime(put), call()), { code: "ServiceUnavailable", status: 503 });
    assert.equal(await document(), undefined);
  });

  test("that fails leaves its record and nothing else", async () => {
    const failing: Handler = async (input, ctx) => {
      await put(input, ctx);
      throw new AwsError("DisabledException", "it is disabled");
    };
    await assert.rejects(execute(runtime(failing), call()), { code: "DisabledException" });
    assert.equal(await document(), undefined);
    assert.deepEqual(
      records().map(({ errorCode }) => errorCode),
      ["DisabledException"],
    );
  });

  test("whose handler breaks answers InternalFailure and tells nothing of the reason", async () => {
    const broken: Handler = async () => {
      throw new TypeError("secret detail");
    };
    await assert.rejects(execute(runtime(broken), call()), (error: AwsError) => {
      assert.equal(error.code, "InternalFailure");
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.doesNotMatch(JSON.stringify(records()), /secret detail/);
  });

  test("that lost a race runs again on fresh state, and does once what it does once", async () => {
    let runs = 0;
    let effects = 0;
    const racing: Handler = async (_input, ctx) => {
      const before = await ctx.state.get<number>("counter", "c");
      await ctx.once("effect", async () => ++effects);
      if (runs++ === 0) {
        await store.commit([
          {
            op: "put",
            key: { account: testAccount, region: testRegion, service: "kms", type: "counter", id: "c" },
            value: 10,
          },
        ]);
      }
      ctx.state.put("counter", "c", (before?.value ?? 0) + 1);
      return {};
    };
    await execute(runtime(racing), call());
    const after = await store.get({
      account: testAccount,
      region: testRegion,
      service: "kms",
      type: "counter",
      id: "c",
    });
    assert.equal(after!.value, 11);
    assert.deepEqual([runs, effects, records().length], [2, 1, 1]);
  });

  test("that loses every race gives up with an error that clients retry", async () => {
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      if (batch.some((operation) => operation.op === "put")) throw new Conflict();
      return await commit(batch);
    };
    await assert.rejects(execute(runtime(put), call()), { code: "ThrottlingException" });
    assert.equal(records().length, 1);
  });

  test("that no policy allows is refused in the service's words, recorded and explained", async () => {
    policies = { identity: [] };
    const denied = runtime(put, { action: "kms:EnableKey", resource: keyArn });
    await assert.rejects(execute(denied, call()), {
      code: "AccessDeniedException",
      message: `User: arn:aws:iam::${testAccount}:user/alice is not authorized to perform: kms:EnableKey on resource: ${keyArn} because no identity-based policy allows the kms:EnableKey action`,
    });
    assert.equal(await document(), undefined);
    assert.equal(records()[0]!.errorCode, "AccessDeniedException");
    const kept = await store.get<Denial>(denialKey("request-1"));
    assert.equal(kept!.value.action, "kms:EnableKey");
    assert.ok(kept!.value.explanation.en.length > 0 && kept!.value.explanation.ko.length > 0);
  });

  test("is refused when the policies cannot be had", async () => {
    const broken = runtime(put, { action: "kms:EnableKey", resource: keyArn });
    broken.identity.policies = async () => {
      throw new StoreUnavailable("gone");
    };
    await assert.rejects(execute(broken, call()), { status: 503 });
    assert.equal(await document(), undefined);
  });

  test("is refused when a policy in scope cannot be read", async () => {
    policies = {
      identity: [
        { name: "a", document: allowAll },
        { name: "b", document: "{ not json" },
      ],
    };
    await assert.rejects(execute(runtime(put, { action: "kms:EnableKey", resource: keyArn }), call()), {
      code: "AccessDeniedException",
    });
  });

  test("of an operation without a handler says so with a 4xx, and is recorded", async () => {
    await assert.rejects(execute(runtime(put), call("DisableKey")), { code: "NotImplemented", status: 400 });
    assert.equal(records()[0]!.errorCode, "NotImplemented");
  });

  test("on a resource of another account is recorded in both, under one shared id", async () => {
    const owner = "444455556666";
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: testAccount }, Action: "*", Resource: "*" }],
    });
    const access: Access = {
      action: "kms:EnableKey",
      resource: `arn:aws:kms:${testRegion}:${owner}:key/1`,
      resourceAccount: owner,
      resourcePolicies: [{ name: "key policy", document: policy }],
    };
    await execute(runtime(put, access), call());
    assert.deepEqual(
      records().map(({ recipientAccountId }) => recipientAccountId),
      [testAccount, owner],
    );
    assert.equal(new Set(records().map(({ sharedEventID }) => sharedEventID)).size, 1);
    assert.notEqual(records()[0]!.eventID, records()[1]!.eventID);
  });

  test("service without an authorization row cannot be defined", () => {
    assert.throws(
      () => defineService<Kms>()({ id: "kms", operations: { EnableKey: put as never }, access: {} }),
      /no authorization mapping/,
    );
  });
});
