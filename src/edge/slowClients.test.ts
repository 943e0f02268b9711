/** Clients that hold connections without using them. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { attributes, freePort, frontEnd, plainAndTls, testEdge, upstream, type TestEdge } from "./testing.ts";

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let http: number;
let https: number;
const sockets: Socket[] = [];

before(async () => {
  app = await upstream((request, response) => {
    if (request.url === "/large") {
      response.writeHead(200);
      const more = (): void => {
        while (response.write(Buffer.alloc(64 * 1024)));
        response.once("drain", more);
      };
      more();
      return;
    }
    request.resume();
    request.on("end", () => response.end("ok"));
    request.on("error", () => {});
  });
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge({
    limits: {
      connections: 40,
      connectionsPerAddress: 30,
      handshakeMs: 400,
      headMs: 400,
      windowMs: 600,
      windowBytes: 200,
      graceMs: 200,
    },
  });
  await edge.apply({
    frontEnds: [frontEnd({ attributes: { ...attributes, idleTimeoutSeconds: 2 } })],
    ...plainAndTls(http, https, app.port),
  });
});

after(async () => {
  for (const socket of sockets) socket.destroy();
  await edge.edge.close(50);
  await app.close();
});

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
    sockets.push(socket);
  });
}

/** Everything that comes until the connection ends. */
function ended(socket: Socket): Promise<string> {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => (text += chunk.toString()));
  return new Promise((resolve) => socket.on("close", () => resolve(text)));
}

test("a TLS handshake that does not begin", async () => {
  const socket = await open(https);
  assert.equal(await ended(socket), "");
  assert.ok(edge.slow.includes("handshake"));
});

test("a head that comes byte by byte: 408", async () => {
  const socket = await open(http);
  const drip = setInterval(() => socket.write("a"), 100);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  const answer = await ended(socket);
  clearInterval(drip);
  assert.match(answer, /^HTTP\/1\.1 408 /);
});

test("a head that comes byte by byte on a connection that has served before: 408", async () => {
  const socket = await open(http);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.write("GET / HT");
  assert.match(await ended(socket), /HTTP\/1\.1 408 /);
});

test("a body that crawls", async () => {
  const socket = await open(http);
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  const drip = setInterval(() => socket.write("a"), 100);
  assert.match(await ended(socket), /^HTTP\/1\.1 408 /);
  clearInterval(drip);
  assert.ok(edge.slow.includes("upload"));
});

test("a body without a length that does not go on: 408 after the idle timeout", async () => {
  const socket = await open(http);
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  assert.match(await ended(socket), /^HTTP\/1\.1 408 /);
});

test("an answer that nobody reads does not stay, nor does its target have to wait", async () => {
  const socket = await open(http);
  socket.pause();
  socket.on("error", () => {});
  socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!edge.slow.includes("download")) await new Promise((resolve) => setTimeout(resolve, 20));
});

test("a connection that says nothing for the idle timeout ends", async () => {
  const socket = await open(http);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const text = await ended(socket);
  assert.match(text, /200/);
});

test("no address has more connections than its share; others still get theirs", async () => {
  const many = await Promise.all(Array.from({ length: 60 }, () => open(http)));
  const closed = many.map(
    (socket) =>
      new Promise<boolean>((resolve) => (socket.on("error", () => {}), socket.on("close", () => resolve(true)))),
  );
  let count = 0;
  for (const each of closed) void each.then(() => count++);
  while (count < 25) await new Promise((resolve) => setTimeout(resolve, 10));
  const other = connect({ port: http, host: "127.0.0.1", localAddress: "127.0.0.9" });
  sockets.push(other);
  other.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await new Promise((resolve) => other.once("data", resolve));
  for (const socket of [...many, other]) socket.destroy();
});
