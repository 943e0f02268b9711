/** Whatever comes over the socket, an HSM lives and serves others. */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { openSession } from "../plane/client.ts";
import { TestPlane } from "../testing.ts";
import { CKM } from "../token/constants.ts";
import { callsById, callsByName, handshake, type RpcName } from "./calls.ts";
import { FrameReader, writeFrame } from "./frames.ts";
import { readRequest, writeRequest, type RpcValue } from "./messages.ts";
import { Malformed } from "./wire.ts";

let test: TestPlane;
let socketPath: string;

before(async () => {
  test = await TestPlane.open();
  socketPath = await test.activeCluster("cluster-a", 1, ["alice"]);
});
after(() => test.close());

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Sends, and waits until the other side ends it or answers something. */
async function send(...chunks: Buffer[]): Promise<Buffer> {
  const socket = await open();
  const got: Buffer[] = [];
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => got.push(chunk));
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const chunk of chunks) socket.write(chunk);
  socket.end();
  await ended;
  return Buffer.concat(got);
}

async function stillServes(): Promise<void> {
  const [hsm] = (await test.plane.cluster("cluster-a"))!.hsms;
  assert.equal(hsm!.restarts, 0, "the HSM was started again");
  const session = await openSession(test.plane, "cluster-a", { user: "alice", password: "alice-password" });
  assert.equal((await session.random(16)).length, 16);
  await session.close();
}

const version = Buffer.of(0);
const initialize = writeFrame(1, writeRequest("C_Initialize", [handshake, 0, Buffer.of(0)]));

describe("bytes that nobody sends", () => {
  it("random bytes, with and without a beginning that is right", async () => {
    for (let round = 0; round < 60; round++) {
      const noise = randomBytes(randomInt(1, 4_000));
      await send(noise);
      await send(version, initialize, noise);
      await send(version, initialize, writeFrame(2, noise));
    }
    await stillServes();
  });

  it("lengths of gigabytes", async () => {
    for (const length of [0xff_ff_ff_ff, 0x7f_ff_ff_ff, 64 * 1024 * 1024]) {
      const header = Buffer.alloc(12);
      header.writeUInt32BE(1, 0);
      header.writeUInt32BE(length, 8);
      await send(version, header);
      header.writeUInt32BE(length, 4);
      await send(version, header);
      for (const call of callsById) {
        if (!call) continue;
        const body = Buffer.concat([
          u32(call.id),
          u32(call.request.length),
          Buffer.from(call.request),
          u32(length),
          u32(length),
        ]);
        await send(version, initialize, writeFrame(2, body));
      }
    }
    await stillServes();
  });

  it("every call, cut at every length", async () => {
    const whole = writeRequest("C_GenerateKeyPair", [
      1,
      { type: CKM.EC_KEY_PAIR_GEN },
      [{ type: 3, value: Buffer.from("label") }],
      [],
    ]);
    const pieces = Array.from({ length: whole.length }, (_, length) =>
      send(version, initialize, writeFrame(2, whole.subarray(0, length))),
    );
    await Promise.all(pieces);
    await stillServes();
  });

  it("templates within templates", async () => {
    const nested = (depth: number): Buffer =>
      depth === 0 ? u32(0) : Buffer.concat([u32(1), u32(0x40000211), Buffer.of(1), u32(24), nested(depth - 1)]);
    const body = Buffer.concat([
      u32(callsByName.C_FindObjectsInit.id),
      u32(3),
      Buffer.from("uaA"),
      Buffer.alloc(8),
      nested(5_000),
    ]);
    await send(version, initialize, writeFrame(2, body));
    await stillServes();
  });
});

describe("calls that nobody makes", () => {
  it("every function with arguments of all sorts, signed in", async () => {
    const socket = await open();
    const answers = new FrameReader();
    let waiting: ((body: Buffer) => void) | undefined;
    socket.on("data", (chunk: Buffer) => {
      for (const { body } of answers.push(chunk)) waiting?.(body);
    });
    let exchange = 10;
    const ask = (name: RpcName, values: RpcValue[]): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        waiting = resolve;
        socket.once("close", () => reject(new Error(`${name} ended the connection`)));
        socket.write(writeFrame(exchange++, writeRequest(name, values)));
      });
    socket.setMaxListeners(0);
    socket.write(version);
    await ask("C_Initialize", [handshake, 0, Buffer.of(0)]);
    await ask("C_OpenSession", [1, 6]);
    await ask("C_Login", [1, 1, Buffer.from("alice:alice-password")]);
    await ask("C_GenerateKey", [1, { type: CKM.AES_KEY_GEN }, [{ type: 0x161, value: 32 }]]);
    const not = new Set<RpcName>([
      "C_Initialize",
      "C_Finalize",
      "C_Logout",
      "C_CloseSession",
      "C_CloseAllSessions",
      "C_Login",
    ]);
    for (const call of callsById) {
      if (!call || not.has(call.name)) continue;
      for (let round = 0; round < 12; round++)
        await ask(call.name, (call.request.match(/[af]?[a-zA-Z]/g) ?? []).map(anyValue));
    }
    socket.destroy();
    await stillServes();
  });

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(), fc.nat({ max: 1024 }), (data, session, room) => {
        const { call, values } = readRequest(writeRequest("C_Encrypt", [session, Buffer.from(data), { room }]));
        assert.equal(call.name, "C_Encrypt");
        assert.deepEqual(values, [session, Buffer.from(data), { room }]);
      }),
    );
  });

  it("throws nothing but Malformed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 70 }), (tail, id) => {
        const signature = callsById[id]?.request ?? "";
        const message = Buffer.concat([u32(id), u32(signature.length), Buffer.from(signature), Buffer.from(tail)]);
        try {
          readRequest(message);
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("connections that nobody makes", () => {
  it("a thousand that say nothing, and one that works beside them", async () => {
    const idle: Socket[] = [];
    // More at once than the kernel keeps waiting are refused by the kernel.
    for (let batch = 0; batch < 10; batch++)
      idle.push(...(await Promise.all(Array.from({ length: 100 }, () => open()))));
    for (const [index, socket] of idle.entries()) {
      socket.on("error", () => {});
      if (index % 2 === 0) socket.write(version);
      if (index % 3 === 0) socket.write(initialize.subarray(0, 20));
    }
    await stillServes();
    for (const socket of idle) socket.destroy();
    await stillServes();
  });
});

function anyValue(part: string): RpcValue {
  const number = (): number => [0, 1, 2, 3, 7, 0x1080, 0x1087, 4096, 2 ** 31, 2 ** 52, -1][randomInt(11)]!;
  const bytes = (): Buffer => randomBytes(randomInt(0, 200));
  switch (part) {
    case "u":
      return number();
    case "y":
      return randomInt(256);
    case "z":
      return bytes().toString("latin1");
    case "M":
      return { type: [CKM.AES_ECB, CKM.AES_KEY_GEN, CKM.ECDSA, CKM.SHA256, CKM.RSA_PKCS, 0xffff][randomInt(6)]! };
    case "ay":
      return bytes();
    case "fy":
    case "fu":
      return { room: [0, 1, 16, 4096, 0xffffffff][randomInt(5)]! };
    case "fA":
      return [0, 3, 0x11, 0x100, 0x123, 0x7fffffff].map((type) => ({ type, room: randomInt(2) * 64 }));
    default:
      return [0, 1, 3, 0x11, 0x100, 0x102, 0x161, 0x180, 0x40000600]
        .filter(() => randomInt(2) === 0)
        .map((type) => ({
          type,
          value: [1, 0x107].includes(type)
            ? randomInt(3)
            : type < 0x10 || type === 0x161 || type === 0x100
              ? type === 3
                ? bytes()
                : number()
              : type === 0x40000600
                ? [1, 2]
                : bytes(),
        }));
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
