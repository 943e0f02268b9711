/** What no security group lets out is not connected to: not for a request, not for a health check. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import type { TrafficRule } from "./config.ts";
import { egressFor } from "./networks.ts";
import { outgoing } from "./outgoing.ts";
import { freePort, frontEnd, groupArn, listener, target, targetGroup, testEdge, upstream } from "./testing.ts";
import type { TestEdge } from "./testing.ts";

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let asked: string[];
let http: number;
beforeEach(async () => {
  edge = testEdge({ connectTimeoutMs: 200 });
  asked = [];
  app = await upstream((received, answer) => {
    asked.push(received.url!);
    answer.end("here");
  });
  http = await freePort();
});
afterEach(async () => {
  await edge.edge.close(50);
  await app.close();
});

const health = { ...targetGroup([]).healthCheck, intervalSeconds: 0.1, timeoutSeconds: 0.2, unhealthyThreshold: 2 };
const to = (port: number, ...cidrs: string[]): TrafficRule => ({ fromPort: port, toPort: port, cidrs });

const apply = (egress: readonly TrafficRule[]) =>
  edge.apply({
    frontEnds: [frontEnd({ egress })],
    listeners: [listener(http)],
    targetGroups: [targetGroup([target(app.port)], { healthCheck: health })],
  });

async function until<T>(read: () => T | undefined | false): Promise<T> {
  for (const limit = performance.now() + 8_000; ;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > limit) throw new Error("never");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function get(path: string, agent: Agent): Promise<number> {
  const [response] = await once(request({ host: "127.0.0.1", port: http, path, agent }).end(), "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

test("a request follows the rules of the moment, also over connections that were open before", async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  await apply([to(app.port, "127.0.0.0/8")]);
  assert.equal(await get("/open", agent), 200);
  for (const closed of [[], [to(app.port, "192.0.2.0/24")], [to(app.port + 1, "127.0.0.0/8")]]) {
    await apply(closed);
    assert.equal(await get("/closed", agent), 504);
  }
  await apply([to(app.port, "127.0.0.1/32")]);
  assert.equal(await get("/again", agent), 200);
  assert.deepEqual(asked, ["/open", "/again"]);
});

test("a request that waits goes on as soon as it is let out", async (t) => {
  const patient = testEdge({ connectTimeoutMs: 10_000 });
  t.after(() => patient.edge.close(50));
  const port = await freePort();
  const follow = (egress: readonly TrafficRule[]) =>
    patient.apply({
      frontEnds: [frontEnd({ egress })],
      listeners: [listener(port)],
      targetGroups: [targetGroup([target(app.port)], { healthCheck: health })],
    });
  await follow([]);
  const asking = once(request({ host: "127.0.0.1", port, path: "/waits", agent: false }).end(), "response");
  await until(() => patient.edge.connections.size === 1);
  await follow([to(app.port, "127.0.0.1/32")]);
  const [response] = await asking;
  response.resume();
  assert.equal(response.statusCode, 200);
});

test("a health check that is not let out runs out of time, and works again when it is", async () => {
  const state = () => edge.health.get(groupArn)?.targets[`127.0.0.1|${app.port}`];
  await apply([to(app.port, "127.0.0.0/8")]);
  await until(() => state()?.state === "healthy");
  await apply([]);
  await until(() => state()?.state === "unhealthy");
  assert.equal(state()?.reason, "Target.Timeout");
  await apply([to(app.port, "127.0.0.0/8")]);
  await until(() => state()?.state === "healthy");
});

test("a name is connected to under the addresses of it that are let out", async (t) => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const open = (rules: readonly TrafficRule[]) =>
    new Promise((resolve, reject) => {
      const options = { hostname: "localhost", host: "localhost", protocol: "http:", port: String(port) };
      outgoing(egressFor(rules), 200)(options, (...[error, socket]) => {
        if (error) return reject(error);
        socket.destroy();
        resolve(socket.remoteAddress ?? "connected");
      });
    });
  await open([to(port, "127.0.0.1/32")]);
  // Nobody listens on the other address that the name may have.
  await open([to(port, "127.0.0.1/32", "::1/128")]);
  await assert.rejects(open([to(port, "192.0.2.0/24", "2001:db8::/32")]), { code: "UND_ERR_CONNECT_TIMEOUT" });
});

test("a document from before outbound rules were enforced lets everything out", () => {
  assert.ok(egressFor(undefined)("192.0.2.1", 80));
  assert.ok(!egressFor([])("192.0.2.1", 80));
});
