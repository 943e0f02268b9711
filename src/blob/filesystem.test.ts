import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { chunks } from "./conformance.ts";
import { BlobUnavailable } from "./contract.ts";
import { FilesystemBlobs } from "./filesystem.ts";
import { openBlobs } from "./open.ts";

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test("files are for their owner only", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  const blobs = await openBlobs(`file:${folder}/blobs`, { clock: systemClock });
  await blobs.put("abcdef", chunks("x"));
  assert.equal(statSync(join(folder, "blobs/ab/cd/abcdef")).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "blobs/ab")).mode & 0o777, 0o700);
  rmSync(folder, { recursive: true });
});

test("uploads that lost their process are removed at the start, those under way are not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  const first = await FilesystemBlobs.open(folder);
  const old = join(folder, ".incoming/old.partial");
  writeFileSync(old, "x");
  writeFileSync(join(folder, ".incoming/young.partial"), "x");
  utimesSync(old, new Date(), new Date(Date.now() - 25 * 3_600_000));
  await FilesystemBlobs.open(folder);
  assert.deepEqual(files(folder), ["young.partial"]);
  await first.close();
  rmSync(folder, { recursive: true });
});

const skip = process.getuid?.() === 0 ? false : "needs root to mount a small file system";

test("a full disk is BlobUnavailable and leaves nothing", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  try {
    const blobs = await FilesystemBlobs.open(folder);
    await blobs.put("small", chunks("kept"));
    await assert.rejects(
      blobs.put("large", chunks(...Array.from({ length: 40 }, () => Buffer.alloc(65_536)))),
      BlobUnavailable,
    );
    assert.deepEqual(files(folder), ["small"]);
    await blobs.put("after", chunks(Buffer.alloc(500_000)));
    assert.equal((await blobs.info("after"))?.size, 500_000);
    assert.equal(Buffer.concat(await Array.fromAsync(blobs.get("small"))).toString(), "kept");
  } finally {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  }
});
