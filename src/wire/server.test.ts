import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { collectBody } from "./incomingBody.ts";
import { echo, raw, text, until, withServer } from "./server.testing.ts";

test("a request as the handler sees it", () =>
  withServer(echo, async (port) => {
    const got = await raw(
      port,
      "POST /a%2Fb?x=1&y HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nX-TWO: 2\r\nconstructor: c\r\nContent-Length: 3\r\n\r\nabc",
      /\}$/,
    );
    const seen = JSON.parse(got.slice(got.indexOf("{")));
    assert.deepEqual([seen.method, seen.path, seen.query, seen.body], ["POST", "/a%2Fb", "x=1&y", "abc"]);
    assert.equal(seen.headers["x-two"], "1,2");
    assert.equal(seen.headers["constructor"], "c");
  }));

test("headers that nobody sent are absent, whatever their name", () =>
  withServer(
    (request) => text(String(request.headers["constructor"] ?? request.headers["__proto__"] ?? "absent")),
    async (port) => assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", /absent/), /absent/),
  ));

/** Ambiguous or malformed requests: refused, connection closed, server alive. */
const malformed: [string, string, RegExp][] = [
  [
    "length and chunked",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  [
    "two lengths",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    /^HTTP\/1\.1 400 /,
  ],
  ["negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["length with plus", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", /^HTTP\/1\.1 400 /],
  ["odd coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", /^HTTP\/1\.1 400 /],
  [
    "coding in disguise",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  [
    "chunked over HTTP/1.0",
    "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  ["space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["folded header", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["bare carriage return", "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["null in a header", "GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["no host", "GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", /^HTTP\/1\.1 400 /],
  [
    "two authorizations",
    "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  ["fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["version", "GET / HTTP/3.7\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["garbage", "\x00\x01\x02 hello\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["connect", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 405 /],
  ["expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", /^HTTP\/1\.1 417 /],
  ["large headers", `GET / HTTP/1.1\r\nHost: a\r\nA: ${"x".repeat(40_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ["many headers", `GET / HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(300)}\r\n`, /^HTTP\/1\.1 431 /],
  ["long target", `GET /${"x".repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 431 /],
];

for (const [name, bytes, expected] of malformed) {
  test(`refused: ${name}`, async () => {
    const paths: string[] = [];
    await withServer(
      async (request) => {
        paths.push(request.path);
        await collectBody(request.body, 1000).catch(() => {});
        return text("handled");
      },
      async (port) => {
        assert.match(await raw(port, bytes), expected);
        assert.ok(!paths.includes("/smuggled"));
        assert.match(await raw(port, "GET /alive HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /handled/);
      },
    );
  });
}

test("bad chunking in the middle of a body: the handler's reading fails, the connection ends", () =>
  withServer(
    async (request) => {
      const failed = await collectBody(request.body, 1000).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(failed instanceof AwsError);
      return text("unseen");
    },
    async (port) => {
      const got = await raw(port, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
      assert.match(got, /^HTTP\/1\.1 400 /);
      assert.doesNotMatch(got, /unseen/);
    },
  ));

test("absolute form is read as its path", () =>
  withServer(echo, async (port) => {
    const got = await raw(port, "GET http://elsewhere/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert.match(got, /"path":"\/p","query":"q"/);
  }));

test("100 Continue only when the handler reads", () =>
  withServer(
    async (request) => {
      if (request.path === "/refuse") return text("no", 403);
      return text(`got ${(await collectBody(request.body, 100)).length}`);
    },
    async (port) => {
      const headers = "Host: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
      const refused = await raw(port, `PUT /refuse HTTP/1.1\r\n${headers}`);
      assert.match(refused, /^HTTP\/1\.1 403 /);
      assert.match(refused, /connection: close/i);
      const accepted = await new Promise<string>((resolve) => {
        let got = "";
        const socket = connect(port, "127.0.0.1", () => socket.write(`PUT /read HTTP/1.1\r\n${headers}`));
        socket.on("data", (piece) => {
          got += piece.toString();
          if (got === "HTTP/1.1 100 Continue\r\n\r\n") socket.write("hello");
          if (got.endsWith("got 5")) socket.destroy();
        });
        socket.on("close", () => resolve(got));
      });
      assert.match(accepted, /got 5$/);
    },
  ));

test("an early refusal reaches a client that is still sending", () =>
  withServer(
    () => text("denied", 403),
    async (port) => {
      const body = Buffer.alloc(600_000);
      const got = await new Promise<string>((resolve, reject) => {
        const request = httpRequest(
          { port, method: "PUT", path: "/", headers: { "content-length": body.length } },
          (response) => {
            let answer = `${response.statusCode} `;
            response.on("data", (piece) => (answer += piece));
            response.on("end", () => resolve(answer));
          },
        );
        request.on("error", reject);
        request.end(body);
      });
      assert.equal(got, "403 denied");
    },
  ));

test("an unread endless body is not read for ever, nor taken for a request", async () => {
  let requests = 0;
  await withServer(
    () => {
      requests++;
      return text("no", 403);
    },
    async (port) => {
      const chunk = `10000\r\n${"GET / HTTP/1.1\r\nHost: h\r\n\r\n".padEnd(65_536, "x")}\r\n`;
      let sent = 0;
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
          const more = (): void => {
            while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
          };
          socket.on("drain", more);
          more();
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve());
        socket.resume();
      });
      assert.equal(requests, 1);
      assert.ok(sent < 64 << 20);
    },
    { drainBytes: 100_000 },
  );
});

for (const way of ["/collected", "/iterated"]) {
  test(`a body that trickles is given up and told so: ${way}`, () =>
    withServer(
      async (request) => {
        const reading =
          request.path === "/collected"
            ? collectBody(request.body, 1000)
            : collectBody({ [Symbol.asyncIterator]: () => request.body[Symbol.asyncIterator]() }, 1000);
        const error = await reading.then(
          () => undefined,
          (e: unknown) => e,
        );
        return error instanceof AwsError ? text(error.code, error.status) : text("read");
      },
      async (port) => {
        const got = await raw(port, `POST ${way} HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nx`);
        assert.match(got, /^HTTP\/1\.1 400 .*RequestTimeout$/s);
      },
      { bodyBytesPerSecond: 1000, bodyRateWindow: 40, drainTimeout: 50 },
    ));
}

test("a handler that takes its time with a body is not mistaken for a slow client", () =>
  withServer(
    async (request) => {
      let size = 0;
      for await (const piece of request.body) {
        size += piece.length;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return text(`read ${size}`);
    },
    async (port) => {
      const got = await raw(port, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
      assert.match(got, /read 5$/);
    },
    { bodyBytesPerSecond: 1_000_000, bodyRateWindow: 40 },
  ));

test("headers that never end, and connections that never begin", () =>
  withServer(
    () => text("never"),
    async (port) => {
      assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nA: "), /^(HTTP\/1\.1 408 .*)?$/s);
      assert.equal(await raw(port, ""), "");
    },
    { headersTimeout: 60, openingTimeout: 60 },
  ));

test("connections per address are capped, and freed again", () =>
  withServer(
    () => text("ok"),
    async (port, server) => {
      const held: Socket[] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
      await until(() => server.connections === 2);
      assert.equal(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
      for (const socket of held) socket.destroy();
      await until(() => server.connections === 0);
      assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", /ok/), /ok/);
    },
    { connectionsPerAddress: 2 },
  ));
