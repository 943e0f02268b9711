/** What comes back: answers of all kinds from targets, and the load balancer's own. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { after, before, test } from "node:test";
import type { RoutingAction } from "./config.ts";
import {
  attributes,
  freePort,
  frontEnd,
  listener,
  rule,
  target,
  targetGroup,
  testEdge,
  upstream,
  type TestEdge,
} from "./testing.ts";

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let port: number;
let aborted = 0;

before(async () => {
  app = await upstream((request, response) => {
    request.resume();
    switch (request.url?.split("?")[0]) {
      case "/204":
        return response.writeHead(204).end();
      case "/304":
        return response.writeHead(304, { etag: '"1"' }).end();
      case "/trailer":
        response.writeHead(200, { trailer: "X-Sum" });
        response.write("body");
        response.addTrailers({ "X-Sum": "42" });
        return response.end();
      case "/cut":
        response.writeHead(200, { "content-length": "100" });
        response.write("part", () => response.destroy());
        return;
      case "/hangup":
        return response.destroy();
      case "/never":
        response.on("close", () => aborted++);
        return;
      case "/hop":
        return response
          .writeHead(200, { connection: "X-Own", "x-own": "1", "keep-alive": "timeout=9", server: "app" })
          .end("ok");
      default:
        return response.writeHead(200, { "content-length": "2" }).end("ok");
    }
  });
  port = await freePort();
  edge = testEdge();
  await apply([{ type: "forward", targetGroups: [{ arn: targetGroup([]).arn, weight: 1 }] }]);
});

after(async () => {
  await edge.edge.close(100);
  await app.close();
});

async function apply(
  actions: readonly RoutingAction[],
  more: Parameters<typeof frontEnd>[0] = {},
  own: Parameters<typeof listener>[1] = {},
): Promise<void> {
  await edge.apply({
    frontEnds: [frontEnd(more)],
    listeners: [listener(port, { rules: [rule(actions)], ...own })],
    targetGroups: [targetGroup([target(app.port)])],
  });
}

function ask(
  path: string,
  method = "GET",
  headers: Record<string, string> = {},
): Promise<{ response: IncomingMessage; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ response, body }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end();
  });
}

const forward: RoutingAction = { type: "forward", targetGroups: [{ arn: targetGroup([]).arn, weight: 1 }] };

test("HEAD, 204 and 304 have no body", async () => {
  const head = await ask("/", "HEAD");
  assert.equal(head.response.statusCode, 200);
  assert.equal(head.response.headers["content-length"], "2");
  assert.equal(head.body, "");
  assert.equal((await ask("/204")).response.statusCode, 204);
  const unchanged = await ask("/304");
  assert.equal(unchanged.response.statusCode, 304);
  assert.equal(unchanged.response.headers.etag, '"1"');
});

test("trailers come through", async () => {
  const { response, body } = await ask("/trailer");
  assert.equal(body, "body");
  assert.equal(response.trailers["x-sum"], "42");
});

test("headers of the connection to the target stay behind", async () => {
  const { response } = await ask("/hop");
  assert.equal(response.headers["x-own"], undefined);
  assert.equal(response.headers.server, "app");
});

test("an answer that the target cuts short is cut short, not ended", async () => {
  await assert.rejects(ask("/cut"));
});

test("a target that hangs up: 502 in the load balancer's words", async () => {
  const { response, body } = await ask("/hangup", "POST");
  assert.equal(response.statusCode, 502);
  assert.equal(response.headers.server, "awselb/2.0");
  assert.match(body, /<center><h1>502 Bad Gateway<\/h1><\/center>/);
});

test("a target that is silent longer than the idle timeout: 504", async () => {
  await apply([forward], { attributes: { ...attributes, idleTimeoutSeconds: 1 } });
  const { response, body } = await ask("/never");
  assert.equal(response.statusCode, 504);
  assert.match(body, /504 Gateway Time-out/);
  await apply([forward]);
});

test("a client that goes away ends the request to the target, and is logged as 460", async () => {
  const before = aborted;
  const socket = connect(port, "127.0.0.1");
  socket.write("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
  await new Promise((resolve) => app.server.once("request", resolve));
  socket.destroy();
  while (aborted === before) await new Promise((resolve) => setTimeout(resolve, 5));
  while (edge.finished.at(-1)?.path !== "/never") await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(edge.finished.at(-1)?.status, 460);
});

test("no target: 503", async () => {
  await edge.apply({ listeners: [listener(port)], targetGroups: [targetGroup([])] });
  assert.equal((await ask("/")).response.statusCode, 503);
  await apply([forward]);
});

test("a target that refuses the connection: 502", async () => {
  const dead = await freePort();
  await edge.apply({ listeners: [listener(port)], targetGroups: [targetGroup([target(dead)])] });
  assert.equal((await ask("/", "POST")).response.statusCode, 502);
  await apply([forward]);
});

test("a fixed response", async () => {
  await apply([{ type: "fixed-response", status: 418, contentType: "application/json", body: '{"a":1}' }]);
  const { response, body } = await ask("/");
  assert.equal(response.statusCode, 418);
  assert.equal(response.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(body, '{"a":1}');
});

for (const [given, location] of [
  [
    { protocol: "HTTPS", host: "#{host}", port: "443", path: "/#{path}", query: "#{query}" },
    "https://shop.test:443/a/b?c=d",
  ],
  [
    { protocol: "#{protocol}", host: "www.#{host}", port: "#{port}", path: "/new/#{path}", query: "" },
    `http://www.shop.test:PORT/new/a/b`,
  ],
] as const) {
  test(`a redirect to ${given.host}${given.path}`, async () => {
    await apply([{ type: "redirect", status: 301, ...given }]);
    const { response } = await ask("/a/b?c=d", "GET", { host: "shop.test" });
    assert.equal(response.statusCode, 301);
    assert.equal(response.headers.location, location.replace("PORT", String(port)));
  });
}

test("headers that the listener's attributes set and take away", async () => {
  await apply(
    [forward],
    {},
    { attributes: { serverHeader: false, responseHeaders: { "strict-transport-security": "max-age=60" } } },
  );
  const { response } = await ask("/hop");
  assert.equal(response.headers.server, undefined);
  assert.equal(response.headers["strict-transport-security"], "max-age=60");
});

test("whom the security groups do not let in gets no answer", async () => {
  await apply([forward], { ingress: [{ fromPort: 0, toPort: 65_535, cidrs: ["192.0.2.0/24"] }] });
  await assert.rejects(ask("/"), { code: "ECONNRESET" });
  await apply([forward], { ingress: [{ fromPort: port, toPort: port, cidrs: ["127.0.0.0/8"] }] });
  assert.equal((await ask("/")).response.statusCode, 200);
});

test("X-Forwarded-For is left as it is, or taken away, where the attribute says so", async () => {
  const seen: (string | undefined)[] = [];
  app.server.on(
    "request",
    (request) => void (request.url === "/x" && seen.push(request.headers["x-forwarded-for"]?.toString())),
  );
  for (const forwardedForMode of ["preserve", "remove", "append"] as const) {
    await apply([forward], { attributes: { ...attributes, forwardedForMode, forwardedForClientPort: true } });
    await ask("/x", "GET", { "x-forwarded-for": "203.0.113.9" });
  }
  assert.deepEqual(seen.slice(0, 2), ["203.0.113.9", undefined]);
  assert.match(seen[2] ?? "", /^203\.0\.113\.9, 127\.0\.0\.1:\d+$/);
});
