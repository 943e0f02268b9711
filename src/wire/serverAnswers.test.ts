import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { echo, raw, text, until, withServer, type Handler } from "./server.testing.ts";

test("HEAD, 204, empty, bytes, strings and repeated headers", () =>
  withServer(
    (request) => {
      if (request.path === "/204") return { status: 204, headers: {}, body: undefined };
      if (request.path === "/bytes")
        return { status: 200, headers: { "set-cookie": ["a=1", "b=2"] }, body: Buffer.from([1, 2, 255]) };
      if (request.path === "/utf8") return text("지킴이");
      return { status: 200, headers: { "content-length": "12345" }, body: undefined };
    },
    async (port) => {
      const get = (line: string): Promise<string> =>
        raw(port, `${line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      assert.match(await get("HEAD /"), /content-length: 12345\r\n.*\r\n\r\n$/is);
      assert.match(await get("GET /204"), /^HTTP\/1\.1 204 .*\r\n\r\n$/s);
      assert.match(
        await get("GET /bytes"),
        /set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 3\r\n.*\r\n\r\n\x01\x02\xff$/s,
      );
      assert.match(await get("HEAD /bytes"), /content-length: 3\r\n.*\r\n\r\n$/s);
      assert.match(await get("GET /utf8"), /content-length: 9\r\n/s);
    },
  ));

test("pipelined requests are answered in order", () =>
  withServer(echo, async (port) => {
    const got = await raw(
      port,
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\naGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    assert.deepEqual(
      [...got.matchAll(/"path":"(\/\d)"/g)].map((match) => match[1]),
      ["/1", "/2", "/3"],
    );
  }));

test("one packet of pipelined requests starts one handler at a time, and too many end the connection", async () => {
  let running = 0;
  let most = 0;
  let served = 0;
  const slow: Handler = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    served++;
    return text("x");
  };
  const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  await withServer(slow, async (port) => {
    const got = await raw(port, get.repeat(8) + get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    assert.equal(got.match(/HTTP\/1\.1 200/g)?.length, 9);
    assert.equal(most, 1);
    served = 0;
    await raw(port, get.repeat(5000));
    assert.ok(served < 100, `${served} handlers were run`);
  });
});

test("nothing behind the last request of a connection is acted upon", async () => {
  const served: string[] = [];
  await withServer(
    (request) => {
      served.push(request.path);
      if (request.path === "/broken") throw new Error("broken");
      return text("no", 403);
    },
    async (port) => {
      // An unread body, an explicit close, a refused head, a failure, an expectation: each with another request behind.
      await raw(
        port,
        "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
      );
      await raw(port, "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
      await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n");
      await raw(port, "GET /broken HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n");
      await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\nGET /e HTTP/1.1\r\nHost: h\r\n\r\n");
    },
  );
  assert.deepEqual(served, ["/unread", "/last", "/broken"]);
});

test("a handler that stops reading in the middle: answered, and the rest of the body is no request", () =>
  withServer(
    async (request) => {
      for await (const piece of request.body) return text(`saw ${piece.length > 0}`, 400);
      return text("none");
    },
    async (port) => {
      const got = await raw(
        port,
        `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n${"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(3000).slice(0, 50_000)}`,
      );
      assert.equal(got.match(/HTTP\/1\.1/g)?.length, 1);
      assert.match(got, /^HTTP\/1\.1 400 .*saw true$/s);
    },
    { drainTimeout: 50 },
  ));

test("a streamed response waits for its reader, and stops when the reader goes", async () => {
  let made = 0;
  let closed = false;
  let aborted = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        made += 65_536;
        yield Buffer.alloc(65_536);
      }
    } finally {
      closed = true;
    }
  }
  await withServer(
    (_request, signal) => {
      signal.addEventListener("abort", () => (aborted = true));
      return { status: 200, headers: {}, body: endless() };
    },
    async (port) => {
      const socket = connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("readable", resolve));
      // The socket's reader stands still: production comes to a halt once the buffers between are full.
      let before = -1;
      while (before !== made) {
        before = made;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      assert.ok(made < 64 << 20, `${made} bytes were made for a client that does not read`);
      socket.destroy();
      await until(() => closed && aborted);
    },
  );
});

test("a client that does not take its answer is given up", () =>
  withServer(
    () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        for (;;) yield Buffer.alloc(1 << 20);
      })(),
    }),
    async (port, server) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await until(() => server.connections === 1);
      await until(() => server.connections === 0);
      socket.destroy();
    },
    { responseStall: 50 },
  ));

test("a large answer that nobody takes is given up too", () =>
  withServer(
    () => ({ status: 200, headers: {}, body: Buffer.alloc(32 << 20) }),
    async (port, server) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await until(() => server.connections === 1);
      await until(() => server.connections === 0);
      socket.destroy();
    },
    { responseStall: 60 },
  ));

test("a large answer that is taken arrives whole", () =>
  withServer(
    () => ({ status: 200, headers: {}, body: Buffer.alloc(32 << 20) }),
    async (port) => {
      const got = await fetch(`http://127.0.0.1:${port}/`);
      assert.equal((await got.arrayBuffer()).byteLength, 32 << 20);
    },
  ));

test("what the handler throws becomes a bare 500; the next request is served", () =>
  withServer(
    (request) => {
      if (request.path === "/throw") throw new Error("secret detail");
      if (request.path === "/reject") return Promise.reject(new Error("secret detail"));
      if (request.path === "/broken")
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield Buffer.from("a");
            throw new Error("secret detail");
          })(),
        };
      return text("fine");
    },
    async (port) => {
      for (const path of ["/throw", "/reject"]) {
        const got = await raw(port, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
        assert.match(got, /^HTTP\/1\.1 500 /);
        assert.doesNotMatch(got, /secret/);
      }
      // Cut short, never ended cleanly: the client must not take it for whole.
      assert.doesNotMatch(await raw(port, "GET /broken HTTP/1.1\r\nHost: h\r\n\r\n"), /0\r\n\r\n$/);
      assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /fine/);
    },
  ));
