/** Access and connection log lines of real requests, and what metrics say of them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { after, before, test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import type { AccessLogEvent } from "./config.ts";
import type { MetricsEvent } from "./metrics.ts";
import { Records } from "./records.ts";
import {
  attributes,
  certificateArn,
  freePort,
  frontEnd,
  groupArn,
  plainAndTls,
  rule,
  testEdge,
  toGroup,
  upstream,
  type TestEdge,
} from "./testing.ts";

const run = promisify(execFile);
const put: { stream: string; event: unknown }[] = [];
const records = new Records(systemClock, (stream, _, event) => void put.push({ stream, event }));

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let http: number;
let https: number;

before(async () => {
  app = await upstream((_, response) => response.end("hello"));
  [http, https] = [await freePort(), await freePort()];
  edge = testEdge({ observer: { ...records, status() {}, health() {} } as never });
  const logs = { bucket: "logs", prefix: "p" };
  const rules = [
    rule(
      [{ type: "redirect", status: 301, protocol: "HTTPS", host: "#{host}", port: "443", path: "/#{path}", query: "" }],
      {
        priority: "7",
        conditions: [{ field: "path-pattern", values: ["/old*"] }],
      },
    ),
    rule([toGroup]),
  ];
  await edge.apply({
    frontEnds: [frontEnd({ attributes: { ...attributes, accessLogs: logs, connectionLogs: logs } })],
    ...plainAndTls(http, https, app.port, { rules }),
  });
});

after(async () => {
  await edge.edge.close(50);
  await app.close();
});

/** Lines since the last call, when there are as many as wanted. */
async function lines(kind: "access" | "connection", count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) {
    records.gather(edge.edge, true);
    const events = put.filter(({ stream }) => stream === "edge-access").map(({ event }) => event as AccessLogEvent);
    for (const event of events.filter((each) => each.kind === kind)) found.push(...event.lines);
    put.splice(0, put.length, ...put.filter(({ event }) => (event as AccessLogEvent).kind !== kind));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return found;
}

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`;
const duration = String.raw`\d+\.\d{3}`;

test("a forwarded request", async () => {
  await run("curl", ["-s", "-A", 'agent "7"', "-H", "Host: shop.test", `http://127.0.0.1:${http}/a?b=c`]);
  const [line = ""] = await lines("access", 1);
  assert.match(
    line,
    new RegExp(
      `^http ${time} app/web/50dc6c495c0c9188 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:${app.port} ${duration} ${duration} ${duration} 200 200 \\d+ \\d+ ` +
        `"GET http://shop\\.test:${http}/a\\?b=c HTTP/1\\.1" "agent \\\\x227\\\\x22" - - ${groupArn} "Root=1-[0-9a-f]{8}-[0-9a-f]{24}" "-" "-" 0 ${time} ` +
        `"forward" "-" "-" "127\\.0\\.0\\.1:${app.port}" "200" "-" "-" TID_[0-9a-f]{32} "-" "-" "-"$`,
    ),
  );
});

test("over TLS and HTTP/2, redirected by a rule", async () => {
  await run("curl", [
    "-sk",
    "--http2",
    "--connect-to",
    `web.test:${https}:127.0.0.1:${https}`,
    `https://web.test:${https}/old`,
  ]);
  const [line = ""] = await lines("access", 1);
  assert.match(
    line,
    new RegExp(`^h2 ${time} app/web/50dc6c495c0c9188 127\\.0\\.0\\.1:\\d+ - -1 -1 -1 301 - \\d+ \\d+ `),
  );
  assert.match(
    line,
    new RegExp(
      ` TLS_AES_128_GCM_SHA256 TLSv1\\.3 - "[^"]+" "web\\.test" "${certificateArn}" 7 ${time} "redirect" "https://web\\.test:443/old" "-" `,
    ),
  );
  const connections = await lines("connection", 2);
  const tls = connections.find((each) => each.includes("TLSv1.3")) ?? "";
  assert.match(
    tls,
    new RegExp(
      `^${time} 127\\.0\\.0\\.1 \\d+ ${https} TLSv1\\.3 TLS_AES_128_GCM_SHA256 ${duration} "-" "-" - Success TID_[0-9a-f]{32} \\S+$`,
    ),
  );
});

test("what cannot be read is logged with its status", async () => {
  const socket = connect(http, "127.0.0.1");
  socket.write("no http\r\n\r\n");
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  const [line = ""] = await lines("access", 1);
  assert.match(
    line,
    new RegExp(
      `^http ${time} app/web/50dc6c495c0c9188 127\\.0\\.0\\.1:\\d+ - -1 -1 -1 400 - 0 0 "- http://web-1\\.us-east-1\\.elb\\.localhost:${http}- -" `,
    ),
  );
});

test("a client cannot write lines or fields of its own", async () => {
  const socket = connect(http, "127.0.0.1");
  socket.write(
    'GET /" "x HTTP/1.1\r\nHost: a\r\n\r\nGET /%0a"b\\ HTTP/1.1\r\nHost: "a" b\r\nUser-Agent: \xe9 "\\\r\nConnection: close\r\n\r\n',
    "latin1",
  );
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  for (const line of await lines("access", 1)) {
    assert.ok(!line.includes("\n"));
    assert.equal((line.match(/"/g) ?? []).length % 2, 0);
    assert.equal(line.replace(/"[^"]*"/g, "q").split(" ").length, 33);
  }
});

test("metrics of the load balancer and of its target group", async () => {
  await run("curl", ["-s", `http://127.0.0.1:${http}/a`]);
  await lines("access", 1);
  records.gather(edge.edge, true);
  const data = put.filter(({ stream }) => stream === "metrics").flatMap(({ event }) => (event as MetricsEvent).data);
  const sum = (name: string, dimensions: string): number =>
    data
      .filter((datum) => datum.MetricName === name && datum.Dimensions.map(({ Name }) => Name).join("+") === dimensions)
      .reduce(
        (total, { StatisticValues, Counts = [] }) =>
          total + (StatisticValues?.Sum ?? Counts.reduce((a, b) => a + b, 0)),
        0,
      );
  assert.ok(sum("RequestCount", "LoadBalancer") >= 4);
  assert.equal(
    sum("HTTPCode_Target_2XX_Count", "LoadBalancer"),
    sum("HTTPCode_Target_2XX_Count", "TargetGroup+LoadBalancer"),
  );
  assert.ok(sum("TargetResponseTime", "TargetGroup+LoadBalancer") >= 2);
  assert.equal(sum("HTTP_Redirect_Count", "LoadBalancer"), 1);
  assert.ok(sum("HTTPCode_ELB_3XX_Count", "LoadBalancer") >= 1);
  assert.ok(sum("HTTPCode_ELB_4XX_Count", "LoadBalancer") >= 1);
  assert.ok(sum("HealthyHostCount", "TargetGroup+LoadBalancer") >= 1);
  assert.ok(sum("NewConnectionCount", "LoadBalancer") >= 4);
});
