import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HsmError } from "../../hsm/contract.ts";
import { account, admin, otherAccount, region, stranger, user, World } from "./testing.ts";

const day = 86_400_000;

let world: World;
before(async () => (world = await World.open()));
after(() => world.close());

const refused = (code: string, message?: RegExp) => (error: any) => {
  assert.equal(error.code, code, error.message);
  if (message) assert.match(error.message, message);
  return true;
};
const invalid = (message?: RegExp) => refused("CloudHsmInvalidRequestException", message);
const missing = refused("CloudHsmResourceNotFoundException");

/** Every blob's bytes, in one. */
function blobs(): Buffer {
  const folder = join(world.folder, "blobs");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name))));
}

const ofCluster = (id: string) => world.backups({ Filters: { clusterIds: [id] } });

async function emptied(id: string): Promise<void> {
  for (const { HsmId } of (await world.cluster(id)).Hsms) await world.call("DeleteHsm", { ClusterId: id, HsmId });
  await world.settle();
}

async function removed(id: string): Promise<void> {
  await emptied(id);
  await world.call("DeleteCluster", { ClusterId: id });
  await world.settle();
}

test("a cluster is backed up at its activation, with each HSM that comes or goes, and every day", async () => {
  const id = await world.activeCluster();
  const [first, ...none] = await ofCluster(id);
  assert.deepEqual(none, []);
  assert.match(first.BackupId, /^backup-[a-z2-7]{11}$/);
  assert.equal(first.BackupArn, `arn:aws:cloudhsm:${region}:${account}:backup/${first.BackupId}`);
  assert.equal(first.BackupState, "READY");
  assert.equal(first.NeverExpires, false);
  assert.equal(first.Mode, "FIPS");
  const count = async () => (await ofCluster(id)).length;
  world.clock.advance(1_000);
  await world.newHsm(id, "b");
  assert.equal(await count(), 2);
  world.clock.advance(day - 1);
  await world.settle();
  assert.equal(await count(), 2);
  world.clock.advance(1);
  await world.settle();
  assert.equal(await count(), 3);
  world.clock.advance(1_000);
  const { Hsms } = await world.cluster(id);
  await world.call("DeleteHsm", { ClusterId: id, HsmId: Hsms[0].HsmId });
  await world.settle();
  assert.equal(await count(), 4);
  world.clock.advance(1_000);
  await removed(id);
  assert.equal(await count(), 5);
  assert.equal(
    (await ofCluster(id)).every((each: any) => each.BackupState === "READY"),
    true,
  );
});

test("the last HSM stays until its keys are in a backup", async () => {
  const id = await world.activeCluster();
  world.clock.advance(1_000);
  world.plane.failures.set("backup", new HsmError("no-hsm", "no HSM lives"));
  const { Hsms } = await world.cluster(id);
  await world.call("DeleteHsm", { ClusterId: id, HsmId: Hsms[0].HsmId });
  for (let turn = 0; turn < 3; turn++) await world.run("lifecycle");
  const [waiting] = (await world.cluster(id)).Hsms;
  assert.equal(waiting.State, "DELETE_IN_PROGRESS");
  assert.equal(waiting.StateMessage, "no HSM lives");
  assert.equal(world.plane.clusters.get(id)!.hsms.size, 1);
  world.plane.failures.clear();
  await world.settle();
  assert.deepEqual((await world.cluster(id)).Hsms, []);
  await removed(id);
});

test("a cluster without HSMs goes on from its last backup, and nothing of it is readable on disk", async () => {
  const id = await world.activeCluster("the customer's key 4711");
  world.clock.advance(1_000);
  await emptied(id);
  assert.equal(world.plane.clusters.has(id), false);
  const empty = await world.cluster(id);
  assert.equal(empty.State, "ACTIVE");
  assert.match(empty.Certificates.ClusterCertificate, /BEGIN CERTIFICATE/);
  assert.ok(!blobs().includes("4711"));
  assert.ok(!JSON.stringify([...world.store.rows.values()]).includes("4711"));
  await world.newHsm(id, "b");
  assert.equal(world.plane.clusters.get(id)!.keys, "the customer's key 4711");
  assert.equal((await world.cluster(id)).State, "ACTIVE");
  await removed(id);
});

test("a cluster whose newest backup was deleted goes on from the one before it, and from none when none is left", async () => {
  const id = await world.activeCluster("older");
  world.clock.advance(1_000);
  world.plane.activate(id, "newer");
  await emptied(id);
  const purge = async (BackupId: string) => {
    await world.call("DeleteBackup", { BackupId });
    world.clock.advance(7 * day);
    await world.run("backup-retention");
  };
  const [newest, oldest] = await ofCluster(id);
  await purge(newest.BackupId);
  await world.newHsm(id);
  assert.equal(world.plane.clusters.get(id)!.keys, "older");
  world.clock.advance(1_000);
  await emptied(id);
  for (const { BackupId } of await ofCluster(id)) await purge(BackupId);
  assert.ok(oldest);
  await world.newHsm(id);
  const [hsm] = (await world.cluster(id)).Hsms;
  assert.equal(hsm.State, "CREATE_IN_PROGRESS");
  assert.match(hsm.StateMessage, /no backup/);
  assert.equal(world.plane.clusters.has(id), false, "no new key pair under the old name");
  await removed(id);
});

test("a new cluster is made of a backup, and needs neither initialization nor activation", async () => {
  const first = await world.activeCluster("moved");
  const [backup] = await ofCluster(first);
  await removed(first);
  const input = { HsmType: "hsm2m.medium", SubnetIds: await world.subnets(), SourceBackupId: backup.BackupId };
  const { Cluster } = await world.call("CreateCluster", input);
  assert.equal(Cluster.State, "CREATE_IN_PROGRESS");
  assert.equal(Cluster.SourceBackupId, backup.BackupId);
  assert.match(Cluster.Certificates.ClusterCertificate, /BEGIN CERTIFICATE/);
  await world.settle();
  assert.equal((await world.cluster(Cluster.ClusterId)).State, "ACTIVE");
  // What it was made of may go: the cluster has the bytes.
  await world.call("DeleteBackup", { BackupId: backup.BackupId });
  world.clock.advance(7 * day);
  await world.run("backup-retention");
  await assert.rejects(world.call("RestoreBackup", { BackupId: backup.BackupId }), missing);
  await world.newHsm(Cluster.ClusterId);
  assert.equal(world.plane.clusters.get(Cluster.ClusterId)!.keys, "moved");
  await assert.rejects(
    world.call("CreateCluster", { ...input, Mode: "NON_FIPS", SourceBackupId: (await world.backups())[0].BackupId }),
    invalid(/FIPS mode/),
  );
  await removed(Cluster.ClusterId);
});

test("a deleted backup can be restored for seven days", async () => {
  const id = await world.activeCluster();
  const [{ BackupId }] = await ofCluster(id);
  await assert.rejects(world.call("RestoreBackup", { BackupId }), invalid(/PENDING_DELETION/));
  const { Backup } = await world.call("DeleteBackup", { BackupId });
  assert.equal(Backup.BackupState, "PENDING_DELETION");
  assert.equal(Backup.DeleteTimestamp.getTime(), world.clock.now() + 7 * day);
  await assert.rejects(world.call("DeleteBackup", { BackupId }), invalid(/READY/));
  await assert.rejects(world.call("ModifyBackupAttributes", { BackupId, NeverExpires: true }), invalid(/READY/));
  world.clock.advance(7 * day - 1);
  await world.run("backup-retention");
  const restored = await world.call("RestoreBackup", { BackupId });
  assert.equal(restored.Backup.BackupState, "READY");
  assert.equal(restored.Backup.DeleteTimestamp, undefined);
  await world.call("DeleteBackup", { BackupId });
  world.clock.advance(7 * day);
  const blobsBefore = (await world.blobs.list(undefined, 1000)).length;
  await world.run("backup-retention");
  await assert.rejects(world.call("RestoreBackup", { BackupId }), missing);
  assert.equal((await world.blobs.list(undefined, 1000)).length, blobsBefore - 1);
  await removed(id);
});

test("retention marks old backups, but not the last, those that never expire, or copies", async () => {
  const id = await world.activeCluster();
  await world.call("ModifyCluster", { ClusterId: id, BackupRetentionPolicy: { Type: "DAYS", Value: "7" } });
  const [kept] = await ofCluster(id);
  await world.call("ModifyBackupAttributes", { BackupId: kept.BackupId, NeverExpires: true });
  for (let days = 0; days < 2; days++) {
    world.clock.advance(day);
    await world.settle();
  }
  world.plane.clusters.get(id)!.hsms.forEach((hsm) => (hsm.alive = false));
  world.clock.advance(30 * day);
  await world.run("backup-retention");
  const states = async () => (await ofCluster(id)).map((each: any) => each.BackupState);
  assert.deepEqual(await states(), ["READY", "PENDING_DELETION", "READY"]);
  const named = await world.backups({ Filters: { neverExpires: ["true"], clusterIds: [id] } });
  assert.deepEqual(
    named.map((each: any) => each.BackupId),
    [kept.BackupId],
  );
  world.plane.clusters.get(id)!.hsms.forEach((hsm) => (hsm.alive = true));
  await removed(id);
});

test("a backup is copied to another Region, with its bytes and tags", async () => {
  const id = await world.activeCluster("far away");
  const [{ BackupId }] = await ofCluster(id);
  await world.call("TagResource", { ResourceId: BackupId, TagList: [{ Key: "team", Value: "keys" }] });
  const copy = (DestinationRegion: string, more: object = {}) =>
    world.call("CopyBackupToRegion", { BackupId, DestinationRegion, ...more });
  await assert.rejects(copy(region), invalid(/another Region/));
  await assert.rejects(copy("eu-east-9"), invalid(/not available/));
  await assert.rejects(copy("af-south-1"), invalid(/not enabled/));
  const { DestinationBackup } = await copy("eu-west-1");
  assert.equal(DestinationBackup.SourceBackup, BackupId);
  assert.equal(DestinationBackup.SourceCluster, id);
  assert.equal(DestinationBackup.SourceRegion, region);
  const [there] = await world.backups({ Filters: { sourceBackupIds: [BackupId] } }, admin, "eu-west-1");
  assert.notEqual(there.BackupId, BackupId);
  assert.deepEqual(there.TagList, [{ Key: "team", Value: "keys" }]);
  assert.equal(there.CreateTimestamp.getTime(), DestinationBackup.CreateTimestamp.getTime());
  assert.ok(there.CopyTimestamp instanceof Date);
  await world.call("DeleteBackup", { BackupId });
  await removed(id);
  assert.ok(!blobs().includes("far away"));
  await world.run("backup-sweep");
  const again = await world.backups({}, admin, "eu-west-1");
  assert.equal(again[0].BackupState, "READY");
});

test("backups are shown newest first, or oldest first, by pages", async () => {
  const id = await world.activeCluster();
  for (let days = 0; days < 4; days++) {
    world.clock.advance(day);
    await world.settle();
  }
  const all = (await ofCluster(id)).map((each: any) => each.BackupId);
  assert.equal(all.length, 5);
  const ascending = await world.backups({ Filters: { clusterIds: [id] }, SortAscending: true });
  assert.deepEqual(
    ascending.map((each: any) => each.BackupId),
    all.toReversed(),
  );
  const seen: string[] = [];
  for (let NextToken: string | undefined; ;) {
    const input = { Filters: { clusterIds: [id] }, MaxResults: 2, ...(NextToken ? { NextToken } : {}) };
    const page = await world.call("DescribeBackups", input);
    seen.push(...page.Backups.map((each: any) => each.BackupId));
    NextToken = page.NextToken;
    if (NextToken === undefined) break;
  }
  assert.deepEqual(seen, all);
  await assert.rejects(world.backups({ Filters: { colors: ["red"] } }), invalid(/colors/));
  await removed(id);
});

test("a backup is shared by its policy: others describe it and make clusters of it, and nothing else", async () => {
  const id = await world.activeCluster("shared");
  const [{ BackupId, BackupArn }] = await ofCluster(id);
  const policy = (...Action: string[]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${otherAccount}:root` }, Action, Resource: BackupArn },
      ],
    });
  const put = (Policy: string, ResourceArn = BackupArn) => world.call("PutResourcePolicy", { ResourceArn, Policy });
  await assert.rejects(put("{"), invalid(/not valid/));
  await assert.rejects(put(policy("cloudhsm:DeleteBackup")), invalid(/DeleteBackup cannot be granted/));
  await assert.rejects(put(policy("cloudhsm:*")), invalid(/cannot be granted/));
  const cluster = `arn:aws:cloudhsm:${region}:${account}:cluster/${id}`;
  await assert.rejects(put(policy("cloudhsm:CreateCluster"), cluster), invalid(/backups only/));
  await assert.rejects(
    world.call("PutResourcePolicy", { Policy: policy("cloudhsm:CreateCluster") }),
    invalid(/ResourceArn/),
  );
  const [subnet] = await world.subnets();
  const create = () =>
    world.call("CreateCluster", { HsmType: "hsm2m.medium", SubnetIds: [subnet], SourceBackupId: BackupArn }, stranger);
  await assert.rejects(create(), /cloudhsm:CreateCluster/);
  await put(policy("cloudhsm:DescribeBackups"));
  const shared = async (who = stranger) =>
    (await world.backups({ Shared: true }, who)).map((each: any) => each.BackupId);
  assert.deepEqual(await shared(), [BackupId]);
  assert.deepEqual(await shared(admin), []);
  assert.deepEqual(
    await shared(user("nobody", otherAccount)).catch((error: any) => error.code),
    "AccessDeniedException",
  );
  await assert.rejects(create(), /cloudhsm:CreateCluster/);
  const both = policy("cloudhsm:DescribeBackups", "cloudhsm:CreateCluster");
  await put(both);
  // It is the subnet that is not theirs: the backup may be used.
  await assert.rejects(create(), invalid(/does not exist/));
  assert.deepEqual(await world.call("GetResourcePolicy", { ResourceArn: BackupArn }), { Policy: both });
  await assert.rejects(world.call("DeleteBackup", { BackupId }, stranger), missing);
  await assert.rejects(
    world.call("PutResourcePolicy", { ResourceArn: BackupArn, Policy: both }, stranger),
    /cloudhsm:PutResourcePolicy/,
  );
  const deleted = await world.call("DeleteResourcePolicy", { ResourceArn: BackupArn });
  assert.deepEqual(deleted, { ResourceArn: BackupArn, Policy: both });
  await assert.rejects(world.call("DeleteResourcePolicy", { ResourceArn: BackupArn }), missing);
  assert.deepEqual(await shared(), []);
  await assert.rejects(create(), /cloudhsm:CreateCluster/);
  await removed(id);
});

test("bytes that nothing names are swept, and nothing else", async () => {
  const id = await world.activeCluster();
  const [{ BackupId }] = await ofCluster(id);
  const put = (blob: string) => world.blobs.put(blob, (async function* () {})());
  const orphan = `cloudhsm.${account}.${region}.${BackupId}.000000000000`;
  await put(orphan);
  await put("somebody-elses");
  await world.run("backup-sweep");
  // It is young: an upload may still be under way.
  assert.ok(await world.blobs.info(orphan));
  const job = await import("./lifecycle/backupsJob.ts");
  const old = {
    ...world.blobs,
    list: async (after: string | undefined, limit: number) =>
      (await world.blobs.list(after, limit)).map((blob) => ({ ...blob, modified: 0 })),
    put: world.blobs.put.bind(world.blobs),
    info: world.blobs.info.bind(world.blobs),
    delete: world.blobs.delete.bind(world.blobs),
  };
  await job.sweepJob.run({ ...world.jobContext(), blobs: old as unknown as typeof world.blobs });
  assert.equal(await world.blobs.info(orphan), undefined);
  assert.ok(await world.blobs.info("somebody-elses"));
  await world.call("DeleteHsm", { ClusterId: id, HsmId: (await world.cluster(id)).Hsms[0].HsmId });
  await world.settle();
  await world.newHsm(id);
  assert.equal((await world.cluster(id)).Hsms.length, 1);
  await removed(id);
});
