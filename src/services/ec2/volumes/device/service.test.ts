import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FilesystemBlobs } from "#blob/filesystem.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { systemClock } from "#kernel/clock.ts";
import { MemoryStore, testAccount, testRegion } from "#gateway/testing.ts";
import { NbdClient } from "../../../../../test/nbd.ts";
import type { Volume } from "../state.ts";
import { openVolumes } from "./service.ts";

/** Tells no change: what is known afterwards is known without the feed. */
class UnfollowedStore extends MemoryStore {
  override async waitForChange(): Promise<void> {
    await new Promise(() => {});
  }
}

test("a volume that is said to be available can be attached before the change feed tells of it", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-volumes-"));
  t.after(() => rm(folder, { recursive: true }));
  const store = new UnfollowedStore();
  const key = { account: testAccount, region: testRegion, service: "ec2", type: "volume", id: "vol-0123456789abcdef0" };
  const value: Volume = {
    id: key.id,
    tags: {},
    size: 1,
    kind: "gp3",
    multiAttach: false,
    zone: `${testRegion}a`,
    zoneId: "apne2-az1",
    createdAt: 0,
    state: "creating",
    attachments: [],
    requestId: "00000000-0000-4000-8000-000000000000",
  };
  await store.commit([{ op: "put", key, value }]);
  const blobs = await FilesystemBlobs.open(join(folder, "blobs"));
  const asService = (): never => assert.fail("no other service is called");
  const socket = join(folder, "nbd.sock");
  const volumes = await openVolumes(
    { store, blobs, clock: systemClock, random: systemRandom, log: silentLogger, asService },
    { images: join(folder, "images"), host: join(folder, "host"), socket, keepsNothing: false },
  );
  t.after(() => volumes.close());
  while ((await store.get<Volume>(key))?.value.state !== "available") await delay(5);
  const client = await NbdClient.attach(socket, key.id);
  assert.equal(client.size, 2 ** 30);
  client.end();
});
