/**
 * Scenario main, point 5: the story across a PostgreSQL failover. The primary is killed under load, its synchronous
 * standby takes over, and everything acknowledged is there without anybody's help.
 */
import { after, before, describe, test } from "node:test";
import { startInstance, type Instance } from "../instance.ts";
import { findPostgres, PostgresServer } from "../postgres.ts";
import { Workload } from "../workload.ts";

const found = findPostgres();

describe("a PostgreSQL failover under load", { skip: "reason" in found ? found.reason : false }, () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let instance: Instance;
  const workload = new Workload(() => instance);

  before(async () => {
    primary = await PostgresServer.create(["synchronous_standby_names = 'second'", "synchronous_commit = on"]);
    standby = await primary.standby("second");
    const hosts = `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`;
    instance = await startInstance({
      args: ["--store", `postgres://jikimi@${hosts}/postgres?target_session_attrs=read-write`],
    });
  });

  after(async () => {
    await instance?.stop();
    await standby?.destroy();
    await primary?.destroy();
  });

  test("nothing acknowledged is lost, and work goes on by itself", { timeout: 180_000 }, async () => {
    await workload.start();
    await workload.progress(30);
    await primary.kill();
    await standby.promote();
    await workload.progress(30);
    await workload.stop();
    await workload.assertEverythingIsThere();
  });
});
