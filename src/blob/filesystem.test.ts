import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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

/** Puts one blob after the other and prints its id when it is done. */
const writer = `
import { writeSync } from "node:fs";
import { FilesystemBlobs } from "#blob/filesystem.ts";
const blobs = await FilesystemBlobs.open(process.argv[1]);
for (let n = Number(process.argv[2]); n < Number(process.argv[3]); n++) {
  await blobs.put("blob-" + n, (async function* () { for (let i = 0; i < 4; i++) yield Buffer.alloc(50_000, n); })());
  writeSync(1, "blob-" + n + "\\n");
}
`;
const writerArguments = (folder: string, first: number, end: number): string[] => [
  "--input-type=module-typescript",
  "-e",
  writer,
  folder,
  String(first),
  String(end),
];

test("kill -9 of a writer: each name stands for a whole body", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, writerArguments(folder, round * 1000, round * 1000 + 1000), {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: import.meta.dirname,
    });
    child.stdout.on("data", (chunk: Buffer) => {
      acknowledged.push(...chunk.toString().trim().split("\n"));
      if (acknowledged.length > (round + 1) * 10 + round) child.kill("SIGKILL");
    });
    await new Promise((resolve) => child.once("close", resolve));
  }
  const blobs = await FilesystemBlobs.open(folder);
  const found = await blobs.list(undefined, 10_000);
  assert.ok(found.every(({ size }) => size === 200_000));
  const ids = new Set(found.map(({ id }) => id));
  assert.deepEqual(
    acknowledged.filter((id) => !ids.has(id)),
    [],
  );
  rmSync(folder, { recursive: true });
});

const strace = existsSync("/usr/bin/strace") ? false : "needs strace";

test("file and folder are synced before the acknowledgement", { skip: strace }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  const trace = join(folder, "trace");
  const options = ["-f", "-s", "30", "-e", "trace=fsync,fdatasync,link,write,pwrite64", "-o", trace];
  execFileSync("/usr/bin/strace", [...options, process.execPath, ...writerArguments(join(folder, "blobs"), 0, 10)], {
    cwd: import.meta.dirname,
  });
  // Threads interleave, so a call may be cut in two lines; its end is what counts.
  const events = readFileSync(trace, "utf8")
    .split("\n")
    .map((line) => {
      if (/(fsync|fdatasync)(\(| resumed).*= 0$/.test(line)) return "sync";
      if (/link(\(| resumed).*= 0$/.test(line)) return "name";
      return / write\(1, "blob-/.test(line) ? "acknowledge" : "";
    })
    .filter((event) => event !== "");
  const rounds = events.join(" ").split("acknowledge");
  assert.equal(rounds.length, 11);
  for (const round of rounds.slice(0, 10)) assert.match(round, /sync.* name .*sync/, "body, name, folder");
  rmSync(folder, { recursive: true });
});
