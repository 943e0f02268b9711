import assert from "node:assert/strict";
import { mkdtemp, readlink, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ReadDescriptor } from "./descriptor.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function openTimes(path: string): Promise<number> {
  const links = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return links.filter((link) => link === path).length;
}

test(
  "reads at positions, closes once, and a dropped one is closed by itself",
  { skip: process.platform !== "linux" },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "jikimi-descriptor-"));
    const path = join(folder, "file");
    try {
      await writeFile(path, "0123456789");
      const file = await ReadDescriptor.open(path);
      assert.equal(await file.size(), 10);
      const buffer = Buffer.alloc(4);
      assert.equal(await file.read(buffer, 8), 2);
      assert.equal(buffer.toString("latin1", 0, 2), "89");
      assert.equal(await file.read(buffer, 10), 0);
      await file.close();
      await file.close();
      assert.equal(await openTimes(path), 0);

      await ReadDescriptor.open(path);
      for (let round = 0; round < 50 && (await openTimes(path)) > 0; round++) {
        collect();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(await openTimes(path), 0);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
