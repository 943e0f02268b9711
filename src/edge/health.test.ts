/** Health checks against real targets, stickiness through a real listener. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createNetServer } from "node:net";
import type { AddressInfo } from "node:net";
import { after, afterEach, beforeEach, test } from "node:test";
import { matches } from "./healthChecks.ts";
import type { TargetGroupDocument } from "./config.ts";
import {
  freePort,
  groupArn,
  listener,
  rule,
  target,
  targetGroup,
  testEdge,
  upstream,
  type TestEdge,
} from "./testing.ts";

let edge: TestEdge;
let http: number;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  edge = testEdge();
  http = await freePort();
});
afterEach(() => edge.edge.close(50));
after(() => Promise.all(closing.map((close) => close())));

async function until<T>(read: () => T | undefined | false): Promise<T> {
  for (const limit = performance.now() + 8_000; ;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > limit) throw new Error("never");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const quick = { ...targetGroup([]).healthCheck, intervalSeconds: 0.1, timeoutSeconds: 0.3 };

const apply = (group: TargetGroupDocument): Promise<void> =>
  edge.apply({ listeners: [listener(http)], targetGroups: [group] });
const state = (port: number) => edge.health.get(groupArn)?.targets[`127.0.0.1|${port}`];

async function serve(status: () => number): Promise<number> {
  const server: Server = createServer((_, response) => response.writeHead(status()).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("initial, healthy after one good check, unhealthy after its threshold, healthy again after its threshold", async () => {
  let status = 200;
  let checks = 0;
  const port = await serve(() => (checks++, status));
  await apply(targetGroup([target(port)], { healthCheck: { ...quick, unhealthyThreshold: 3, healthyThreshold: 4 } }));
  assert.equal(state(port)?.reason, "Elb.InitialHealthChecking");
  await until(() => state(port)?.state === "healthy");
  assert.equal(state(port)?.reason, undefined);
  status = 503;
  const before = checks;
  await until(() => state(port)?.state === "unhealthy");
  assert.ok(checks - before >= 3);
  assert.equal(state(port)?.reason, "Target.ResponseCodeMismatch");
  assert.equal(state(port)?.description, "Health checks failed with these codes: [503]");
  status = 200;
  const again = checks;
  await until(() => state(port)?.state === "healthy");
  assert.ok(checks - again >= 4);
});

test("a target that does not answer: Target.Timeout; one that refuses: Target.FailedHealthChecks", async () => {
  const silent = createNetServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  closing.push(() => silent.close());
  const [mute, dead] = [(silent.address() as AddressInfo).port, await freePort()];
  await apply(targetGroup([target(mute), target(dead)], { healthCheck: quick }));
  await until(() => state(mute)?.state === "unhealthy" && state(dead)?.state === "unhealthy");
  assert.equal(state(mute)?.reason, "Target.Timeout");
  assert.equal(state(mute)?.description, "Request timed out");
  assert.equal(state(dead)?.reason, "Target.FailedHealthChecks");
});

test("a group that no rule forwards to is not checked: Target.NotInUse; draining is told", async () => {
  let checks = 0;
  const port = await serve(() => (checks++, 200));
  const fixed = listener(http, { rules: [rule([{ type: "fixed-response", status: 200 }])] });
  await edge.apply({ listeners: [fixed], targetGroups: [targetGroup([target(port)], { healthCheck: quick })] });
  assert.equal(state(port)?.state, "unused");
  assert.equal(state(port)?.reason, "Target.NotInUse");
  assert.equal(checks, 0);
  await apply(targetGroup([target(port)], { healthCheck: quick }));
  await until(() => state(port)?.state === "healthy");
  const gone = { ...target(port), deregisteredAt: Date.now() };
  await apply(targetGroup([gone], { healthCheck: quick }));
  assert.equal(state(port)?.state, "draining");
  assert.equal(state(port)?.reason, "Target.DeregistrationInProgress");
  // Nothing is under way, so it is done.
  await until(() => state(port) === undefined);
});

for (const [matcher, status, expected] of [
  ["200", 200, true],
  ["200", 201, false],
  ["200,202", 202, true],
  ["200-299", 250, true],
  ["200-299,404", 404, true],
  ["200-299", 300, false],
] as const) {
  test(`matcher ${matcher}: ${status} is ${expected ? "healthy" : "not"}`, () =>
    assert.equal(matches(matcher, status), expected));
}

async function cookiesOf(headers: Record<string, string>): Promise<{ cookies: string[]; who: string }> {
  const response = await fetch(`http://127.0.0.1:${http}/`, { headers });
  return { cookies: response.headers.getSetCookie(), who: await response.text() };
}

const bare = (cookie: string): string => cookie.split(";")[0]!;

async function two(attributes: Partial<TargetGroupDocument["attributes"]>): Promise<void> {
  const apps = await Promise.all(
    ["one", "two"].map((who) =>
      upstream((_, response) => response.writeHead(200, { "set-cookie": "SESSION=abc" }).end(who)),
    ),
  );
  for (const app of apps) closing.push(() => app.close());
  const group = targetGroup([], {});
  await apply(
    targetGroup(
      apps.map(({ port }) => target(port)),
      { healthCheck: quick, attributes: { ...group.attributes, ...attributes } },
    ),
  );
  await until(() => apps.every(({ port }) => state(port)?.state === "healthy"));
}

test("lb_cookie: the sealed cookie keeps a client with its target; a made-up one does not", async () => {
  await two({ stickiness: { type: "lb_cookie", durationSeconds: 60 } });
  const first = await cookiesOf({});
  const own = first.cookies.filter((cookie) => cookie.startsWith("AWSALB"));
  assert.deepEqual(
    own.map((cookie) => cookie.split("=")[0]),
    ["AWSALB", "AWSALBCORS"],
  );
  assert.match(own[1]!, /SameSite=None/);
  for (let round = 0; round < 6; round++) {
    assert.equal((await cookiesOf({ cookie: `a=1; ${bare(own[0]!)}` })).who, first.who);
  }
  const forged = new Set<string>();
  for (let round = 0; round < 6; round++)
    forged.add((await cookiesOf({ cookie: `${bare(own[0]!).slice(0, -4)}AAAA` })).who);
  assert.equal(forged.size, 2);
});

test("app_cookie: the load balancer's cookie comes with the application's, and counts only beside it", async () => {
  await two({ stickiness: { type: "app_cookie", cookieName: "SESSION", durationSeconds: 60 } });
  const first = await cookiesOf({});
  const own = bare(first.cookies.find((cookie) => cookie.startsWith("AWSALBAPP-0="))!);
  for (let round = 0; round < 6; round++) {
    assert.equal((await cookiesOf({ cookie: `SESSION=abc; ${own}` })).who, first.who);
  }
  const without = new Set<string>();
  for (let round = 0; round < 6; round++) without.add((await cookiesOf({ cookie: own })).who);
  assert.equal(without.size, 2);
});

test("weights between groups, and stickiness with the group", async () => {
  const apps = await Promise.all(["one", "two"].map((who) => upstream((_, response) => response.end(who))));
  for (const app of apps) closing.push(() => app.close());
  const groups = apps.map(({ port }, index) => targetGroup([target(port)], { arn: `${groupArn}${index}` }));
  const forward = (weights: readonly [number, number], stickinessSeconds?: number) =>
    edge.apply({
      listeners: [
        listener(http, {
          rules: [
            rule([
              {
                type: "forward",
                targetGroups: groups.map(({ arn }, index) => ({ arn, weight: weights[index]! })),
                ...(stickinessSeconds === undefined ? {} : { stickinessSeconds }),
              },
            ]),
          ],
        }),
      ],
      targetGroups: groups,
    });
  await forward([0, 1]);
  for (let round = 0; round < 5; round++) assert.equal((await cookiesOf({})).who, "two");
  await forward([1, 1], 60);
  const first = await cookiesOf({});
  const cookie = bare(first.cookies.find((each) => each.startsWith("AWSALBTG="))!);
  for (let round = 0; round < 10; round++) assert.equal((await cookiesOf({ cookie })).who, first.who);
  await forward([0, 0]);
  assert.equal((await fetch(`http://127.0.0.1:${http}/`)).status, 503);
});
