/**
 * Kills while clusters are made, claimed and used: of an HSM, of the api, of the jobs, of everything. What was acknowledged
 * goes on to its end, and nothing half-done shows.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HsmCustomer, missingForHsm } from "../hsmCustomer.ts";
import { eventually, type Instance, startInstance } from "../instance.ts";

const skip = await missingForHsm();
const officer = "officer-4711";
const dataDir = mkdtempSync(join(tmpdir(), "jikimi-hsm-crash-"));
const folder = mkdtempSync(join(tmpdir(), "jikimi-hsm-crash-ca-"));

let instance: Instance;
let customer: HsmCustomer;

async function start(port?: number): Promise<void> {
  instance = await startInstance({
    dataDir,
    env: { JIKIMI_PKCS11_MODULE: "embedded" },
    ...(port === undefined ? {} : { port }),
  });
  customer = new HsmCustomer(instance, folder);
}

/** Everything dies at once, and starts again on what is on the disk. */
async function killAll(): Promise<void> {
  const port = Number(new URL(instance.endpoint).port);
  await instance.kill();
  await start(port);
}

async function killRole(name: string): Promise<void> {
  const { [name]: pid } = await instance.rolePids();
  assert.ok(pid !== undefined, `role ${name} runs`);
  process.kill(pid, "SIGKILL");
  await eventually(async () => {
    const now = (await instance.rolePids())[name];
    return now !== undefined && now !== pid;
  });
  // The api answers again.
  await eventually(async () => (await customer.hsm.describeClusters({})).Clusters !== undefined);
}

/** Every HSM of the cluster runs again. */
async function alive(id: string): Promise<void> {
  await eventually(async () => (await customer.seen(id)).hsms.every((hsm) => hsm.alive && hsm.inStep));
}

before(async () => {
  if (!skip) await start();
});
after(async () => {
  await instance?.stop();
  for (const each of [dataDir, folder]) rmSync(each, { recursive: true, force: true });
});

test("kills between every step of a cluster's life", { skip, timeout: 240_000 }, async () => {
  const id = await customer.createCluster();
  await killRole("jobs");
  await customer.settled(id, "UNINITIALIZED");

  await customer.createHsm(id);
  await killAll();
  const { Certificates } = await customer.settled(id, "UNINITIALIZED", 1);

  const signed = await customer.sign(Certificates!.ClusterCsr!);
  await customer.hsm.initializeCluster({ ClusterId: id, ...signed });
  await killAll();
  const claimed = await customer.settled(id, "INITIALIZED", 1);
  assert.equal(claimed.Certificates!.ClusterCertificate, signed.SignedCert);

  await customer.must(["activate"], officer);
  await killAll();
  await customer.settled(id, "ACTIVE", 1);
  const { Backups } = await customer.hsm.describeBackups({ Filters: { clusterIds: [id] } });
  assert.equal(Backups!.length, 1, "one backup of the activation, however often it was begun");

  await alive(id);
  await customer.must(["user", "create", "alice"], officer, "alice-secret-1");
  await customer.createHsm(id, "b");
  await killRole("jobs");
  await customer.settled(id, "ACTIVE", 2);

  const made = await customer.pkcs11(
    id,
    "alice:alice-secret-1",
    "--keygen",
    "--key-type",
    "AES:32",
    "--id",
    "07",
    "--label",
    "kept",
  );
  assert.equal(made.code, 0, made.stderr);
  await killRole("api");
  await killRole("hsm");
  await alive(id);
  const [victim] = (await customer.seen(id)).hsms;
  process.kill(victim!.pid!, "SIGKILL");
  await killAll();
  await customer.settled(id, "ACTIVE", 2);
  const listed = await customer.pkcs11(id, "alice:alice-secret-1", "--list-objects", "--type", "secrkey");
  assert.match(listed.stdout, /kept/);

  for (const { hsmId } of (await customer.seen(id)).hsms) await customer.hsm.deleteHsm({ ClusterId: id, HsmId: hsmId });
  await killAll();
  await eventually(async () => (await customer.cluster(id))!.Hsms!.length === 0, { within: 60_000 });
  await customer.createHsm(id);
  await killAll();
  await customer.settled(id, "ACTIVE", 1);
  const again = await customer.pkcs11(id, "alice:alice-secret-1", "--list-objects", "--type", "secrkey");
  assert.match(again.stdout, /kept/);

  const { Hsms } = (await customer.cluster(id))!;
  await customer.hsm.deleteHsm({ ClusterId: id, HsmId: Hsms![0]!.HsmId! });
  await eventually(async () => (await customer.cluster(id))!.Hsms!.length === 0, { within: 60_000 });
  await customer.hsm.deleteCluster({ ClusterId: id });
  await killRole("jobs");
  await customer.settled(id, "DELETED");
});
