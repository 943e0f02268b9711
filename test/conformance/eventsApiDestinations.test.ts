/** API destinations of EventBridge against an HTTPS server of this test: authorization, parameters, retries, rates, secrets. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EventBridge, type CreateConnectionAuthRequestParameters, type Target } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, type Instance, startInstance } from "../instance.ts";

interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let folder: string;
let instance: Instance;
let events: EventBridge;
let server: Server;
let base: string;
let RoleArn: string;
const received: Received[] = [];
/** How the server answers a path; 200 otherwise. */
const answers = new Map<string, (request: Received) => { status: number; body?: string }>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-destinations-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const got = { method, url, headers, body: Buffer.concat(chunks).toString() };
      received.push(got);
      const { status, body = "" } = answers.get(new URL(url, "https://x").pathname)?.(got) ?? { status: 200 };
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  base = `https://localhost:${(server.address() as AddressInfo).port}`;
  instance = await startInstance({ dataDir: join(folder, "data"), env: { NODE_EXTRA_CA_CERTS: cert } });
  events = new EventBridge(instance.client);
  RoleArn = await newRole("invokes", "*");
});

after(async () => {
  await instance?.stop();
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function newRole(RoleName: string, Resource: string): Promise<string> {
  const iam = new IAM(instance.client);
  const trust = { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sts:AssumeRole" };
  const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
  const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument: document(trust) });
  const PolicyDocument = document({ Effect: "Allow", Action: "events:InvokeApiDestination", Resource });
  await iam.putRolePolicy({ RoleName, PolicyName: "invoke", PolicyDocument });
  return Role!.Arn!;
}

async function destination(
  Name: string,
  AuthorizationType: "API_KEY" | "BASIC" | "OAUTH_CLIENT_CREDENTIALS",
  AuthParameters: CreateConnectionAuthRequestParameters,
  { target = {}, path = `/${Name}`, rate }: { target?: Partial<Target>; path?: string; rate?: number } = {},
): Promise<void> {
  const { ConnectionArn } = await events.createConnection({ Name, AuthorizationType, AuthParameters });
  const { ApiDestinationArn } = await events.createApiDestination({
    Name,
    ConnectionArn,
    InvocationEndpoint: base + path,
    HttpMethod: "POST",
    ...(rate === undefined ? {} : { InvocationRateLimitPerSecond: rate }),
  });
  await events.putRule({ Name, EventPattern: JSON.stringify({ source: [`app.${Name}`] }) });
  const put = await events.putTargets({
    Rule: Name,
    Targets: [{ Id: "a", Arn: ApiDestinationArn!, RoleArn, ...target }],
  });
  assert.equal(put.FailedEntryCount, 0);
}

const send = (name: string, detail: object = {}) =>
  events.putEvents({ Entries: [{ Source: `app.${name}`, DetailType: "made", Detail: JSON.stringify(detail) }] });

const arrived = (path: string, count = 1) =>
  eventually(async () => {
    const found = received.filter(({ url }) => url.startsWith(path));
    return found.length >= count && found;
  });

async function deadLetters(QueueName: string) {
  const sqs = new SQS(instance.client);
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  const arn = `arn:aws:sqs:${instance.ready.region}:${instance.ready.accountId}:${QueueName}`;
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  const next = () =>
    eventually(async () => {
      const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1, MessageAttributeNames: ["All"] });
      const attributes = Messages?.[0]?.MessageAttributes;
      return (
        attributes &&
        Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue]))
      );
    });
  return { arn, next };
}

test("an API key, and the parameters of connection and target", async () => {
  const InvocationHttpParameters = {
    HeaderParameters: [{ Key: "x-team", Value: "blue", IsValueSecret: false }],
    QueryStringParameters: [{ Key: "tenant", Value: "t 1", IsValueSecret: true }],
    BodyParameters: [{ Key: "added", Value: "yes", IsValueSecret: false }],
  };
  const HttpParameters = {
    PathParameterValues: ["$.detail.id"],
    HeaderParameters: { "x-name": "$.detail.name", "x-team": "red" },
    QueryStringParameters: { q: "fixed" },
  };
  await destination(
    "key",
    "API_KEY",
    { ApiKeyAuthParameters: { ApiKeyName: "X-Api-Key", ApiKeyValue: "key-secret-1" }, InvocationHttpParameters },
    { path: "/key/*/end", target: { HttpParameters, InputPath: "$.detail" } },
  );
  await send("key", { id: "a/b", name: "Ann" });
  const [request] = await arrived("/key/");
  assert.equal(request!.url, "/key/a%2Fb/end?q=fixed&tenant=t+1");
  assert.equal(request!.method, "POST");
  const { headers } = request!;
  assert.deepEqual(
    [headers["x-api-key"], headers["x-team"], headers["x-name"], headers["user-agent"], headers["content-type"]],
    ["key-secret-1", "blue", "Ann", "Amazon/EventBridge/ApiDestinations", "application/json; charset=utf-8"],
  );
  assert.deepEqual(JSON.parse(request!.body), { id: "a/b", name: "Ann", added: "yes" });
  const { AuthParameters, ConnectionState } = await events.describeConnection({ Name: "key" });
  assert.equal(ConnectionState, "AUTHORIZED");
  assert.deepEqual(AuthParameters!.ApiKeyAuthParameters, { ApiKeyName: "X-Api-Key" });
  assert.deepEqual(AuthParameters!.InvocationHttpParameters!.QueryStringParameters, [
    { Key: "tenant", IsValueSecret: true },
  ]);
});

test("a user and a password; an endpoint that fails for a while is tried again", async () => {
  let failures = 1;
  answers.set("/basic", () => ({ status: failures-- > 0 ? 503 : 200 }));
  await destination("basic", "BASIC", { BasicAuthParameters: { Username: "u", Password: "basic-secret-1" } });
  await send("basic", { n: 1 });
  const [, again] = await arrived("/basic", 2);
  assert.equal(again!.headers.authorization, `Basic ${Buffer.from("u:basic-secret-1").toString("base64")}`);
  assert.equal(JSON.parse(again!.body).detail.n, 1);
});

test("a refusal is final, and an exhausted policy too: both go to the dead-letter queue", async () => {
  const dead = await deadLetters("dead");
  const DeadLetterConfig = { Arn: dead.arn };
  answers.set("/refuses", () => ({ status: 400, body: "no" }));
  const secret = { BasicAuthParameters: { Username: "u", Password: "p" } };
  await destination("refuses", "BASIC", secret, { target: { DeadLetterConfig } });
  await send("refuses");
  const first = await dead.next();
  assert.deepEqual(
    [first["ERROR_CODE"], first["RETRY_ATTEMPTS"], first["EXHAUSTED_RETRY_CONDITION"]],
    ["ERROR_FROM_TARGET", "0", undefined],
  );
  answers.set("/down", () => ({ status: 500 }));
  await destination("down", "BASIC", secret, {
    target: { DeadLetterConfig, RetryPolicy: { MaximumRetryAttempts: 1 } },
  });
  await send("down");
  const second = await dead.next();
  assert.deepEqual(
    [second["ERROR_CODE"], second["RETRY_ATTEMPTS"], second["EXHAUSTED_RETRY_CONDITION"]],
    ["ERROR_FROM_TARGET", "1", "MaximumRetryAttempts"],
  );
  assert.equal(received.filter(({ url }) => url === "/down").length, 2);
});

test("a role that may not invoke it does not", async () => {
  const dead = await deadLetters("dead-role");
  const other = await newRole("invokes-others", "arn:aws:events:*:*:api-destination/other/*");
  const target = { RoleArn: other, DeadLetterConfig: { Arn: dead.arn } };
  await destination("closed", "BASIC", { BasicAuthParameters: { Username: "u", Password: "p" } }, { target });
  await send("closed");
  assert.equal((await dead.next())["ERROR_CODE"], "NO_PERMISSIONS");
  assert.equal(received.filter(({ url }) => url === "/closed").length, 0);
});

test("OAuth: a token is asked for, used, and asked for anew when it is refused", async () => {
  let issued = 0;
  const accepted = new Set<string>();
  answers.set("/token", ({ body, method }) => {
    const form = new URLSearchParams(body);
    const right = method === "POST" && form.get("client_secret") === "oauth-secret-1" && form.get("scope") === "write";
    if (!right || form.get("grant_type") !== "client_credentials") return { status: 401 };
    const token = `token-${++issued}`;
    accepted.add(token);
    return { status: 200, body: JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3600 }) };
  });
  answers.set("/oauth", ({ headers }) => ({
    status: accepted.has((headers.authorization ?? "").slice(7)) ? 200 : 401,
  }));
  const OAuthParameters = {
    AuthorizationEndpoint: `${base}/token`,
    HttpMethod: "POST" as const,
    ClientParameters: { ClientID: "client", ClientSecret: "oauth-secret-1" },
    OAuthHttpParameters: { BodyParameters: [{ Key: "scope", Value: "write", IsValueSecret: false }] },
  };
  await destination("oauth", "OAUTH_CLIENT_CREDENTIALS", { OAuthParameters });
  await eventually(async () => (await events.describeConnection({ Name: "oauth" })).ConnectionState === "AUTHORIZED");
  assert.equal((await events.describeApiDestination({ Name: "oauth" })).ApiDestinationState, "ACTIVE");
  await send("oauth");
  await arrived("/oauth");
  assert.equal(issued, 1);
  accepted.clear();
  await send("oauth");
  const requests = await arrived("/oauth", 3);
  assert.equal(requests.at(-1)!.headers.authorization, "Bearer token-2");

  const ClientParameters = { ClientID: "client", ClientSecret: "wrong" };
  await events.updateConnection({ Name: "oauth", AuthParameters: { OAuthParameters: { ClientParameters } } });
  const refused = await eventually(async () => {
    const shown = await events.describeConnection({ Name: "oauth" });
    return shown.ConnectionState === "DEAUTHORIZED" && shown;
  });
  assert.match(refused.StateReason!, /401/);
  assert.equal((await events.describeApiDestination({ Name: "oauth" })).ApiDestinationState, "INACTIVE");
});

test("no faster than the rate that was set", async () => {
  await destination("slow", "BASIC", { BasicAuthParameters: { Username: "u", Password: "p" } }, { rate: 2 });
  const times: number[] = [];
  answers.set("/slow", () => {
    times.push(performance.now());
    return { status: 200 };
  });
  await Promise.all([1, 2, 3, 4, 5].map((n) => send("slow", { n })));
  await arrived("/slow", 5);
  // Two in each second of the clock: five take at least two changes of second.
  assert.ok(times.at(-1)! - times[0]! > 1000, `${times.at(-1)! - times[0]!} ms`);
});

test("connections are refused, deauthorized and deleted", async () => {
  const create = (more: object) =>
    events.createConnection({ Name: "c", AuthorizationType: "BASIC", AuthParameters: {}, ...more });
  const refused = (message: RegExp) => ({ name: "ValidationException", message });
  await assert.rejects(create({}), refused(/BasicAuthParameters must be specified/));
  const ConnectionArn = (await events.describeConnection({ Name: "key" })).ConnectionArn!;
  const api = (InvocationEndpoint: string) =>
    events.createApiDestination({ Name: "plain", ConnectionArn, InvocationEndpoint, HttpMethod: "POST" });
  await assert.rejects(api("http://localhost/"), refused(/HTTPS/));
  await assert.rejects(events.describeConnection({ Name: "none" }), {
    name: "ResourceNotFoundException",
    message: "Failed to describe the connection(s). Connection 'none' does not exist.",
  });
  await assert.rejects(events.deleteConnection({ Name: "key" }), refused(/an API destination uses it/));
  await events.deauthorizeConnection({ Name: "key" });
  const shown = await events.describeConnection({ Name: "key" });
  assert.deepEqual([shown.ConnectionState, shown.AuthParameters], ["DEAUTHORIZED", {}]);
  await events.deleteApiDestination({ Name: "key" });
  assert.equal((await events.deleteConnection({ Name: "key" })).ConnectionState, "DELETING");
});

test("no secret is on the disk in the clear", async () => {
  const secrets = ["key-secret-1", "basic-secret-1", "oauth-secret-1", "token-1", "token-2"];
  const names = await readdir(instance.dataDir, { recursive: true, withFileTypes: true });
  for (const file of names.filter((each) => each.isFile())) {
    const bytes = await readFile(join(file.parentPath, file.name));
    for (const secret of secrets) assert.ok(!bytes.includes(secret), `${secret} in ${file.name}`);
  }
});
