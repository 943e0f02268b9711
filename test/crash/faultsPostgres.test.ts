/**
 * The database server goes away under load and comes back: calls fail within bounded time with an error that may be
 * tried again, and everything works again without a restart.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { findPostgres, PostgresServer } from "../postgres.ts";
import { Workload } from "../workload.ts";

const goneMs = 8_000;
/** Longest that a call may take while the server is gone. */
const answerMs = 15_000;
const found = findPostgres();

describe("PostgreSQL is gone for a while", { skip: "reason" in found ? found.reason : false }, () => {
  let server: PostgresServer;
  let instance: Instance;
  let iam: IAMClient;
  let s3: S3Client;
  const workload = new Workload(() => instance);

  before(async () => {
    server = await PostgresServer.create();
    instance = await startInstance({ args: ["--store", await server.createDatabase("jikimi")] });
    iam = new IAMClient(instance.client);
    s3 = new S3Client(instance.s3Client);
    await workload.start();
  });

  after(async () => {
    await workload.stop();
    await instance?.stop();
    await server?.destroy();
  });

  for (const how of ["stop", "kill"] as const) {
    test(`${how} of the server`, { timeout: 120_000 }, async () => {
      await workload.progress(6);
      const pids = await instance.rolePids();
      await server[how]();
      const until = performance.now() + goneMs;
      while (performance.now() < until) {
        await failsSoon(iam.send(new CreateUserCommand({ UserName: `gone-${Date.now()}` })));
        await failsSoon(s3.send(new ListBucketsCommand({})));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await server.start();
      await eventually(
        async () => {
          await s3.send(new ListBucketsCommand({}));
          return true;
        },
        { within: 20_000 },
      );
      await workload.progress(6);
      assert.deepEqual(await instance.rolePids(), pids, "without a restart");
    });
  }

  test("everything acknowledged is there", { timeout: 120_000 }, async () => {
    await workload.stop();
    await workload.assertEverythingIsThere();
  });

  async function failsSoon(call: Promise<unknown>): Promise<void> {
    const since = performance.now();
    await assert.rejects(call, (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
      assert.ok((error.$metadata?.httpStatusCode ?? 0) >= 500, `${error.name}: ${error.message}`);
      assert.notEqual(error.name, "InternalFailure", error.message);
      return true;
    });
    assert.ok(performance.now() - since < answerMs, "answered in bounded time");
  }
});
