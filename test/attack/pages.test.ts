/** Web pages in the operator's browser, and strangers on the network, against what is ours on the public port. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { request } from "node:http";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { administrator } from "./people.ts";
import { writesFrom } from "./state.ts";

let instance: Instance;

before(async () => {
  instance = await startInstance({ args: ["--ephemeral"] });
});
after(() => instance?.stop());

interface Asked {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** `fetch` would not send a Host of one's choice. */
function ask(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(instance.endpoint);
    const sent = request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const pages: readonly [what: string, headers: Record<string, string>][] = [
  ["another origin", { origin: "http://evil.example" }],
  ["a page without origin", { origin: "null" }],
  ["another port of this machine", { origin: "http://127.0.0.1:1" }],
  ["a page whose name was rebound to us", { origin: "http://evil.example", host: "evil.example" }],
  ["the same, without origin", { "sec-fetch-site": "same-origin", host: "evil.example" }],
  ["an image or form of another site", { "sec-fetch-site": "cross-site" }],
];

for (const [what, headers] of pages) {
  test(`${what} can neither reset nor set a password`, async () => {
    const link = await operator(instance, "POST", "/_jikimi/root-link", {});
    const [account, token] = new URL(link.url).hash.slice(1).split(".");
    const body = JSON.stringify({ account, token, password: "Correct-Horse-9" });
    const writes = await writesFrom(instance);
    assert.equal((await ask("POST", "/_jikimi/reset", headers)).status, 403);
    const set = await ask("POST", "/_jikimi/root-password", { ...headers, "content-type": "text/plain" }, body);
    assert.equal(set.status, 403);
    const preflight = await ask("OPTIONS", "/_jikimi/root-password", {
      ...headers,
      "access-control-request-method": "POST",
    });
    assert.equal(preflight.headers["access-control-allow-origin"], undefined);
    assert.deepEqual(await writes(), []);
  });
}

test("no page of another origin may read an answer of ours", async () => {
  for (const path of ["/_jikimi/health", "/_jikimi/metrics", "/_jikimi/livez"]) {
    const answer = await ask("GET", path, { origin: "http://evil.example" });
    assert.equal(answer.headers["access-control-allow-origin"], undefined, path);
  }
});

test("the root link works once, and guesses neither lock its owner out nor leave anything behind", async () => {
  const link = await operator(instance, "POST", "/_jikimi/root-link", {});
  const [account, token] = new URL(link.url).hash.slice(1).split(".");
  assert.ok(Buffer.from(token!, "base64url").length >= 32);
  const own = { origin: instance.endpoint, "sec-fetch-site": "same-origin", host: new URL(instance.endpoint).host };
  const set = (values: object) =>
    ask("POST", "/_jikimi/root-password", { ...own, "content-type": "application/json" }, JSON.stringify(values));
  const writes = await writesFrom(instance);
  const password = "Correct-Horse-9";
  for (let guess = 0; guess < 20; guess++) {
    assert.equal((await set({ account, token: `${token}${guess}`, password })).status, 403);
  }
  for (const name of ["../x", "000000000000", "x".repeat(10_000), "installation", "__proto__"]) {
    assert.equal((await set({ account: name, token, password })).status, 403);
  }
  assert.deepEqual(await writes(), []);
  assert.equal((await set({ account, token, password })).status, 200);
  assert.equal((await set({ account, token, password: "Another-Horse-9" })).status, 403);
});

test("a page that lies in a bucket does not run as a page of ours", async () => {
  const { s3 } = administrator(instance);
  await s3.send(new CreateBucketCommand({ Bucket: "pages" }));
  const html = "<script>fetch('/_jikimi/reset', { method: 'POST' })</script>";
  await s3.send(new PutObjectCommand({ Bucket: "pages", Key: "x.html", Body: html, ContentType: "text/html" }));
  const url = new URL(
    await getSignedUrl(s3 as never, new GetObjectCommand({ Bucket: "pages", Key: "x.html" }) as never),
  );
  const answer = await ask("GET", url.pathname + url.search, { host: url.host });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, html);
  assert.equal(answer.headers["content-security-policy"], "sandbox");
  const signed = await s3.send(new GetObjectCommand({ Bucket: "pages", Key: "x.html" }));
  assert.equal(await signed.Body!.transformToString(), html);
});

test("scripts and tools without a browser may reset a throw-away installation, and only that", async () => {
  const kept = await startInstance();
  try {
    assert.equal((await fetch(`${kept.endpoint}/_jikimi/reset`, { method: "POST" })).status, 409);
  } finally {
    await kept.stop();
  }
  assert.equal((await ask("POST", "/_jikimi/reset")).status, 200);
});
