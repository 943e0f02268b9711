/** Connections that are served without Node's parser, and how they become Node's. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { silentLogger } from "#kernel/log.ts";
import { collectBody } from "./incomingBody.ts";
import type { HttpResponse } from "./contract.ts";
import type { ServerLimits } from "./limits.ts";
import { createServer, type FrontServer } from "./server.ts";
import { localIdentity, withServer, type Handler } from "./server.testing.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const post = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunkedPost = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

const echo: Handler = async ({ body }) => ({
  status: 200,
  headers: {},
  body: `<${(await collectBody(body, 1 << 20)).toString("latin1")}>`,
});
const answering =
  (body: HttpResponse["body"], headers: HttpResponse["headers"] = {}): Handler =>
  () => ({ status: 200, headers, body });

/** A client that keeps everything it is told. */
class Client {
  readonly socket: Socket;
  got = "";
  ended = false;
  #wake = (): void => {};

  constructor(port: number, tls: boolean) {
    this.socket = tls ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }) : connect(port, "127.0.0.1");
    const wake = (): void => this.#wake();
    this.socket.on("data", (piece) => {
      this.got += piece.toString("latin1");
      wake();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.ended = true;
      wake();
    });
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  async until(condition: (client: Client) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  has(text: string): Promise<void> {
    return this.until(({ got }) => got.includes(text));
  }
}

async function withClientOver(
  tls: boolean,
  handler: Handler,
  work: (client: Client, server: FrontServer) => Promise<void>,
  limits: Partial<ServerLimits> = {},
): Promise<void> {
  await withServer(
    handler,
    async (port, server) => {
      const client = new Client(port, tls);
      try {
        await work(client, server);
      } finally {
        client.socket.destroy();
      }
    },
    limits,
  );
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

for (const tls of [false, true]) {
  describe(tls ? "over TLS" : "plain", () => {
    const withClient = (
      handler: Handler,
      work: (client: Client, server: FrontServer) => Promise<void>,
      limits: Partial<ServerLimits> = {},
    ): Promise<void> => withClientOver(tls, handler, work, limits);

    test("an answer is framed, dated, and keeps the connection", () =>
      withClient(answering("42", { "x-a": ["1", "2"] }), async (client) => {
        client.send(get);
        await client.has("42");
        assert.match(
          client.got,
          /^HTTP\/1\.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\nContent-Length: 2\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75, max=100000\r\n\r\n42$/,
        );
      }));

    for (const [name, body, expected] of [
      ["text of any language", "열쇠", Buffer.from("열쇠").toString("latin1")],
      ["bytes", Buffer.from([0, 255]), "\0\xff"],
      ["many bytes", Buffer.alloc(100_000, 65), "A".repeat(100_000)],
      ["much text", "é".repeat(20_000), Buffer.from("é".repeat(20_000)).toString("latin1")],
      ["nothing", undefined, ""],
    ] as const) {
      test(`an answer of ${name}`, () =>
        withClient(answering(body), async (client) => {
          client.send(get);
          await client.until(({ got }) => got.endsWith(`\r\n\r\n${expected}`));
          assert.match(client.got, new RegExp(`\r\nContent-Length: ${expected.length}\r\n`));
        }));
    }

    test("head and body in two pieces are one request; a late body is read all the same", () =>
      withClient(
        echo,
        async (client) => {
          const [head, body] = post("hello").split(/(?<=\r\n\r\n)/) as [string, string];
          client.send(head);
          await new Promise((resolve) => setImmediate(resolve));
          client.send(body);
          await client.has("<hello>");
          client.send(head);
          // Beyond what is waited for: Node reads on.
          await new Promise((resolve) => setTimeout(resolve, 60));
          client.send(body);
          await client.until(({ got }) => got.split("<hello>").length === 3);
        },
        { wholeWithin: 20 },
      ));

    test("the connection goes over to Node, with everything that was not served", () =>
      withClient(echo, async (client) => {
        client.send(post("one"));
        await client.has("<one>");
        client.send(chunkedPost + post("two"));
        await client.has("<two>");
        assert.match(client.got, /<one>[^]*<hello>[^]*<two>/);
        client.send("GARBAGE\r\n\r\n");
        await client.until(({ ended }) => ended);
        assert.match(client.got, /HTTP\/1\.1 400 Bad Request\r\n[^]*$/);
      }));

    test("what comes while a request is served waits its turn, whatever it is", async () => {
      const order: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const handler: Handler = async (request) => {
        const body = (await collectBody(request.body, 100)).toString();
        order.push(`begin ${body}`);
        if (body === "one") await promise;
        order.push(`end ${body}`);
        return { status: 200, headers: {}, body: `<${body}>` };
      };
      await withClient(handler, async (client) => {
        client.send(post("one"));
        while (order.length === 0) await new Promise((next) => setImmediate(next));
        client.send(post("two"));
        client.send(chunkedPost);
        await new Promise((next) => setTimeout(next, 20));
        assert.deepEqual(order, ["begin one"]);
        resolve();
        await client.has("<hello>");
        assert.match(client.got, /<one>[^]*<two>[^]*<hello>/);
        assert.equal(order.join(), "begin one,end one,begin two,end two,begin hello,end hello");
      });
    });

    test("a body that nobody reads is no request, and the connection goes on", () =>
      withClient(answering("ok"), async (client) => {
        client.send(post(get));
        await client.has("ok");
        client.send(get);
        await client.until(({ got }) => got.split("ok").length === 3);
        assert.equal(client.got.split("HTTP/1.1 200").length, 3);
      }));

    test("an answer that could begin another is not sent", () =>
      withClient(
        (request) => ({ status: 200, headers: { [request.path.slice(1)]: "a\r\nx: 1" }, body: "" }),
        async (client) => {
          client.send(get.replace("/", "/x-a"));
          await client.until(({ ended }) => ended);
          assert.match(client.got, /^HTTP\/1\.1 500 Internal Server Error\r\nContent-Length: 0\r\n/);
          assert.doesNotMatch(client.got, /x: 1/);
        },
      ));

    test("what the handler throws becomes a bare 500", () =>
      withClient(
        () => Promise.reject(new Error("secret")),
        async (client) => {
          client.send(get + get);
          await client.until(({ ended }) => ended);
          assert.match(client.got, /^HTTP\/1\.1 500 /);
          assert.doesNotMatch(client.got, /secret/);
        },
      ));

    test("a stream without a length is chunked, one with a length is not", () =>
      withClient(
        ({ path }) => ({
          status: 200,
          headers: path === "/" ? {} : { "content-length": "3" },
          body: pieces("a", "", "bc"),
        }),
        async (client) => {
          client.send(get);
          await client.has("\r\n0\r\n\r\n");
          assert.match(client.got, /\r\nTransfer-Encoding: chunked\r\n[^]*\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n$/);
          client.got = "";
          client.send(get.replace("/", "/x"));
          await client.until(({ got }) => got.endsWith("\r\n\r\nabc"));
          client.got = "";
          client.send(get.replace("GET", "HEAD"));
          await client.has("\r\n\r\n");
          client.send(get);
          await client.has("\r\n0\r\n\r\n");
          assert.equal(client.got.split("1\r\na").length, 2, "HEAD has no body");
        },
      ));

    test("a stream that ends before its length, or fails, ends the connection", async () => {
      for (const body of [
        pieces("ab"),
        (async function* () {
          yield Buffer.from("ab");
          throw new Error("no more");
        })(),
      ]) {
        await withClient(answering(body, { "content-length": "3" }), async (client) => {
          client.send(get);
          await client.until(({ ended }) => ended);
          // What waits for its encryption is lost with the connection.
          assert.match(client.got, tls ? /\r\n\r\n(?:ab)?$/ : /\r\n\r\nab$/);
        });
      }
    });

    test("a stream is closed when its reader goes, and the handler is told", async () => {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      let aborted = false;
      const handler: Handler = (_request, signal) => {
        signal.addEventListener("abort", () => (aborted = true));
        const body = (async function* () {
          try {
            for (;;) yield Buffer.alloc(65_536);
          } finally {
            resolve();
          }
        })();
        return { status: 200, headers: {}, body };
      };
      await withClient(handler, async (client) => {
        client.send(get);
        await client.until(({ got }) => got.length > 0);
        client.socket.destroy();
        await closed;
        while (!aborted) await new Promise((next) => setImmediate(next));
      });
    });

    test("an answer that is taken slowly is taken whole, and the next request is served", () =>
      withClient(answering(Buffer.alloc(20_000_000, 65)), async (client) => {
        client.socket.pause();
        client.send(get);
        client.send(get);
        await new Promise((next) => setTimeout(next, 50));
        client.socket.resume();
        await client.until(({ got }) => got.length > 40_000_000);
        assert.equal(client.got.split("HTTP/1.1 200 OK").length, 3);
      }));

    test("an answer that nobody takes is given up", () =>
      withClient(
        answering(Buffer.alloc(20_000_000, 65)),
        async (client, server) => {
          client.socket.pause();
          client.send(get);
          while (server.connections === 0) await new Promise((next) => setImmediate(next));
          while (server.connections > 0) await new Promise((next) => setTimeout(next, 5));
        },
        { responseStall: 50 },
      ));

    test("an idle connection ends; one that waits for its answer does not", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const handler: Handler = async () => {
        await promise;
        return { status: 200, headers: {}, body: "late" };
      };
      await withClient(
        handler,
        async (client) => {
          client.send(get);
          await new Promise((next) => setTimeout(next, 100));
          assert.equal(client.ended, false);
          resolve();
          await client.has("late");
          await client.until(({ ended }) => ended);
        },
        { keepAliveTimeout: 30 },
      );
    });

    test("a connection on which nothing is asked ends", () =>
      withClient(answering("ok"), (client) => client.until(({ ended }) => ended), {
        headersTimeout: 30,
        openingTimeout: 30,
      }));

    test("the last request of a connection is told so, and nothing behind it is acted upon", async () => {
      let served = 0;
      const handler: Handler = () => ({ status: 200, headers: {}, body: String(++served) });
      await withClient(
        handler,
        async (client) => {
          client.send(get);
          await client.has("\r\n\r\n1");
          client.send(get);
          client.send(get);
          await client.until(({ ended }) => ended);
          assert.match(client.got, /Connection: close\r\n\r\n2$/);
          assert.equal(served, 2);
        },
        { requestsPerConnection: 2 },
      );
    });

    test("closing ends idle connections and lets the others finish", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let waiting = false;
      const handler: Handler = async ({ path }) => {
        if (path === "/wait") {
          waiting = true;
          await promise;
        }
        return { status: 200, headers: {}, body: "done" };
      };
      const server = createServer({ handler, tls: localIdentity(), logger: silentLogger });
      const { port } = await server.listen({ port: 0 });
      const idle = new Client(port, tls);
      const busy = new Client(port, tls);
      idle.send(get);
      await idle.has("done");
      busy.send(get.replace("/", "/wait"));
      while (!waiting) await new Promise((next) => setImmediate(next));
      const closed = server.close(10_000);
      await idle.until(({ ended }) => ended);
      resolve();
      await busy.until(({ ended }) => ended);
      assert.match(busy.got, /Connection: close\r\n\r\ndone$/);
      await closed;
    });

    test("the handler is told of the transport, however the request was read", () =>
      withClient(
        ({ tls: told }) => ({ status: 200, headers: {}, body: `<${told?.protocol ?? "none"}>` }),
        async (client) => {
          const expected = tls ? "<TLSv1.3>" : "<none>";
          client.send(get);
          await client.has(expected);
          // Node's from here on.
          client.send(chunkedPost);
          await client.until(({ got }) => got.split(expected).length === 3);
        },
      ));
  });
}
