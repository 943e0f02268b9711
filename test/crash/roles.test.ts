/**
 * Scenario main, point 5: `kill -9` of any role, or of all, at any instant. Afterwards everything acknowledged is
 * there, nothing half-done shows, and nobody repaired anything.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startInstance, type Instance } from "../instance.ts";
import { stores, type StoreUnderTest } from "../stores.ts";
import { Workload } from "../workload.ts";

const rounds = 8;

for (const store of stores)
  describe(`kill -9 of any role at any instant, on ${store.name}`, { skip: store.skip }, () => {
    let folder: string;
    let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
    let instance: Instance;
    const workload = new Workload(() => instance);

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "jikimi-crash-"));
      engine = await store.start();
      instance = await startInstance({ dataDir: folder, args: engine.args });
      await workload.start();
    });

    after(async () => {
      await instance?.stop();
      await engine?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    test("everything acknowledged is there afterwards", { timeout: 240_000 }, async () => {
      for (let round = 0; round < rounds; round++) {
        // Kill only what has worked since the last time, at an instant that nobody chose.
        await workload.progress(4);
        await new Promise((resolve) => setTimeout(resolve, randomInt(0, 60)));
        await strike(round);
      }
      await workload.progress(4);
      await workload.stop();
      await workload.assertEverythingIsThere();
    });

    async function strike(round: number): Promise<void> {
      const pids = await instance.rolePids();
      const api = pids["api"];
      switch (round % 4) {
        case 0:
          if (api) process.kill(api, "SIGKILL");
          return;
        case 1: {
          const holder = api === undefined ? undefined : await keyHolderOf(api);
          if (holder) process.kill(holder, "SIGKILL");
          return;
        }
        case 2:
          if (pids["jobs"]) process.kill(pids["jobs"], "SIGKILL");
          return;
        default: {
          const { port } = new URL(instance.endpoint);
          await instance.kill();
          instance = await startInstance({ dataDir: folder, port: Number(port), args: engine.args });
        }
      }
    }
  });

async function keyHolderOf(api: number): Promise<number | undefined> {
  for (const thread of await readdir(`/proc/${api}/task`)) {
    const children = await readFile(`/proc/${api}/task/${thread}/children`, "utf8").catch(() => "");
    for (const pid of children.split(" ").filter(Boolean)) {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (command.includes("holder.ts")) return Number(pid);
    }
  }
  return undefined;
}
