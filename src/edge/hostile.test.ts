/** Whatever comes in, the edge goes on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { readClientHello } from "./clientHello.ts";
import {
  freePort,
  listener,
  plainAndTls,
  rule,
  target,
  targetGroup,
  testEdge,
  toGroup,
  upstream,
  type TestEdge,
} from "./testing.ts";

const certificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/1";

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let http: number;
let https: number;

before(async () => {
  app = await upstream((request, response) => {
    request.resume();
    setTimeout(() => response.end("x".repeat(20_000)), 2);
  });
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge();
  await edge.apply(plainAndTls(http, https, app.port));
});

after(async () => {
  await edge.edge.close(50);
  await app.close();
});

async function stillServes(): Promise<void> {
  assert.equal((await fetch(`http://127.0.0.1:${http}/`)).status, 200);
}

test("HTTP/2 streams that are reset at every moment", async () => {
  const session = connectHttp2(`https://127.0.0.1:${https}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  for (let turn = 0; turn < 150; turn++) {
    const stream = session.request({ ":path": `/${turn}`, ":method": turn % 2 === 0 ? "GET" : "POST" });
    stream.on("error", () => {});
    stream.resume();
    if (turn % 2 === 1) stream.write("some of the body");
    const close = (): void => stream.close(8);
    if (turn % 3 === 0) close();
    else if (turn % 3 === 1) setTimeout(close, turn % 7);
    else stream.once("response", close);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  session.destroy();
  await stillServes();
});

test("connections that end in the middle of everything", async () => {
  const texts = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
  ];
  const ended = texts.flatMap((text) =>
    Array.from({ length: 20 }, (_, index) => {
      const socket: Socket = connect(http, "127.0.0.1", () =>
        socket.write(text.slice(0, Math.ceil((text.length * (index + 1)) / 20))),
      );
      socket.on("error", () => {});
      setTimeout(() => (index % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()), index % 10);
      return new Promise((resolve) => socket.on("close", resolve));
    }),
  );
  await Promise.all(ended);
  await stillServes();
});

test("noise instead of HTTP, of a handshake, and inside TLS", async () => {
  const noise = Array.from({ length: 30 }, async (_, index) => {
    const plain = connect(index % 2 === 0 ? http : https, "127.0.0.1");
    plain.on("error", () => {});
    plain.write(randomBytes(1 + index * 50));
    const secure = connectTls({
      port: https,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ALPNProtocols: index % 2 === 0 ? ["h2"] : ["http/1.1"],
    });
    secure.on("error", () => {});
    secure.on("secureConnect", () => secure.write(randomBytes(200)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    plain.destroy();
    secure.destroy();
  });
  await Promise.all(noise);
  await stillServes();
});

test("nothing is left of all that: no connection, no request under way", async () => {
  const left = (): number =>
    edge.edge.connections.size +
    [...edge.edge.groups()]
      .flatMap(({ group }) => [...group.targets.values()])
      .reduce((sum, each) => sum + each.outstanding, 0);
  for (const limit = performance.now() + 10_000; left() > 1 && performance.now() < limit;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // One may be the kept connection of this test's own client.
  assert.ok(left() <= 1, String(left()));
});

test("a configuration that names what cannot be: the listener fails, the others serve", async () => {
  const odd = await freePort();
  await edge.apply({
    listeners: [
      listener(http),
      listener(odd, {
        rules: [
          rule([toGroup], { priority: "1", conditions: [{ field: "source-ip", values: ["nonsense", "1.2.3.4/99"] }] }),
          rule([{ type: "fixed-response", status: 200, contentType: "a\r\nb: c", body: "x" }]),
        ],
      }),
      listener(https, { protocol: "HTTPS", tls: { policy: "none", certificates: [] } }),
    ],
    targetGroups: [targetGroup([target(app.port)])],
    certificates: [{ arn: certificateArn, chain: "no PEM", privateKey: "none", names: [] }],
  });
  await assert.rejects(fetch(`http://127.0.0.1:${odd}/`));
  assert.equal(edge.statuses.get(listener(https).arn)?.state, "failed");
  await stillServes();
});

test("a ClientHello is read or not, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, framed) => {
      const head = [22, 3, 1, bytes.length >> 8, bytes.length & 255];
      const message = [1, 0, Math.max(bytes.length - 4, 0) >> 8, Math.max(bytes.length - 4, 0) & 255];
      const data = framed ? Buffer.from([...head, ...message, ...bytes.subarray(4)]) : Buffer.from(bytes);
      const read = readClientHello(data);
      assert.ok(typeof read === "string" || typeof read.ja4 === "string");
    }),
  );
});
