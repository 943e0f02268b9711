import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { silentLogger } from "#kernel/log.ts";
import { AwsError } from "#kernel/errors.ts";
import { collectBody } from "./incomingBody.ts";
import type { HttpRequest, HttpResponse } from "./contract.ts";
import type { ServerLimits } from "./limits.ts";
import { createServer, type FrontServer, type TlsIdentity } from "./server.ts";

const run = promisify(execFile);
let directory: string;
let identity: TlsIdentity;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "front-"));
  await run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout",
    join(directory, "key.pem"),
    "-out",
    join(directory, "cert.pem"),
  ]);
  identity = { cert: await readFile(join(directory, "cert.pem")), key: await readFile(join(directory, "key.pem")) };
});
after(() => rm(directory, { recursive: true, force: true }));

type Handler = (request: HttpRequest, signal: AbortSignal) => HttpResponse | Promise<HttpResponse>;
const text = (body: string, status = 200): HttpResponse => ({
  status,
  headers: { "content-type": "text/plain" },
  body,
});

async function withServer(
  handler: Handler,
  work: (port: number, server: FrontServer) => Promise<void>,
  limits: Partial<ServerLimits> = {},
): Promise<void> {
  const server = createServer({ handler, tls: identity, limits, logger: silentLogger });
  const { port } = await server.listen({ port: 0 });
  try {
    await work(port, server);
  } finally {
    await server.close(0);
  }
}

/** Sends bytes, returns everything the server says until it closes (or until `enough`). */
function raw(port: number, bytes: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.on("data", (piece) => {
      got += piece.toString("latin1");
      if (enough?.test(got) === true) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(got));
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const echo: Handler = async (request) => {
  const body = await collectBody(request.body, 1 << 20);
  return text(
    JSON.stringify({
      method: request.method,
      path: request.path,
      query: request.query,
      headers: { ...request.headers },
      body: body.toString("latin1"),
      tls: request.tls,
    }),
  );
};

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

test("closing lets running requests finish and accepts no more", async () => {
  let release!: () => void;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let entered = false;
  const server = createServer({
    logger: silentLogger,
    handler: async () => {
      entered = true;
      await gate;
      return text("finished");
    },
  });
  const { port } = await server.listen({ port: 0 });
  const agent = new Agent({ keepAlive: true });
  const answer = new Promise<string>((resolve, reject) => {
    httpRequest({ port, agent }, (response) => {
      let got = "";
      response.on("data", (piece) => (got += piece));
      response.on("end", () => resolve(`${got} ${response.headers["connection"]}`));
    })
      .on("error", reject)
      .end();
  });
  await until(() => entered);
  const closing = server.close(5_000);
  assert.equal(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  release();
  assert.equal(await answer, "finished close");
  await closing;
  agent.destroy();
});

test("closing does not wait for connections that have said nothing", async () => {
  const server = createServer({ logger: silentLogger, handler: () => text("x") });
  const { port } = await server.listen({ port: 0 });
  const socket = connect(port, "127.0.0.1");
  await until(() => server.connections === 1);
  const gone = new Promise((resolve) => socket.on("close", resolve));
  await server.close(60_000);
  await gone;
});

test("closing cuts what does not finish", async () => {
  let entered = false;
  let aborted = false;
  const server = createServer({
    logger: silentLogger,
    handler: (_request, signal) => {
      entered = true;
      return new Promise(() => signal.addEventListener("abort", () => (aborted = true)));
    },
  });
  const { port } = await server.listen({ port: 0 });
  const answer = raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await until(() => entered);
  await server.close(20);
  assert.equal(await answer, "");
  await until(() => aborted);
});

test("TLS on the same port: protocol and cipher are told, openssl and curl agree", () =>
  withServer(echo, async (port, server) => {
    const got = await new Promise<string>((resolve, reject) => {
      httpsRequest({ port, host: "127.0.0.1", ca: identity.cert as Buffer, agent: false }, (response) => {
        let answer = "";
        response.on("data", (piece) => (answer += piece));
        response.on("end", () => resolve(answer));
      })
        .on("error", reject)
        .end();
    });
    assert.match(got, /"tls":\{"protocol":"TLSv1.3","cipher":"TLS_/);

    const curl = await run("curl", [
      "-sS",
      "--cacert",
      join(directory, "cert.pem"),
      `https://localhost:${port}/curl`,
      "-d",
      "body",
      "--noproxy",
      "*",
    ]);
    assert.match(curl.stdout, /"path":"\/curl".*"body":"body"/);
    const plain = await run("curl", ["-sS", `http://127.0.0.1:${port}/plain`, "--noproxy", "*"]);
    assert.match(plain.stdout, /"path":"\/plain"/);
    const openssl = await run("sh", [
      "-c",
      `printf 'GET /o HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:${port} -CAfile ${join(directory, "cert.pem")} -verify_return_error -alpn h2,http/1.1 2>/dev/null`,
    ]);
    assert.match(openssl.stdout, /"path":"\/o"/);

    server.setTls(identity);
    const old = await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_1"]).then(
      () => "accepted",
      () => "refused",
    );
    assert.equal(old, "refused");
  }));

test("a broken handshake, and TLS where there is none", async () => {
  await withServer(echo, async (port) => {
    await raw(port, "\x16\x03\x01\xff\xffgarbage".padEnd(4000, "x"));
    assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /"path":"\/"/);
  });
  const server = createServer({ handler: echo, logger: silentLogger });
  const { port } = await server.listen({ port: 0 });
  assert.equal(await raw(port, "\x16\x03\x01"), "");
  await server.close(0);
});
