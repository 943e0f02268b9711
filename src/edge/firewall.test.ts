/** A web ACL in front of a listener: what it sees of a request, and what its verdict does. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { wafDocuments } from "#engines/waf/contract.ts";
import { documentKey } from "#engines/waf/index.ts";
import { byteStatement, rule as wafRule, webAcl } from "#engines/waf/testing.ts";
import { nameOf, type KnownDocument } from "./feed.ts";
import { Firewall } from "./firewall.ts";
import {
  account,
  attributes,
  documents as documentsOf,
  freePort,
  frontEnd,
  frontEndArn,
  listener,
  region,
  target,
  targetGroup,
  testEdge,
  upstream,
  type TestEdge,
} from "./testing.ts";

const acl = (rules: Parameters<typeof webAcl>[0]) => ({ ...webAcl(rules), account, region, arn: webAclArn });
const webAclArn = `arn:aws:wafv2:${region}:${account}:regional/webacl/acl/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`;

let edge: TestEdge | undefined;
let app: Awaited<ReturnType<typeof upstream>>;
let port: number;
let firewall: Firewall;
let documents: Map<string, KnownDocument>;
const seen: { body: string; headers: Record<string, unknown> }[] = [];

before(async () => {
  app = await upstream((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ body, headers: request.headers });
      response.end("ok");
    });
  });
  port = await freePort();
});

beforeEach(async () => {
  seen.length = 0;
  documents = new Map();
  firewall = new Firewall({
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    tokenKey: Buffer.alloc(32, 1),
  });
  await edge?.edge.close(20);
  edge = testEdge({ inspector: firewall });
  await apply();
});

after(async () => {
  await edge?.edge.close(50);
  await app.close();
});

async function apply(wafFailOpen = false): Promise<void> {
  await edge?.edge.apply(
    documentsOf({
      frontEnds: [frontEnd({ attributes: { ...attributes, wafFailOpen } })],
      listeners: [listener(port)],
      targetGroups: [targetGroup([target(app.port)])],
    }),
  );
}

let version = 0;

async function protect(value: unknown): Promise<void> {
  const key = documentKey(webAclArn)!;
  const association = { ...key, type: wafDocuments.types.association, id: frontEndArn };
  documents.set(nameOf(association), { key: association, version: 1, value: { resourceArn: frontEndArn, webAclArn } });
  if (value !== undefined) documents.set(nameOf(key), { key, version: ++version, value });
  await firewall.follow(documents, [key]);
}

const status = async (path: string, init: RequestInit = {}): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  await response.arrayBuffer();
  return response.status;
};

const actions = (): string[] => (edge?.finished ?? []).map((exchange) => exchange.actions.join(","));

test("what a rule blocks does not reach the target; the rest does", async () => {
  assert.equal(await status("/admin"), 200);
  await protect(acl([wafRule("admin", 0, byteStatement("/admin"))]));
  assert.equal(await status("/admin"), 403);
  assert.equal(await status("/shop"), 200);
  assert.equal(seen.length, 2);
  const [report] = firewall.reports();
  assert.ok(report?.counts.some(({ metric, count }) => metric === "BlockedRequests" && count === 1));
  assert.deepEqual(actions(), ["forward", "waf", "waf,forward"]);
});

test("the body is inspected up to the limit and reaches the target whole", async () => {
  await protect(acl([wafRule("body", 0, byteStatement("evil", { Body: { OversizeHandling: "CONTINUE" } }))]));
  assert.equal(await status("/", { method: "POST", body: "something evil" }), 403);
  for (const body of ["good", "x".repeat(100_000), `${"x".repeat(9_000)}evil`, ""]) {
    assert.equal(await status("/", { method: "POST", body }), 200);
    assert.equal(seen.at(-1)?.body, body);
  }
});

test("a body that comes in pieces is inspected before the request goes on", async () => {
  await protect(acl([wafRule("body", 0, byteStatement("evil", { Body: { OversizeHandling: "CONTINUE" } }))]));
  const pieces = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const piece of ["some", "thing ev", "il"]) {
        controller.enqueue(Buffer.from(piece));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      controller.close();
    },
  });
  assert.equal(await status("/", { method: "POST", body: pieces, duplex: "half" } as RequestInit), 403);
  assert.equal(seen.length, 0);
});

test("headers that a rule inserts reach the target, and nobody else's under their names", async () => {
  const counted = { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: "seen", Value: "yes" }] } } };
  await protect(acl([wafRule("count", 0, byteStatement("/"), counted)]));
  assert.equal(await status("/", { headers: { "x-amzn-waf-seen": "no" } }), 200);
  assert.equal(seen[0]?.headers["x-amzn-waf-seen"], "yes");
});

test("a web ACL that is not there: 500, or through where the load balancer fails open", async () => {
  await protect(undefined);
  assert.equal(await status("/"), 500);
  await apply(true);
  assert.equal(await status("/"), 200);
  assert.deepEqual(actions(), ["waf-failed", "waf-failed,forward"]);
});

test("a change that cannot be compiled leaves the rules before it in force", async () => {
  await protect(acl([wafRule("admin", 0, byteStatement("/admin"))]));
  const missing = `arn:aws:wafv2:${region}:${account}:regional/ipset/gone/a1b2c3d4-5678-90ab-cdef-EXAMPLE22222`;
  await protect(acl([wafRule("set", 0, { IPSetReferenceStatement: { ARN: missing } })]));
  assert.equal(await status("/admin"), 403);
});

test("without an association nothing is inspected any more", async () => {
  await protect(acl([wafRule("admin", 0, byteStatement("/admin"))]));
  assert.equal(await status("/admin"), 403);
  const gone = [...documents.values()].flatMap(({ key }) => (key.type === wafDocuments.types.association ? [key] : []));
  for (const key of gone) documents.delete(nameOf(key));
  await firewall.follow(documents, gone);
  assert.equal(await status("/admin"), 200);
});
