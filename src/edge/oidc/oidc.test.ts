/** Signing in through an identity provider, as a browser sees it. */
import assert from "node:assert/strict";
import { createHmac, createPublicKey, verify } from "node:crypto";
import { createServer, type Server } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { OidcConfig } from "../config.ts";
import {
  certificate,
  freePort,
  frontEnd,
  listener,
  rule,
  target,
  targetGroup,
  testEdge,
  toGroup,
  upstream,
  type TestEdge,
} from "../testing.ts";
import { OidcAuthenticator } from "./authenticate.ts";

const certificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/1";
const issuer = "https://idp.test";
const secret = Buffer.alloc(32, 5);

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let provider: Server;
let port: number;
let oidc: OidcConfig;
const clock = new ManualClock(Date.now());
const calls: { url: string; body: string; authorization: string }[] = [];
let tokenAnswer: (form: URLSearchParams) => { status: number; body: unknown };
let claims: Record<string, unknown>;

const idToken = (more: Record<string, unknown> = {}): string => {
  const payload = { iss: issuer, aud: "client", sub: "user-1", exp: Math.floor(clock.now() / 1000) + 600, ...more };
  const text = [{ alg: "HS256" }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${createHmac("sha256", "k").update(text).digest("base64url")}`;
};

const good = (): { status: number; body: unknown } => ({
  status: 200,
  body: { access_token: "access", refresh_token: "refresh", expires_in: 300, id_token: idToken() },
});

before(async () => {
  app = await upstream((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  provider = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      calls.push({ url: request.url ?? "", body, authorization: request.headers.authorization ?? "" });
      const answer = request.url === "/token" ? tokenAnswer(new URLSearchParams(body)) : { status: 200, body: claims };
      response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  oidc = {
    issuer,
    authorizationEndpoint: "https://idp.test/authorize?tenant=7",
    tokenEndpoint: `${base}/token`,
    userInfoEndpoint: `${base}/userinfo`,
    clientId: "client",
    clientSecret: { purpose: "test", bound: "rule", value: "" },
    sessionCookieName: "AWSELBAuthSessionCookie",
    scope: "openid email",
    sessionTimeoutSeconds: 3600,
    extraParams: { prompt: "login" },
    onUnauthenticated: "authenticate",
  };
  port = await freePort();
  edge = testEdge({
    clock,
    authenticator: new OidcAuthenticator({ clock, random: systemRandom, secret, secretOf: () => "hush" }),
  });
});

beforeEach(async () => {
  calls.length = 0;
  tokenAnswer = good;
  claims = { sub: "user-1", email: "user@example.com" };
  await apply({});
});

after(async () => {
  await edge.edge.close(50);
  await app.close();
  provider.closeAllConnections();
  provider.close();
});

const apply = (more: Partial<OidcConfig>, egress = frontEnd().egress): Promise<void> =>
  edge.apply({
    frontEnds: [frontEnd({ egress })],
    listeners: [
      listener(port, {
        protocol: "HTTPS",
        tls: { policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", certificates: [certificateArn] },
        rules: [rule([{ type: "authenticate-oidc", oidc: { ...oidc, ...more } }, toGroup])],
      }),
    ],
    targetGroups: [targetGroup([target(app.port)])],
    certificates: [web],
  });
const web = certificate("web.test", certificateArn);

interface Answer {
  status: number;
  location: string;
  body: string;
  cookies: string[];
}

function ask(path: string, cookies: readonly string[] = [], headers: Record<string, string> = {}): Promise<Answer> {
  const options: RequestOptions = {
    host: "127.0.0.1",
    port,
    path,
    agent: false,
    rejectUnauthorized: false,
    headers: { host: "web.test", ...(cookies.length > 0 ? { cookie: cookies.join("; ") } : {}), ...headers },
  };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location ?? "",
          body,
          cookies: (response.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0]!),
        }),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

/** As far as the provider, and back with a code. */
async function signIn(): Promise<{ back: Answer; state: string; nonce: string[] }> {
  const sent = await ask("/private?a=b");
  const state = new URL(sent.location).searchParams.get("state") ?? "";
  const back = await ask(`/oauth2/idpresponse?code=xyz&state=${encodeURIComponent(state)}`, sent.cookies);
  return { back, state, nonce: sent.cookies };
}

test("who is not signed in is sent to the provider", async () => {
  const { status, location } = await ask("/private?a=b");
  assert.equal(status, 302);
  const url = new URL(location);
  assert.equal(`${url.origin}${url.pathname}`, "https://idp.test/authorize");
  const { state, ...parameters } = Object.fromEntries(url.searchParams);
  assert.ok(state);
  assert.deepEqual(parameters, {
    tenant: "7",
    prompt: "login",
    client_id: "client",
    redirect_uri: "https://web.test/oauth2/idpresponse",
    response_type: "code",
    scope: "openid email",
  });
});

test("who comes back with a code gets a session and goes where it wanted; the target is told who it is, and can tell that it is true", async () => {
  const { back } = await signIn();
  assert.equal(back.status, 302);
  assert.equal(back.location, "https://web.test/private?a=b");
  const { url, body, authorization } = calls[0]!;
  assert.equal(url, "/token");
  assert.equal(authorization, `Basic ${Buffer.from("client:hush").toString("base64")}`);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "authorization_code",
    code: "xyz",
    redirect_uri: "https://web.test/oauth2/idpresponse",
  });
  assert.equal(calls[1]?.authorization, "Bearer access");
  const session = back.cookies.filter((cookie) => cookie.startsWith("AWSELBAuthSessionCookie-0="));
  const { status, body: text } = await ask("/private?a=b", session, { "x-amzn-oidc-identity": "admin" });
  assert.equal(status, 200);
  const { headers } = JSON.parse(text) as { headers: Record<string, string> };
  assert.equal(headers["x-amzn-oidc-identity"], "user-1");
  assert.equal(headers["x-amzn-oidc-accesstoken"], "access");
  const [head = "", payload = "", signature = ""] = headers["x-amzn-oidc-data"]!.split(".");
  const { kid, alg, iss, client } = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, string>;
  assert.deepEqual([alg, iss, client], ["ES256", issuer, "client"]);
  const key = await ask(`/${kid}`, [], { host: "public-keys.auth.elb.us-east-1.localhost" });
  const publicKey = { key: createPublicKey(key.body), dsaEncoding: "ieee-p1363" } as const;
  assert.ok(verify("sha256", Buffer.from(`${head}.${payload}`), publicKey, Buffer.from(signature, "base64url")));
  assert.equal(
    (JSON.parse(Buffer.from(payload, "base64url").toString()) as { email: string }).email,
    "user@example.com",
  );
});

test("a session cookie that was not sealed here, or for another provider, is none", async () => {
  const { back } = await signIn();
  const [session = ""] = back.cookies.filter((cookie) => cookie.startsWith("AWSELBAuthSessionCookie-0="));
  assert.equal((await ask("/", [`${session.slice(0, -6)}AAAAAA`])).status, 302);
  await apply({ clientId: "another" });
  assert.equal((await ask("/", [session])).status, 302);
});

test("a login that another browser began does not end in a session", async () => {
  const { state } = await signIn();
  calls.length = 0;
  const stolen = await ask(`/oauth2/idpresponse?code=xyz&state=${encodeURIComponent(state)}`, [
    "AWSALBAuthNonce=other",
  ]);
  assert.equal(stolen.status, 401);
  assert.equal((await ask(`/oauth2/idpresponse?code=xyz&state=${encodeURIComponent(state)}`)).status, 401);
  assert.deepEqual(calls, []);
});

for (const [what, answer, status, reason] of [
  [
    "the provider refuses the code",
    () => ({ status: 400, body: { error: "invalid_grant" } }),
    561,
    "AuthInvalidGrantError",
  ],
  ["there is no ID token", () => ({ status: 200, body: { access_token: "access" } }), 401, "AuthInvalidIdToken"],
  [
    "the ID token is for somebody else",
    () => ({ status: 200, body: { access_token: "a", id_token: idToken({ aud: "x" }) } }),
    401,
    "AuthInvalidIdToken",
  ],
  [
    "the ID token is another issuer's",
    () => ({ status: 200, body: { access_token: "a", id_token: idToken({ iss: "x" }) } }),
    401,
    "AuthInvalidIdToken",
  ],
  [
    "the ID token has run out",
    () => ({ status: 200, body: { access_token: "a", id_token: idToken({ exp: 1 }) } }),
    401,
    "AuthInvalidIdToken",
  ],
  [
    "user info is about another user",
    () => ({ status: 200, body: { access_token: "a", id_token: idToken({ sub: "user-2" }) } }),
    401,
    "AuthInvalidUserinfoResponse",
  ],
] as const) {
  test(`${what}: ${status}`, async () => {
    tokenAnswer = answer;
    const { back } = await signIn();
    assert.equal(back.status, status);
    assert.ok(!back.cookies.some((cookie) => cookie.startsWith("AWSELBAuthSessionCookie")));
    assert.equal(edge.finished.at(-1)?.errorReason, reason);
  });
}

test("a provider that no security group lets out to is not asked: 504", async () => {
  await apply({}, [{ fromPort: app.port, toPort: app.port, cidrs: ["127.0.0.1/32"] }]);
  const { back } = await signIn();
  assert.equal(back.status, 504);
  while (edge.finished.at(-1)?.status !== 504) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(edge.finished.at(-1)?.errorReason, "AuthTokenEpRequestTimeout");
  assert.deepEqual(calls, []);
});

test("an access token that has run out is refreshed; a session that has run out is not", async () => {
  const { back } = await signIn();
  const session = back.cookies.filter((cookie) => cookie.startsWith("AWSELBAuthSessionCookie-0="));
  clock.advance(400_000);
  calls.length = 0;
  tokenAnswer = (form) => ({
    status: 200,
    body: { access_token: `new-${form.get("refresh_token")}`, expires_in: 300 },
  });
  const { status, body, cookies } = await ask("/", session);
  assert.equal(status, 200);
  assert.equal(
    (JSON.parse(body) as { headers: Record<string, string> }).headers["x-amzn-oidc-accesstoken"],
    "new-refresh",
  );
  assert.ok(cookies.some((cookie) => cookie.startsWith("AWSELBAuthSessionCookie-0=")));
  clock.advance(3_600_000);
  assert.equal((await ask("/", session)).status, 302);
});

test("deny answers 401, allow lets the request through without a user", async () => {
  await apply({ onUnauthenticated: "deny" });
  assert.equal((await ask("/")).status, 401);
  await apply({ onUnauthenticated: "allow" });
  const { status, body } = await ask("/", [], { "x-amzn-oidc-data": "made up" });
  assert.equal(status, 200);
  assert.equal((JSON.parse(body) as { headers: Record<string, string> }).headers["x-amzn-oidc-data"], undefined);
});

test("claims that take several cookies", async () => {
  claims = { sub: "user-1", groups: Array.from({ length: 300 }, (_, index) => `group-${index}`) };
  const { back } = await signIn();
  const session = back.cookies.filter((cookie) => cookie.startsWith("AWSELBAuthSessionCookie-"));
  assert.ok(session.length >= 2);
  assert.equal((await ask("/", session)).status, 200);
  assert.equal((await ask("/", session.slice(0, 1))).status, 302);
});
