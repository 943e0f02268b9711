import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { connectIpc } from "#ipc/client.ts";
import { serveIpc } from "#ipc/server.ts";
import { ManualClock } from "#kernel/clock.ts";
import { TestSealingKeys } from "#store/sealing.testing.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { FollowedFile, followHandlers } from "#store/sqlite-followed.ts";
import { findNats, NatsServer } from "../../test/nats.ts";
import { findPostgres, PostgresServer } from "../../test/postgres.ts";
import { streamConformance } from "./conformance.ts";
import { IpcStream, streamErrors, streamHandlers } from "./ipc.ts";
import { NatsStream } from "./nats.ts";
import { PostgresStream } from "./postgres.ts";
import { SealedStream } from "./sealed.ts";
import { SqliteStream } from "./sqlite.ts";
import { FollowingStream } from "./sqlite-following.ts";

streamConformance("sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const clock = new ManualClock();
  const stream = await SqliteStream.open(join(folder, "events.db"), { clock });
  return {
    stream,
    other: stream,
    clock,
    async dispose() {
      await stream.close();
      rmSync(folder, { recursive: true });
    },
  };
});

streamConformance("sqlite, in the store's file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const clock = new ManualClock();
  const store = new SqliteStore(join(folder, "state.db"), { clock });
  const stream = await SqliteStream.beside(store, { clock });
  return {
    stream,
    other: stream,
    clock,
    async dispose() {
      await stream.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

streamConformance("ipc over sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const clock = new ManualClock();
  const owner = await SqliteStream.open(join(folder, "events.db"), { clock });
  const server = await serveIpc(join(folder, "stream.sock"), streamHandlers(owner), { errors: streamErrors });
  const stream = await IpcStream.open(server.path, {});
  return {
    stream,
    other: owner,
    clock,
    async dispose() {
      await stream.close();
      await server.close();
      await owner.close();
      rmSync(folder, { recursive: true });
    },
  };
});

streamConformance("sqlite, read beside its owner", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const clock = new ManualClock();
  const store = new SqliteStore(join(folder, "state.db"), { clock });
  const owner = await SqliteStream.beside(store, { clock });
  const handlers = { ...streamHandlers(owner), ...followHandlers(store.database) };
  const server = await serveIpc(join(folder, "stream.sock"), handlers, { errors: streamErrors });
  const client = connectIpc(server.path, { errors: streamErrors });
  const file = new FollowedFile(client);
  const stream = await FollowingStream.open(client, file);
  while (!file.rows) await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    stream,
    other: owner,
    clock,
    async dispose() {
      await stream.close();
      await file.close();
      await client.close();
      await server.close();
      await owner.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

const postgres = findPostgres();
let postgresServer: PostgresServer;
let databases = 0;
const nats = findNats();

before(async () => {
  if (!("reason" in postgres)) postgresServer = await PostgresServer.create();
});
after(async () => {
  await postgresServer?.destroy();
});

streamConformance(
  "postgres",
  async () => {
    const url = await postgresServer.createDatabase(`stream_${databases++}`);
    const clock = new ManualClock();
    const stream = await PostgresStream.open(url, { clock });
    const other = await PostgresStream.open(url, { clock, partitions: 3 });
    return {
      stream,
      other,
      clock,
      async dispose() {
        await stream.close();
        await other.close();
      },
    };
  },
  "reason" in postgres ? postgres.reason : undefined,
);

streamConformance(
  "nats",
  async () => {
    const server = await NatsServer.create();
    const clock = new ManualClock();
    const stream = await NatsStream.open([server.address], { clock });
    const other = await NatsStream.open([server.address], { clock, partitions: 3 });
    return {
      stream,
      other,
      clock,
      async dispose() {
        await stream.close();
        await other.close();
        await server.destroy();
      },
    };
  },
  "reason" in nats ? nats.reason : undefined,
);

streamConformance("sqlite, with sealed events", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const clock = new ManualClock();
  const inner = await SqliteStream.open(join(folder, "events.db"), { clock });
  const everyStream = { has: () => true } as unknown as ReadonlySet<string>;
  const stream = new SealedStream(inner, { streams: everyStream }, new TestSealingKeys());
  return {
    stream,
    other: stream,
    clock,
    async dispose() {
      await stream.close();
      rmSync(folder, { recursive: true });
    },
  };
});
