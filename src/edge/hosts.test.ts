/** Whoever names the host, and however: the firewall, the rules and the target are told the same. */
import assert from "node:assert/strict";
import { connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { BadBindPolicy, addressesOf, bindPolicy } from "./bindPolicy.ts";
import { ownAddress } from "./config.ts";
import {
  attributes,
  certificate,
  certificateArn,
  freePort,
  frontEnd,
  plainAndTls,
  rule,
  testEdge,
  toGroup,
  upstream,
  type TestEdge,
} from "./testing.ts";

const web = certificate("web.test", certificateArn);

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let http: number;
let https: number;
let inspected: readonly string[] = [];

before(async () => {
  app = await upstream((request, response) => response.end(request.headers.host));
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge({
    inspector: {
      wants: () => ({ bodyBytes: 0 }),
      admit: ({ rawHeaders }) => ((inspected = rawHeaders), true),
    },
  });
});

after(async () => {
  await edge.edge.close(50);
  await app.close();
});

function apply(preserveHostHeader: boolean): Promise<void> {
  const rules = [
    rule([{ type: "fixed-response", status: 200, body: "secret" }], {
      priority: "1",
      conditions: [{ field: "host-header", values: ["secret.test"] }],
    }),
    rule([toGroup]),
  ];
  return edge.apply({
    ...plainAndTls(http, https, app.port, { rules, certificate: web }),
    frontEnds: [frontEnd({ attributes: { ...attributes, preserveHostHeader } })],
  });
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(http, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

const inspectedHosts = (): string[] => inspected.filter((_, index) => inspected[index - 1]?.toLowerCase() === "host");

test("a request that names a whole URL is for that host, whatever the Host header says", async () => {
  await apply(false);
  const answer = await raw("GET http://secret.test/ HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
  assert.match(answer, /secret$/);
  assert.deepEqual(inspectedHosts(), ["secret.test"]);
  const passed = await raw("GET http://shop.test/a HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n");
  assert.match(passed, new RegExp(`shop\\.test:${http}$`));
});

test("with the Host header preserved it is the header that counts, for all of them", async () => {
  await apply(true);
  const passed = await raw("GET http://secret.test/a HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
  assert.match(passed, /shop\.test$/);
  assert.deepEqual(inspectedHosts(), ["shop.test"]);
});

test("HTTP/2: a Host header beside another :authority is refused, the same one is no matter", async () => {
  await apply(false);
  const session = connectHttp2(`https://127.0.0.1:${https}`, { rejectUnauthorized: false });
  const ask = (headers: OutgoingHttpHeaders): Promise<[unknown, string]> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": "/", ...headers });
      let body = "";
      let status: unknown;
      stream.on("response", (answer) => (status = answer[":status"]));
      stream.on("data", (chunk: Buffer) => (body += chunk.toString()));
      stream.on("end", () => resolve([status, body]));
      stream.on("error", reject);
    });
  assert.deepEqual(await ask({ ":authority": "secret.test" }), [200, "secret"]);
  assert.deepEqual(await ask({ ":authority": "secret.test", host: "secret.test" }), [200, "secret"]);
  assert.equal((await ask({ ":authority": "shop.test", host: "secret.test" }))[0], 400);
  session.destroy();
});

test("where load balancers listen", () => {
  const own = frontEnd();
  assert.deepEqual(addressesOf(bindPolicy(undefined, "linux"), own), [own.address, "127.0.0.1"]);
  assert.deepEqual(addressesOf(bindPolicy("", "darwin"), own), ["127.0.0.1"]);
  assert.deepEqual(addressesOf(bindPolicy("192.0.2.1, 2001:db8::1", "linux"), own), ["192.0.2.1", "2001:db8::1"]);
  assert.throws(() => bindPolicy("example.com", "linux"), BadBindPolicy);
});

test("a load balancer's own address is always the same, one of 127.64.0.0/10, and another one at the next attempt", () => {
  const addresses = Array.from({ length: 50 }, (_, attempt) => ownAddress(frontEnd().arn, attempt));
  assert.equal(ownAddress(frontEnd().arn), addresses[0]);
  assert.equal(new Set(addresses).size, 50);
  for (const address of addresses) {
    const [first, second, , last] = address.split(".").map(Number);
    assert.ok(first === 127 && second! >= 64 && second! < 128 && last! >= 1 && last! <= 254, address);
  }
});
