/** Volumes under `kill -9`: what a host was told is on the disk is there afterwards, and nothing is left half made. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { EC2 } from "@aws-sdk/client-ec2";
import { isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { NbdClient, nbdSocket } from "../nbd.ts";

/** A unit, which is on the disk or not: a longer write may be cut in the middle of it when it was never answered. */
const block = 4096;
const blocks = 256;

/** A block says which it is and of which round. */
function marked(index: number, round: number): Buffer {
  const data = Buffer.alloc(block, (index + round) & 0xff);
  data.writeUInt32BE(index, 0);
  data.writeUInt32BE(round, 4);
  return data;
}

/** The round that a block is of; 0 when it was never written. */
function roundOf(index: number, data: Buffer): number {
  if (data.equals(Buffer.alloc(block))) return 0;
  const round = data.readUInt32BE(4);
  assert.deepEqual(data, marked(index, round), `block ${index} is none that was written`);
  return round;
}

describe("volumes under kill -9", { timeout: 240_000 }, () => {
  let instance: Instance;
  let dataDir: string;
  let ec2: EC2;
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "jikimi-crash-volumes-"));
    instance = await startInstance({ dataDir });
    ec2 = new EC2(instance.client);
  });
  after(async () => {
    await instance.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const stateOf = async (id: string) => (await ec2.describeVolumes({ VolumeIds: [id] })).Volumes![0]!.State;
  const available = (id: string) => eventually(async () => (await stateOf(id)) === "available");
  const made = async (from: { Size: number } | { SnapshotId: string }): Promise<string> => {
    const { VolumeId } = await ec2.createVolume({ AvailabilityZone: "us-east-1a", Encrypted: true, ...from });
    await available(VolumeId!);
    return VolumeId!;
  };
  const rolePid = () => eventually(async () => (await instance.rolePids())["volumes"]);
  const attached = (id: string) => eventually(() => NbdClient.attach(nbdSocket(instance), id));
  const killRole = async (): Promise<void> => {
    const pid = await rolePid();
    process.kill(pid, "SIGKILL");
    await eventually(async () => (await instance.rolePids())["volumes"] !== pid);
  };

  /** Writes until the connection is lost. Gives, by block, the last round written, and the last one flushed. */
  async function writeUntilLost(client: NbdClient, round: number, many: () => void) {
    const written = new Map<number, number>();
    const flushed = new Map<number, number>();
    try {
      for (let n = 0; ; n++) {
        const index = (n * 37) % blocks;
        const now = round + Math.floor(n / blocks);
        const fua = n % 50 === 25;
        written.set(index, now);
        assert.equal(await client.write(index * block, marked(index, now), fua), 0);
        if (fua) flushed.set(index, now);
        if (n % 20 === 19) {
          const before = new Map(written);
          assert.equal(await client.flush(), 0);
          for (const [each, of] of before) flushed.set(each, of);
        }
        if (n === 150) many();
      }
    } catch (error) {
      assert.match(String(error), /closed/);
    }
    return { written, flushed };
  }

  test("every block that was flushed is there after the role was killed, and after everything was", async () => {
    const id = await made({ Size: 1 });
    let round = 1;
    const kept = new Map<number, number>();
    for (const what of ["role", "everything"] as const) {
      const client = await attached(id);
      const killed = Promise.withResolvers<void>();
      const { written, flushed } = await writeUntilLost(client, round, () => {
        void (what === "role" ? killRole() : instance.kill()).then(killed.resolve, killed.reject);
      });
      await killed.promise;
      assert.ok(flushed.size > 100, `${flushed.size} blocks`);
      if (what === "everything") {
        instance = await startInstance({ dataDir });
        ec2 = new EC2(instance.client);
      }
      const reader = await attached(id);
      for (const [index, of] of flushed) kept.set(index, of);
      for (let index = 0; index < blocks; index++) {
        const found = roundOf(index, await reader.read(index * block, block));
        assert.ok(found >= (kept.get(index) ?? 0), `block ${index}: round ${found}, flushed ${kept.get(index)}`);
        assert.ok(found <= Math.max(written.get(index) ?? 0, kept.get(index) ?? 0, round), `block ${index}`);
        kept.set(index, found);
      }
      reader.end();
      await available(id);
      round += 1000;
    }
  });

  test("a flush, and a write that asks for it, is answered after the kernel was asked to put it on the disk", async (t) => {
    if (!(await isInstalled("strace"))) return t.skip("strace is not installed");
    const id = await made({ Size: 1 });
    const client = await attached(id);
    const trace = join(dataDir, "trace");
    const args = ["-f", "-q", "-e", "trace=fdatasync,fsync", "-o", trace, "-p", String(await rolePid())];
    const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((resolve) => strace.once("exit", resolve));
    try {
      const synced = async () =>
        (await readFile(trace, "utf8")).split("\n").filter((line) => /sync\(\d+\) += 0|sync resumed.*= 0/.test(line))
          .length;
      // It has begun when it has seen something.
      const begun = await eventually(async () => {
        assert.equal(strace.exitCode, null, "strace may not trace here");
        assert.equal(await client.flush(), 0);
        return await synced();
      }).catch(() => undefined);
      if (begun === undefined) return t.skip("strace may not trace here");
      let before = await synced();
      for (const flush of [() => client.flush(), () => client.write(0, marked(0, 1), true)]) {
        assert.equal(await flush(), 0);
        const now = await synced();
        assert.ok(now > before, `${before} before, ${now} after`);
        before = now;
      }
      assert.equal(await client.write(block, marked(1, 1)), 0);
      assert.equal(await synced(), before);
    } finally {
      strace.kill("SIGINT");
      await ended;
      client.end();
      await available(id);
    }
  });

  test("a snapshot that was cut short fails and leaves nothing; a volume that was being made is made", async () => {
    const id = await made({ Size: 1 });
    const writer = await attached(id);
    const piece = Buffer.alloc(4 * 2 ** 20);
    const pieces = 32;
    for (let n = 0; n < pieces; n++) assert.equal(await writer.write(n * piece.length, piece.fill(n + 1)), 0);
    assert.equal(await writer.flush(), 0);
    const snapshotOf = async (SnapshotId: string) =>
      (await ec2.describeSnapshots({ SnapshotIds: [SnapshotId] })).Snapshots![0]!;
    const blobsOf = async (SnapshotId: string) =>
      (await readdir(join(dataDir, "blobs"), { recursive: true })).filter((name) => name.includes(SnapshotId));
    const ended = (SnapshotId: string) =>
      eventually(async () => {
        const snapshot = await snapshotOf(SnapshotId);
        return snapshot.State !== "pending" && snapshot;
      });

    const { SnapshotId: short } = await ec2.createSnapshot({ VolumeId: id });
    // Its bytes are on the way when something unnamed lies among the blobs.
    await eventually(async () => (await readdir(join(dataDir, "blobs/.incoming"))).length > 0, { every: 1 });
    await killRole();
    const failed = await ended(short!);
    assert.equal(failed.State, "error");
    assert.match(failed.StateMessage!, /cut short/);
    assert.deepEqual(await blobsOf(short!), []);

    await available(id);
    const { SnapshotId: whole } = await ec2.createSnapshot({ VolumeId: id });
    assert.equal((await ended(whole!)).State, "completed");
    const { VolumeId: made2 } = await ec2.createVolume({ AvailabilityZone: "us-east-1a", SnapshotId: whole });
    await eventually(async () => (await readdir(join(dataDir, "volumes"))).includes(`${made2}.image`), { every: 1 });
    await killRole();
    await available(made2!);
    const reader = await attached(made2!);
    for (let n = 0; n < pieces; n++) {
      assert.ok((await reader.read(n * piece.length, piece.length)).equals(piece.fill(n + 1)), `piece ${n}`);
    }
    reader.end();
  });

  test("what is attached is served while the api role is away, and is released when it is back", async () => {
    const id = await made({ Size: 1 });
    const client = await attached(id);
    const api = (await instance.rolePids())["api"]!;
    process.kill(api, "SIGSTOP");
    try {
      assert.equal(await client.write(0, marked(0, 7), true), 0);
      assert.deepEqual(await client.read(0, block), marked(0, 7));
      client.end();
    } finally {
      process.kill(api, "SIGKILL");
    }
    await available(id);
    const again = await attached(id);
    assert.deepEqual(await again.read(0, block), marked(0, 7));
    again.end();
    await available(id);
  });

  test("a volume whose image is lost says so, and can be deleted", async () => {
    const id = await made({ Size: 1 });
    await instance.stop();
    await rm(join(dataDir, "volumes", `${id}.image`));
    instance = await startInstance({ dataDir });
    ec2 = new EC2(instance.client);
    await eventually(async () => (await stateOf(id)) === "error");
    const { VolumeStatuses } = await ec2.describeVolumeStatus({ VolumeIds: [id] });
    assert.equal(VolumeStatuses![0]!.VolumeStatus!.Status, "impaired");
    await assert.rejects(NbdClient.attach(nbdSocket(instance), id), /'error' state/);
    await ec2.deleteVolume({ VolumeId: id });
    await eventually(async () => (await ec2.describeVolumes({})).Volumes!.every(({ VolumeId }) => VolumeId !== id));
  });
});
