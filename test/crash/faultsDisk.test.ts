/**
 * A disk that fills up under load: calls fail with an error that may be tried again, nothing acknowledged is lost,
 * and when there is room again everything works without anybody starting anything.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { Workload } from "../workload.ts";

const size = "96m";

/** Only root may mount, and not in every container. */
function mount(folder: string): string | false {
  if (process.getuid?.() !== 0) return "mounting needs root";
  const done = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", folder]);
  return done.status === 0 ? false : `cannot mount a tmpfs: ${done.error?.message ?? String(done.stderr)}`;
}

function canMount(): string | false {
  const probe = spawnSync("sh", [
    "-c",
    'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d"; s=$?; umount "$d" 2>/dev/null; rmdir "$d"; exit $s',
  ]);
  return probe.status === 0 ? false : "this machine cannot mount a tmpfs";
}

describe("a full disk", { skip: canMount() }, () => {
  let folder: string;
  let instance: Instance;
  const workload = new Workload(() => instance);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-full-"));
    assert.equal(mount(folder), false);
    instance = await startInstance({ dataDir: folder });
    await workload.start();
  });

  after(async () => {
    await workload.stop();
    await instance?.stop();
    spawnSync("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  });

  /** Takes every block there is; gives them back when the file is removed. */
  async function fill(path: string): Promise<void> {
    const file = await open(path, "w");
    const block = Buffer.alloc(1 << 16, 1);
    try {
      for (let at = 0; ; at += block.length) await file.write(block, 0, block.length, at);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    } finally {
      await file.close();
    }
  }

  test("calls fail and can be tried again; afterwards all is there and all works", { timeout: 180_000 }, async () => {
    await workload.progress(6);
    const api = (await instance.rolePids())["api"];
    const ballast = join(folder, "ballast");
    await fill(ballast);

    const s3 = new S3Client(instance.s3Client);
    const iam = new IAMClient(instance.client);
    // What is left inside files that have room is used up first.
    let refusals = 0;
    for (let i = 0; refusals < 5; i++) {
      assert.ok(i < 3_000, "the disk never got full");
      const call = i % 2 === 0 ? put(s3, `full-${i}`) : iam.send(new CreateUserCommand({ UserName: `full-${i}` }));
      await call.catch((error: Error & { $metadata?: { httpStatusCode?: number } }) => {
        assert.ok((error.$metadata?.httpStatusCode ?? 0) >= 500, `${error.name}: ${error.message}`);
        assert.notEqual(error.name, "InternalFailure", error.message);
        refusals++;
      });
      if (i % 50 === 0) await fill(`${ballast}-${i}`).catch(() => {});
    }

    await rm(ballast);
    for (let i = 0; i < 3_000; i += 50) await rm(`${ballast}-${i}`, { force: true });
    await eventually(() => put(s3, "room-again"), { within: 20_000 });
    await workload.progress(6);
    assert.equal((await instance.rolePids())["api"], api, "without a restart");
    await workload.stop();
    await workload.assertEverythingIsThere();
  });

  async function put(s3: S3Client, key: string): Promise<true> {
    await s3.send(new CreateBucketCommand({ Bucket: "filler" })).catch((error: Error) => {
      if (error.name !== "BucketAlreadyOwnedByYou") throw error;
    });
    await s3.send(new PutObjectCommand({ Bucket: "filler", Key: key, Body: Buffer.alloc(50_000, 7) }));
    return true;
  }
});
