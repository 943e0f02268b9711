import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { attributes, freePort, frontEnd, listener, target, targetGroup, testEdge, type TestEdge } from "./testing.ts";

let edge: TestEdge;
let app: Server;
let port: number;
const upgraded: Duplex[] = [];
let seenHeaders: Record<string, unknown> = {};

/** Says back what it hears: frames are passed on unmasked. */
before(async () => {
  app = createServer((_, response) => response.writeHead(426, { "x-app": "1" }).end("no websocket here"));
  app.on("upgrade", (request, socket: Duplex, head: Buffer) => {
    upgraded.push(socket);
    seenHeaders = request.headers;
    if (request.url === "/refused") {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
      return;
    }
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const echo = (frame: Buffer): void => {
      if ((frame[0]! & 15) === 8) return void socket.end();
      const length = frame[1]! & 127;
      const mask = frame.subarray(2, 6);
      const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]!);
      socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
    };
    if (head.length > 0) echo(head);
    socket.on("data", echo);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  port = await freePort();
  edge = testEdge();
  await apply(60);
});

after(async () => {
  await edge.edge.close(100);
  app.closeAllConnections();
  for (const socket of upgraded) socket.destroy();
  app.close();
});

const apply = (idleTimeoutSeconds: number): Promise<void> =>
  edge.apply({
    frontEnds: [frontEnd({ attributes: { ...attributes, idleTimeoutSeconds } })],
    listeners: [listener(port)],
    targetGroups: [targetGroup([target((app.address() as AddressInfo).port)])],
  });

function opened(path: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new Error("not opened")));
  });
}

test("messages go both ways, and the target knows the client", async () => {
  const socket = await opened("/chat");
  const answer = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
  socket.send("hello");
  assert.equal(await answer, "hello");
  assert.equal(seenHeaders["x-forwarded-for"], "127.0.0.1");
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.close();
  await closed;
  while (edge.finished.at(-1)?.path !== "/chat") await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(edge.finished.at(-1)?.status, 101);
});

test("a reload does not touch an open WebSocket", async () => {
  const socket = await opened("/chat");
  await apply(61);
  const answer = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
  socket.send("still here");
  assert.equal(await answer, "still here");
  socket.close();
});

test("a target that is deregistered keeps its WebSockets until the delay is over", async () => {
  const group = targetGroup([]);
  const own = target((app.address() as AddressInfo).port);
  const socket = await opened("/chat");
  const ended = new Promise((resolve) => socket.addEventListener("close", resolve));
  const deregister = (deregistrationDelaySeconds: number) =>
    edge.apply({
      listeners: [listener(port)],
      targetGroups: [
        targetGroup([{ ...own, deregisteredAt: Date.now() }], {
          attributes: { ...group.attributes, deregistrationDelaySeconds },
        }),
      ],
    });
  await deregister(3600);
  const answer = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
  socket.send("draining");
  assert.equal(await answer, "draining");
  await deregister(0);
  await ended;
  await apply(60);
});

test("silence longer than the idle timeout ends it", async () => {
  await apply(1);
  const socket = await opened("/chat");
  await new Promise((resolve) => socket.addEventListener("close", resolve));
  await apply(60);
});

test("a target that does not upgrade: its answer reaches the client", async () => {
  const response = await new Promise<number>((resolve, reject) => {
    void import("node:http").then(({ request }) => {
      request(
        { host: "127.0.0.1", port, path: "/refused", headers: { connection: "upgrade", upgrade: "websocket" } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      )
        .on("error", reject)
        .end();
    });
  });
  assert.ok(response === 403 || response === 426, String(response));
});
