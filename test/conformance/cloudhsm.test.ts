/** CloudHSM through unmodified clients: the SDK for JavaScript, and the AWS CLI with botocore's newer model. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudHsmInvalidRequestException, CloudHsmResourceNotFoundException } from "@aws-sdk/client-cloudhsm-v2";
import { aws, awsCommand, isInstalled, run } from "../cli.ts";
import { HsmCustomer, region } from "../hsmCustomer.ts";
import { advance } from "../operator.ts";
import { eventually, type Instance, repository, startInstance } from "../instance.ts";

const folder = mkdtempSync(join(tmpdir(), "jikimi-cloudhsm-"));
const officer = "officer-4711";
let instance: Instance;
let customer: HsmCustomer;
before(async () => {
  instance = await startInstance({ args: ["--adjustable-clock"], env: { JIKIMI_PKCS11_MODULE: "embedded" } });
  customer = new HsmCustomer(instance, folder);
});
after(async () => {
  await instance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const cli = (...args: string[]) => aws(instance, ["cloudhsmv2", ...args, "--region", region]);

test("an installation without clusters runs no HSM process, and its status says what would serve", async () => {
  assert.equal("hsm" in (await instance.rolePids()), false);
  const { backend, clusters } = await customer.must(["status"]);
  assert.equal(backend.available, true);
  assert.ok(backend.description.length > 0);
  assert.deepEqual(clusters, []);
});

test("errors are the SDK's classes, whose texts tell the reason", async () => {
  const { hsm } = customer;
  await assert.rejects(hsm.deleteCluster({ ClusterId: "cluster-aaaaaaaaaaa" }), CloudHsmResourceNotFoundException);
  await assert.rejects(hsm.restoreBackup({ BackupId: "backup-aaaaaaaaaaa" }), CloudHsmResourceNotFoundException);
  await assert.rejects(customer.createCluster({ HsmType: "hsm9.large" }), (error) => {
    assert.ok(error instanceof CloudHsmInvalidRequestException);
    assert.equal(error.message, "Provided HsmType is not supported.");
    return true;
  });
});

/** A key pair of an officer's, as files. */
async function newPair(name: string): Promise<{ privateKey: string; publicKey: string }> {
  const [privateKey, publicKey] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  await customer.openssl("genrsa", "-out", privateKey, "2048");
  await customer.openssl("rsa", "-in", privateKey, "-pubout", "-out", publicKey);
  return { privateKey, publicKey };
}

/** Two officers have to approve what one of them does with users. */
async function underQuorum(): Promise<void> {
  const second = "officer-second-1";
  await customer.must(["user", "create", "second", "--role", "admin"], officer, second);
  const passwords = { admin: officer, second };
  const approvals = [];
  for (const [user, password] of Object.entries(passwords)) {
    const { privateKey, publicKey } = await newPair(user);
    await customer.must(["quorum", "register", "--as", user, "--public-key", publicKey], password);
    approvals.push({ user, privateKey });
  }
  await customer.must(["quorum", "set", "user", "2"], officer);
  assert.equal((await customer.must(["quorum", "show"])).user, 2);
  const alone = await customer.jikimi(["user", "create", "alice"], officer, "alice-secret-1");
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /quorum-required/);
  const token = await customer.must(["quorum", "token", "user"], officer);
  const unsigned = join(folder, "unsigned");
  writeFileSync(unsigned, Buffer.from(token.unsigned, "base64"));
  const signed: { user: string; signature: string }[] = [];
  for (const { user, privateKey } of approvals) {
    const signature = join(folder, `${user}.signature`);
    await customer.openssl("dgst", "-sha256", "-sign", privateKey, "-out", signature, unsigned);
    signed.push({ user, signature: readFileSync(signature).toString("base64") });
  }
  const file = join(folder, "approvals.json");
  const approved = async (...names: string[]) => {
    writeFileSync(
      file,
      JSON.stringify({ tokenId: token.tokenId, approvals: signed.filter(({ user }) => names.includes(user)) }),
    );
    return customer.jikimi(["user", "create", "alice", "--quorum", file], officer, "alice-secret-1");
  };
  assert.match((await approved("admin")).stderr, /quorum-/);
  assert.equal((await approved("admin", "second")).code, 0);
  const { users } = await customer.must(["user", "list"]);
  assert.deepEqual(users.map(({ name }: { name: string }) => name).toSorted(), ["admin", "alice", "second"]);
}

test("the whole life of a cluster, its backups and tags", async () => {
  const { hsm } = customer;
  const id = await customer.activeCluster(officer);
  await underQuorum();
  const [backup] = (await hsm.describeBackups({ Filters: { clusterIds: [id] } })).Backups!;
  assert.equal(backup!.BackupState, "READY");
  await hsm.tagResource({ ResourceId: backup!.BackupId, TagList: [{ Key: "team", Value: "keys" }] });
  assert.deepEqual((await hsm.listTags({ ResourceId: backup!.BackupId })).TagList, [{ Key: "team", Value: "keys" }]);
  const { DestinationBackup } = await hsm.copyBackupToRegion({
    BackupId: backup!.BackupId,
    DestinationRegion: "eu-west-1",
  });
  assert.equal(DestinationBackup!.SourceBackup, backup!.BackupId);
  const modified = await hsm.modifyCluster({ ClusterId: id, BackupRetentionPolicy: { Type: "DAYS", Value: "7" } });
  assert.equal(modified.Cluster!.BackupRetentionPolicy!.Value, "7");
  await advance(instance, 86_400_000);
  const daily = await eventually(async () => {
    const { Backups } = await hsm.describeBackups({ Filters: { clusterIds: [id] }, SortAscending: true });
    return Backups!.length === 2 && Backups;
  });
  assert.ok(daily[1]!.CreateTimestamp!.getTime() - daily[0]!.CreateTimestamp!.getTime() >= 86_400_000);
  await advance(instance, 7 * 86_400_000);
  await eventually(async () => {
    const { Backups } = await hsm.describeBackups({ Filters: { backupIds: [backup!.BackupId!] } });
    return Backups![0]!.BackupState === "PENDING_DELETION";
  });
  const restored = await hsm.restoreBackup({ BackupId: backup!.BackupId });
  assert.equal(restored.Backup!.BackupState, "READY");
  const { HsmId } = (await customer.cluster(id))!.Hsms![0]!;
  await hsm.deleteHsm({ ClusterId: id, HsmId: HsmId! });
  await eventually(async () => (await customer.cluster(id))!.Hsms!.length === 0);
  await eventually(async () => !("hsm" in (await instance.rolePids())) || (await customer.seen(id)).hsms.length === 0);
  await hsm.deleteCluster({ ClusterId: id });
  await customer.settled(id, "DELETED");
});

test("the AWS CLI knows what is newer than the SDK", { skip: !(await isInstalled(awsCommand())) }, async () => {
  const { Backups } = await cli("describe-backups", "--sort-ascending", "--max-items", "1");
  const arn = Backups[0].BackupArn;
  assert.equal(Backups[0].Mode, "FIPS");
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "cloudhsm:CreateCluster", Resource: arn },
    ],
  });
  assert.equal((await cli("put-resource-policy", "--resource-arn", arn, "--policy", policy)).ResourceArn, arn);
  assert.equal((await cli("get-resource-policy", "--resource-arn", arn)).Policy, policy);
  assert.equal((await cli("delete-resource-policy", "--resource-arn", arn)).Policy, policy);
  await assert.rejects(cli("delete-resource-policy", "--resource-arn", arn), /CloudHsmResourceNotFoundException/);
  assert.deepEqual((await cli("describe-backups", "--shared")).Backups, []);
});

test("the operator's words: refusals have their reasons, bad words their usage", async () => {
  assert.equal((await customer.jikimi(["user", "create"])).code, 2);
  assert.equal((await customer.jikimi(["dance"])).code, 2);
  const none = await customer.jikimi(["user", "list"]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no clusters/);
  const ko = await customer.jikimi(["user", "list", "--lang", "ko"]);
  assert.match(ko.stderr, /클러스터가 없습니다/);
  assert.match((await customer.jikimi(["dance"])).stderr, /none of status, activate,/);
});

test("the operator's words: one of several clusters has to be named, and is the one that is shown", async () => {
  const two = [await customer.createCluster(), await customer.createCluster()].toSorted();
  for (const id of two) await customer.settled(id, "UNINITIALIZED");
  const which = await customer.jikimi(["user", "list"]);
  assert.equal(which.code, 2);
  assert.match(which.stderr, /several clusters: cluster-\w+, cluster-\w+/);
  for (const clusterId of two) {
    const { clusters } = await customer.must(["status", "--cluster", clusterId]);
    assert.deepEqual(
      clusters.map((each: { clusterId: string }) => each.clusterId),
      [clusterId],
    );
  }
  const unknown = await customer.jikimi(["status", "--cluster", "cluster-aaaaaaaaaaa"]);
  assert.equal(unknown.code, 2);
  const silent = await customer.jikimi(["key", "list", "--cluster", two[0]!]);
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /a password is missing/);
  for (const ClusterId of two) await customer.hsm.deleteCluster({ ClusterId });
});

test("doctor says what holds the keys", async () => {
  const main = join(repository, "src/cli/main.ts");
  const ran = await run(process.execPath, [main, "doctor", "--json", "--data", instance.dataDir], instance.env());
  const { checks } = JSON.parse(ran.stdout);
  const row = checks.find(({ id }: { id: string }) => id === "hsm");
  assert.equal(row.state, "ok");
  assert.match(row.detail, /software/);
});
