import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { certificate, freePort, listener, target, targetGroup, testEdge, upstream, type TestEdge } from "./testing.ts";

const run = promisify(execFile);
const certificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/1";

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
  await edge.apply({
    listeners: [
      listener(http),
      listener(https, {
        protocol: "HTTPS",
        tls: { policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", certificates: [certificateArn] },
      }),
    ],
    targetGroups: [targetGroup([target(app.port)])],
    certificates: [certificate("web.test", certificateArn)],
  });
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
