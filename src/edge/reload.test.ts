/** Changes of the configuration while requests are under way. */
import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import {
  attributes,
  certificate,
  certificateArn,
  freePort,
  frontEnd,
  listener,
  plainAndTls,
  rule,
  testEdge,
  toGroup,
  upstream,
  type TestEdge,
} from "./testing.ts";

const certificates = [certificate("web.test", certificateArn), certificate("web.test", certificateArn)];

let edge: TestEdge;
let apps: Awaited<ReturnType<typeof upstream>>[];
let http: number;
let https: number;

before(async () => {
  apps = await Promise.all(
    [1, 2].map(() =>
      upstream((request, response) => void setTimeout(() => response.end("ok"), request.url === "/slow" ? 20 : 0)),
    ),
  );
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge();
});

after(async () => {
  await edge.edge.close(200);
  await Promise.all(apps.map((app) => app.close()));
});

/** Every reload another rule, certificate, attribute and set of targets. */
function reload(turn: number): Promise<void> {
  const rules = [
    rule([toGroup], { priority: "1", conditions: [{ field: "path-pattern", values: [`/${turn}`] }] }),
    rule([toGroup]),
  ];
  const targets = turn % 3 === 0 ? apps : apps.slice(turn % 2, (turn % 2) + 1);
  const ports = targets.map(({ port }) => port);
  return edge.apply({
    ...plainAndTls(http, https, ports, { rules, certificate: certificates[turn % 2]! }),
    frontEnds: [
      frontEnd({ attributes: { ...attributes, tlsHeaders: turn % 2 === 0, clientKeepAliveSeconds: 60 + turn } }),
    ],
  });
}

test("50 reloads under load: no request is dropped, no connection ends", async () => {
  await reload(0);
  let running = true;
  let answered = 0;
  const failures: string[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const sockets = new Set<unknown>();
  const overHttp1 = async (): Promise<void> => {
    while (running) {
      await new Promise<void>((resolve) => {
        const request = httpRequest({ host: "127.0.0.1", port: http, path: "/slow", agent }, (response) => {
          if (response.statusCode === 200) answered++;
          else failures.push(`HTTP/1.1 ${response.statusCode}`);
          response.resume();
          response.on("end", resolve);
        });
        request.on("socket", (socket) => sockets.add(socket));
        request.on("error", (error) => {
          failures.push(error.message);
          resolve();
        });
        request.end();
      });
    }
  };
  const session = connectHttp2(`https://127.0.0.1:${https}`, { rejectUnauthorized: false });
  session.on("error", (error) => failures.push(error.message));
  session.on("close", () => running && failures.push("the HTTP/2 connection ended"));
  const overHttp2 = async (): Promise<void> => {
    while (running) {
      await new Promise<void>((resolve) => {
        const stream = session.request({ ":path": "/slow" });
        stream.on("response", (headers) => {
          if (headers[":status"] === 200) answered++;
          else failures.push(`HTTP/2 ${headers[":status"]}`);
        });
        stream.on("error", (error) => failures.push(error.message));
        stream.on("close", resolve);
        stream.resume();
      });
    }
  };
  const load = Promise.all([...Array.from({ length: 8 }, overHttp1), ...Array.from({ length: 8 }, overHttp2)]);
  for (let turn = 1; turn <= 50; turn++) {
    const before = answered;
    await reload(turn);
    // Requests are answered between any two reloads, however slow the machine is.
    while (answered < before + 16 && failures.length === 0) await delay(1);
  }
  running = false;
  await load;
  session.destroy();
  agent.destroy();
  assert.deepEqual(failures, []);
  assert.equal(sockets.size, 8);
});

test("the next reload is in force for a connection that is up", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      httpRequest({ host: "127.0.0.1", port: http, path: "/", agent }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      })
        .on("error", reject)
        .end();
    });
  assert.equal(await ask(), 200);
  await edge.apply({ listeners: [listener(http, { rules: [rule([{ type: "fixed-response", status: 410 }])] })] });
  assert.equal(await ask(), 410);
  agent.destroy();
});

test("a listener that goes lets the request under way finish", async () => {
  await reload(0);
  const answer = new Promise<number>((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port: http, path: "/slow", agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    })
      .on("error", reject)
      .end();
  });
  await new Promise<void>((resolve) => {
    for (const { server } of apps) server.on("request", ({ url }) => url === "/slow" && resolve());
  });
  await edge.apply({ listeners: [] });
  assert.equal(await answer, 200);
  await assert.rejects(fetch(`http://127.0.0.1:${http}/`));
});

test("several front ends on one address are told apart by their names", async () => {
  const fixed = (name: string): ReturnType<typeof rule>[] => [
    rule([{ type: "fixed-response", status: 200, body: name }]),
  ];
  const first = frontEnd();
  const second = frontEnd({ arn: `${first.arn}2`, dnsName: "other-2.us-east-1.elb.localhost" });
  await edge.apply({
    frontEnds: [first, second],
    listeners: [
      listener(http, { rules: fixed("first") }),
      listener(http, { arn: "other", frontEnd: second.arn, rules: fixed("second") }),
    ],
  });
  const ask = async (host: string): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      httpRequest({ host: "127.0.0.1", port: http, path: "/", agent: false, headers: { host } }, (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => resolve([response.statusCode ?? 0, body]));
      })
        .on("error", reject)
        .end();
    });
  assert.deepEqual(await ask(`${first.dnsName}:${http}`), [200, "first"]);
  assert.deepEqual(await ask(second.dnsName), [200, "second"]);
  assert.equal((await ask("www.example.com"))[0], 421);
});
