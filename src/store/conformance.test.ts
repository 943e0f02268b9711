import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { connectIpc } from "#ipc/client.ts";
import { serveIpc } from "#ipc/server.ts";
import { ManualClock } from "#kernel/clock.ts";
import { findPostgres, PostgresServer } from "../../test/postgres.ts";
import { storeConformance } from "./conformance.ts";
import { openIpcStore, storeErrors, storeHandlers } from "./ipc.ts";
import { PostgresStore } from "./postgres.ts";
import { SqliteStore } from "./sqlite.ts";
import { FollowedFile, followHandlers } from "./sqlite-followed.ts";
import { FollowingStore } from "./sqlite-following.ts";

storeConformance("sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-store-"));
  const clock = new ManualClock();
  const store = new SqliteStore(join(folder, "state.db"), { clock });
  return {
    store,
    other: store,
    clock,
    async dispose() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

storeConformance("ipc over sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-store-"));
  const clock = new ManualClock();
  const owner = new SqliteStore(join(folder, "state.db"), { clock });
  const server = await serveIpc(join(folder, "store.sock"), storeHandlers(owner), { errors: storeErrors });
  const store = openIpcStore(server.path, {});
  return {
    store,
    other: owner,
    clock,
    async dispose() {
      await store.close();
      await server.close();
      await owner.close();
      rmSync(folder, { recursive: true });
    },
  };
});

storeConformance("sqlite, read beside its owner", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-store-"));
  const clock = new ManualClock();
  const owner = new SqliteStore(join(folder, "state.db"), { clock });
  const handlers = { ...storeHandlers(owner), ...followHandlers(owner.database) };
  const server = await serveIpc(join(folder, "store.sock"), handlers, { errors: storeErrors });
  const client = connectIpc(server.path, { errors: storeErrors });
  const file = new FollowedFile(client);
  const store = new FollowingStore(client, file, clock);
  while (!file.rows) await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    store,
    other: owner,
    clock,
    async dispose() {
      await file.close();
      await store.close();
      await server.close();
      await owner.close();
      rmSync(folder, { recursive: true });
    },
  };
});

const found = findPostgres();
let server: PostgresServer;
let databases = 0;

if (!("reason" in found)) {
  before(async () => {
    server = await PostgresServer.create();
  });
  after(async () => {
    await server.destroy();
  });
}

storeConformance(
  "postgres",
  async () => {
    const url = await server.createDatabase(`conformance_${databases++}`);
    const clock = new ManualClock();
    const store = await PostgresStore.open(url, { clock });
    const other = await PostgresStore.open(url, { clock });
    return {
      store,
      other,
      clock,
      async dispose() {
        await store.close();
        await other.close();
      },
    };
  },
  "reason" in found ? found.reason : undefined,
);
