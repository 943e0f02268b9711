import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { freePort, plainAndTls, testEdge, upstream, type TestEdge } from "./testing.ts";

const run = promisify(execFile);

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let http: number;
let https: number;

before(async () => {
  app = await upstream((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
  });
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge();
  await edge.apply(plainAndTls(http, https, app.port));
});

after(async () => {
  await edge.edge.close(100);
  await app.close();
});

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run("curl", ["-sk", "-m", "5", ...args]);
  return stdout;
}

for (const [name, args, url] of [
  ["HTTP/1.1", [], () => `http://127.0.0.1:${http}`],
  ["HTTP/1.1 over TLS", ["--http1.1"], () => `https://127.0.0.1:${https}`],
  ["HTTP/2", ["--http2"], () => `https://127.0.0.1:${https}`],
] as const) {
  test(`${name}: a request and its body reach the target, and its answer the client`, async () => {
    const echo = JSON.parse(await curl(...args, "-d", "hello", `${url()}/a/b?c=d`)) as Echo;
    assert.equal(echo.method, "POST");
    assert.equal(echo.url, "/a/b?c=d");
    assert.equal(echo.body, "hello");
    assert.equal(echo.headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(echo.headers["x-forwarded-proto"], url().split(":")[0]);
    assert.match(echo.headers["x-amzn-trace-id"] ?? "", /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  });
}

const echoOf = async (...args: string[]): Promise<Echo> => JSON.parse(await curl(...args)) as Echo;

test("the header names the client, and nothing that belongs to one connection is passed on", async () => {
  const given = [
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "Keep-Alive: timeout=5",
    "Connection: keep-alive, X-Secret",
    "X-Secret: 1",
    "x-amzn-oidc-identity: root",
    "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;Sampled=1",
    "Host: shop.example.com",
  ];
  const { headers } = await echoOf(...given.flatMap((header) => ["-H", header]), `http://127.0.0.1:${http}/`);
  assert.equal(headers["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
  assert.equal(headers["x-forwarded-proto"], "http");
  assert.equal(headers["x-forwarded-port"], String(http));
  assert.equal(headers["host"], `shop.example.com:${http}`);
  assert.match(
    headers["x-amzn-trace-id"] ?? "",
    /^Self=1-[0-9a-f-]+;Root=1-67891233-abcdef012345678912345678;Sampled=1$/,
  );
  for (const name of ["x-secret", "keep-alive", "x-amzn-oidc-identity"]) assert.equal(headers[name], undefined, name);
});

test("a body larger than any buffer goes through, in both directions, byte for byte", async () => {
  const size = 8 * 1024 * 1024;
  await run("sh", [
    "-c",
    `head -c ${size} /dev/zero | curl -sk -m 20 --http2 --data-binary @- https://127.0.0.1:${https}/ | tr -cd '\\\\' | wc -c`,
  ]).then(({ stdout }) => assert.equal(Number(stdout), size));
});

test("curl's Expect: 100-continue is answered before the body comes", async () => {
  const { stderr } = await run("curl", [
    "-sv",
    "-m",
    "5",
    "-H",
    "Expect: 100-continue",
    "-d",
    "x",
    `http://127.0.0.1:${http}/`,
  ]);
  assert.match(stderr, /< HTTP\/1.1 100 Continue/);
});

test("HTTP/1.0 gets an answer that ends with the connection", async () => {
  const text = await curl("--http1.0", `http://127.0.0.1:${http}/old`);
  assert.equal((JSON.parse(text) as Echo).url, "/old");
});

for (const [what, status, target] of [
  ["TRACE", "405", ["-X", "TRACE"]],
  [
    "more than 30 addresses in X-Forwarded-For",
    "463",
    ["-H", `X-Forwarded-For: ${Array(31).fill("1.2.3.4").join(", ")}`],
  ],
  ["a URL of more than 16 KB", "414", ["-G", "-d", "a".repeat(17_000)]],
  ["a header of more than 16 KB", "400", ["-H", `X-Long: ${"a".repeat(17_000)}`]],
  [
    "headers of more than 64 KB",
    "400",
    Array.from({ length: 5 }, (_, index) => ["-H", `X-${index}: ${"a".repeat(15_000)}`]).flat(),
  ],
] as const) {
  test(`${what}: ${status}`, async () => {
    assert.equal(await curl("-o", "/dev/null", "-w", "%{http_code}", ...target, `http://127.0.0.1:${http}/`), status);
  });
}
