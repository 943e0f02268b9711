/** The control plane over the data plane itself, in one process: what the double promises is what happens. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { HsmError, HsmPlane } from "../../hsm/contract.ts";
import { firstOfficerCredentials, officer, TestPlane } from "../../hsm/testing.ts";
import { CustomerCa, World } from "./testing.ts";

let hsm: TestPlane;
let world: World;
before(async () => {
  hsm = await TestPlane.open();
  world = await World.open(hsm.plane as unknown as HsmPlane);
});
after(async () => {
  await world.close();
  await hsm.close();
});

test("a cluster is claimed, activated, backed up, and lives on in another one", async () => {
  const { plane } = hsm;
  const first = await world.newCluster();
  await world.newHsm(first);
  const { Certificates, Hsms } = await world.cluster(first);
  assert.equal(Hsms[0].State, "ACTIVE");
  assert.match(Hsms[0].StateMessage, /embedded/);
  const signed = new CustomerCa().sign(Certificates.ClusterCsr);
  await world.call("InitializeCluster", { ClusterId: first, ...signed });
  await world.settle();
  assert.equal((await world.cluster(first)).State, "INITIALIZED");
  await plane.changePassword(first, firstOfficerCredentials, firstOfficerCredentials.user, officer.password);
  await world.settle();
  assert.equal((await world.cluster(first)).State, "ACTIVE");
  await plane.createUser(first, officer, { name: "alice", role: "crypto-user", password: "alice-password" });
  world.clock.advance(1_000);
  await world.newHsm(first, "b");
  world.clock.advance(1_000);
  for (const { HsmId } of (await world.cluster(first)).Hsms) {
    await world.call("DeleteHsm", { ClusterId: first, HsmId });
    await world.settle();
  }
  const [backup] = await world.backups({ Filters: { clusterIds: [first] } });
  await world.newHsm(first);
  assert.equal(await plane.checkLogin(first, { user: "alice", password: "alice-password" }), "crypto-user");

  const { Cluster } = await world.call("CreateCluster", {
    HsmType: "hsm2m.medium",
    SubnetIds: await world.subnets(),
    SourceBackupId: backup.BackupId,
  });
  const second = Cluster.ClusterId;
  await world.settle();
  await world.newHsm(second);
  const restored = await world.cluster(second);
  assert.equal(restored.State, "ACTIVE");
  assert.equal(restored.Hsms[0].State, "ACTIVE");
  assert.equal(restored.Certificates.ClusterCertificate, (await world.cluster(first)).Certificates.ClusterCertificate);
  assert.equal(await plane.checkLogin(second, { user: "alice", password: "alice-password" }), "crypto-user");
  await assert.rejects(plane.checkLogin(second, { user: "alice", password: "not-hers" }), (error: HsmError) => {
    assert.equal(error.kind, "login-refused");
    return true;
  });
  for (const id of [first, second]) {
    for (const { HsmId } of (await world.cluster(id)).Hsms) await world.call("DeleteHsm", { ClusterId: id, HsmId });
    await world.settle();
    await world.call("DeleteCluster", { ClusterId: id });
    await world.settle();
    assert.equal(await plane.cluster(id), undefined);
  }
});
