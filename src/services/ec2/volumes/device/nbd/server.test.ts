import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { NbdClient } from "../../../../../../test/nbd.ts";
import { BlockDevice } from "../blockDevice.ts";
import { Image } from "../image.ts";
import { chunkBytes } from "../writtenMap.ts";
import { ExportRefused } from "./handshake.ts";
import { NbdServer } from "./server.ts";

const size = 128 * chunkBytes;
const requestMagic = 0x2560_9513;

describe("an NBD server", { timeout: 60_000 }, () => {
  let folder: string;
  let image: Image;
  let server: NbdServer;
  let path: string;
  let attached = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-nbd-"));
    path = join(folder, "nbd.sock");
    image = await Image.create(join(folder, "image"), size);
    const device = new BlockDevice(image);
    server = new NbdServer(
      {
        list: async () => ["disk"],
        async look(name) {
          if (name !== "disk") throw new ExportRefused("unknown", `no ${name}`);
          return { size, multiple: true };
        },
        async attach(name) {
          if (name !== "disk") throw new ExportRefused("policy", `no ${name}`);
          attached++;
          return { size, multiple: true, device, onAttached() {}, release: async () => void attached-- };
        },
      },
      silentLogger,
      1500,
    );
    await server.listen(path);
  });
  after(async () => {
    await server.close();
    await image.close();
    await rm(folder, { recursive: true });
  });

  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.resume();
      if (socket.destroyed) resolve();
      else socket.once("close", () => resolve());
    });
  const says = (bytes: Buffer): Socket => {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(bytes);
    return socket;
  };
  const works = async (): Promise<void> => {
    const client = await NbdClient.attach(path, "disk");
    const data = randomBytes(5000);
    assert.equal(await client.write(1000, data), 0);
    assert.deepEqual(await client.read(1000, 5000), data);
    client.end();
  };
  const nobody = async (): Promise<void> => {
    while (attached > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test("its socket is its user's alone", async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  test("noise, wrong magic, endless options and half requests end one connection each", async () => {
    const go = (name: string): Buffer => {
      const option = Buffer.alloc(6 + name.length);
      option.writeUInt32BE(name.length, 0);
      option.write(name, 4);
      const head = Buffer.alloc(16);
      head.write("IHAVEOPT");
      head.writeUInt32BE(7, 8);
      head.writeUInt32BE(option.length, 12);
      return Buffer.concat([head, option]);
    };
    const flags = Buffer.from([0, 0, 0, 3]);
    const hugeOption = Buffer.concat([
      flags,
      Buffer.from("IHAVEOPT"),
      Buffer.from("0000000100000fff", "hex"),
      randomBytes(200),
    ]);
    const endless = Buffer.concat([
      flags,
      Buffer.from("IHAVEOPT"),
      Buffer.from("00000007ffffffff", "hex"),
      randomBytes(9000),
    ]);
    const wrongOption = Buffer.concat([flags, Buffer.from("IHAVEOPX"), Buffer.alloc(8)]);
    const wrongRequest = Buffer.concat([flags, go("disk"), randomBytes(28)]);
    const half = Buffer.alloc(28);
    half.writeUInt32BE(requestMagic, 0);
    half.writeUInt16BE(1, 6);
    half.writeUInt32BE(1_000_000, 24);
    const tooLong = Buffer.from(half);
    tooLong.writeUInt32BE(0xffff_ffff, 24);
    const cases = [
      randomBytes(4096),
      Buffer.alloc(0),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      hugeOption,
      endless,
      wrongOption,
      wrongRequest,
      Buffer.concat([flags, go("disk"), half, randomBytes(500)]),
      Buffer.concat([flags, go("disk"), tooLong]),
      Buffer.concat([flags, go("no such export")]),
      ...Array.from({ length: 40 }, (_, n) => Buffer.concat([flags, randomBytes(1 + n * 37)])),
    ];
    const sockets = cases.map(says);
    await works();
    // Whoever stays within the protocol and is waited for ends by itself; the others are ended.
    sockets[7]!.end();
    await Promise.all(sockets.map(closed));
    await nobody();
    await works();
  });

  test("requests beyond the device, of unknown kinds and with unknown flags are refused one by one", async () => {
    const client = await NbdClient.attach(path, "disk");
    assert.equal(client.size, size);
    assert.equal(await client.request(0, size - 10, 20), 22);
    assert.equal(await client.request(1, size - 10, 20, Buffer.alloc(20)), 28);
    assert.equal(await client.request(6, size, 4096), 28);
    assert.equal(await client.request(4, size, 4096), 22);
    assert.equal(await client.request(0, 0xffff_ffff_ffff_ffffn, 4096), 22);
    assert.equal(await client.request(0, 0, 33 * 2 ** 20), 75);
    assert.equal(await client.request(99, 0, 4096), 22);
    assert.equal(await client.request(0, 0, 4096, undefined, 0x8000), 22);
    assert.equal(await client.request(0, 0, 0), 0);
    assert.equal(await client.request(6, 0, 4096, undefined, 3), 0);
    assert.equal(await client.write(0, Buffer.alloc(4096, 5), true), 0);
    assert.deepEqual(await client.read(0, 4096), Buffer.alloc(4096, 5));
    assert.equal(await client.request(4, 0, 4096), 0);
    assert.deepEqual(await client.read(0, 4096), Buffer.alloc(4096));
    client.end();
  });

  test("a thousand connections that say nothing keep nobody out, and are sent away", async () => {
    const idle: Socket[] = [];
    while (idle.length < 1000) {
      const some = Array.from({ length: 100 }, () => connect(path));
      for (const socket of some) socket.on("error", () => {});
      await Promise.all(some.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
      idle.push(...some);
    }
    await works();
    await Promise.all(idle.map(closed));
    await works();
  });

  test("many requests at once are all answered, whatever their order", async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => NbdClient.attach(path, "disk")));
    const block = 64 * 1024;
    await Promise.all(
      clients.map(async (client, n) => {
        for (let i = 0; i < 20; i++) {
          const offset = (n * 20 + i) * block;
          assert.equal(await client.write(offset, Buffer.alloc(block, n * 20 + i)), 0);
          assert.deepEqual(await client.read(offset, block), Buffer.alloc(block, n * 20 + i));
        }
        client.end();
      }),
    );
    await nobody();
  });
});
