/** Requests that were signed for one thing and are sent as another, and bytes that two readers could read differently. */
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { CreateKeyCommand, DescribeKeyCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CreateRoleCommand } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { startInstance, type Instance } from "../instance.ts";
import { administrator, credentialsOf, person, policy, refusal, type Person } from "./people.ts";
import { writesFrom } from "./state.ts";

let instance: Instance;
let admin: Person;

before(async () => {
  instance = await startInstance();
  admin = administrator(instance);
  await admin.s3.send(new CreateBucketCommand({ Bucket: "wire", ObjectLockEnabledForBucket: true }));
  await admin.s3.send(new PutObjectCommand({ Bucket: "wire", Key: "k", Body: "secret" }));
});
after(() => instance?.stop());

interface Sent {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** What an SDK client would have sent, before it is sent. */
async function signed(client: { send(command: never): Promise<unknown> }, command: object): Promise<Sent> {
  let sent: Sent | undefined;
  const stack = (command as { middlewareStack: { add(step: unknown, options: object): void } }).middlewareStack;
  stack.add(
    () => async (args: { request: Record<string, any> }) => {
      const { method, protocol, hostname, port, path, query, headers, body } = args.request as {
        [name: string]: any;
      };
      const pairs = Object.entries(query as Record<string, string>).map(
        ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
      );
      const url = `${protocol}//${hostname}:${port}${path}${pairs.length > 0 ? `?${pairs.join("&")}` : ""}`;
      sent = { method, url, headers: { ...headers }, body: body === undefined ? "" : Buffer.from(body).toString() };
      throw new Error("held back");
    },
    { step: "finalizeRequest", priority: "low", name: "holdBack" },
  );
  await client.send(command as never).catch(() => undefined);
  return sent!;
}

async function answer({ method, url, headers, body }: Sent): Promise<{ status: number; text: string }> {
  const { host: _host, "content-length": _length, ...rest } = headers;
  const noBody = method === "GET" || method === "HEAD" || body === "";
  const response = await fetch(url, { method, headers: rest, ...(noBody ? {} : { body }) });
  return { status: response.status, text: await response.text() };
}

/** Bytes on a connection, and everything that comes back until it ends or says nothing for a while. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(instance.endpoint);
    const socket = connect(Number(port), hostname, () => socket.write(bytes, "latin1"));
    let text = "";
    socket.setTimeout(1000, () => socket.destroy());
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}

const statuses = (text: string) => [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));

describe("a signature holds for one request", () => {
  let kms: Sent;
  before(async () => {
    const { KeyMetadata } = await admin.kms.send(new CreateKeyCommand({}));
    kms = await signed(admin.kms, new DescribeKeyCommand({ KeyId: KeyMetadata!.KeyId! }));
  });

  test("as it is, it is served", async () => {
    assert.equal((await answer(kms)).status, 200);
  });

  const changed: readonly [what: string, change: (sent: Sent) => Sent][] = [
    [
      "another operation",
      (s) => ({ ...s, headers: { ...s.headers, "x-amz-target": "TrentService.ScheduleKeyDeletion" } }),
    ],
    ["another service", (s) => ({ ...s, headers: { ...s.headers, "x-amz-target": "CloudTrail_20131101.ListTrails" } })],
    ["another body", (s) => ({ ...s, body: s.body.replace("}", " }") })],
    ["another host", (s) => ({ ...s, url: s.url.replace("127.0.0.1", "localhost") })],
    ["an operation in the query", (s) => ({ ...s, url: `${s.url}?Action=ListUsers&Version=2010-05-08` })],
    ["another path", (s) => ({ ...s, url: `${s.url}x` })],
    ["another date", (s) => ({ ...s, headers: { ...s.headers, "x-amz-date": "20260101T000000Z" } })],
    [
      "another Region",
      (s) => ({
        ...s,
        headers: { ...s.headers, authorization: s.headers["authorization"]!.replace("us-east-1", "us-west-2") },
      }),
    ],
    [
      "another service's name",
      (s) => ({
        ...s,
        headers: { ...s.headers, authorization: s.headers["authorization"]!.replace("/kms/", "/iam/") },
      }),
    ],
    [
      "no target among the signed headers",
      (s) => ({
        ...s,
        headers: { ...s.headers, authorization: s.headers["authorization"]!.replace(";x-amz-target", "") },
      }),
    ],
    ["a token that was not signed", (s) => ({ ...s, headers: { ...s.headers, "x-amz-security-token": "x" } })],
    ["both ways of signing", (s) => ({ ...s, url: `${s.url}?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256` })],
  ];
  for (const [what, change] of changed) {
    test(`not for ${what}`, async () => {
      const writes = await writesFrom(instance);
      const { status, text } = await answer(change(kms));
      assert.ok(status >= 400 && status < 500, `${status} ${text}`);
      assert.doesNotMatch(text, /KeyMetadata|trailList|<User/);
      assert.deepEqual(await writes(), []);
    });
  }

  const unsigned = [
    ["x-amz-acl", "public-read"],
    ["x-amz-copy-source", "wire/k"],
    ["x-amz-server-side-encryption", "AES256"],
    ["x-amz-object-lock-legal-hold", "ON"],
    ["x-amz-bypass-governance-retention", "true"],
    ["x-amz-tagging", "a=b"],
    ["x-amz-meta-a", "b"],
    ["x-amz-website-redirect-location", "/x"],
  ] as const;
  test("headers that change what S3 does must be signed", async () => {
    const put = await signed(admin.s3, new PutObjectCommand({ Bucket: "wire", Key: "unsigned", Body: "x" }));
    const url = await getSignedUrl(
      admin.s3 as never,
      new PutObjectCommand({ Bucket: "wire", Key: "unsigned" }) as never,
    );
    const writes = await writesFrom(instance);
    for (const [name, value] of unsigned) {
      const byHeader = await answer({ ...put, headers: { ...put.headers, [name]: value } });
      const byUrl = await answer({ method: "PUT", url, headers: { [name]: value }, body: "x" });
      for (const { status, text } of [byHeader, byUrl]) {
        assert.equal(status, 403, name);
        assert.match(text, /<Code>(AccessDenied|SignatureDoesNotMatch)<\/Code>/);
      }
    }
    assert.deepEqual(await writes(), []);
  });

  test("a link to read an object is for nothing else", async () => {
    const url = await getSignedUrl(admin.s3 as never, new GetObjectCommand({ Bucket: "wire", Key: "k" }) as never);
    assert.equal((await answer({ method: "GET", url, headers: {}, body: "" })).text, "secret");
    const writes = await writesFrom(instance);
    const tried: Sent[] = [
      ...["HEAD", "DELETE", "PUT", "POST"].map((method) => ({ method, url, headers: {}, body: "" })),
      ...[
        "&acl",
        "&versionId=null",
        "&tagging",
        "&uploads",
        "&response-content-type=text/html",
        "&x-id=DeleteObject",
      ].map((more) => ({ method: "GET", url: url + more, headers: {}, body: "" })),
      { method: "GET", url: url.replace("/wire/k", "/wire/%6B2"), headers: {}, body: "" },
      { method: "GET", url: url.replace("/wire/k", "/wire/k%252F..%252Fk"), headers: {}, body: "" },
      { method: "GET", url: url.replace("/wire/k", "/wire//k"), headers: {}, body: "" },
      { method: "GET", url: url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"), headers: {}, body: "" },
      { method: "GET", url: `${url}&X-Amz-Expires=90000`, headers: {}, body: "" },
    ];
    for (const one of tried) {
      const { status } = await answer(one);
      assert.ok(status === 403 || status === 400 || status === 405, `${one.method} ${one.url}: ${status}`);
    }
    const { status } = await answer({ method: "GET", url, headers: { "x-http-method-override": "DELETE" }, body: "" });
    assert.equal(status, 200);
    assert.deepEqual(await writes(), []);
  });

  test("an old link to write an object does not set its retention or hold", async () => {
    const { accessKeyId, secretAccessKey } = instance.ready;
    const Expires = String(Math.floor(Date.now() / 1000) + 600);
    const signature = createHmac("sha1", secretAccessKey).update(`PUT\n\n\n${Expires}\n/wire/k`).digest("base64");
    const query = `AWSAccessKeyId=${accessKeyId}&Expires=${Expires}&Signature=${encodeURIComponent(signature)}`;
    const url = `${instance.endpoint}/wire/k?${query}`;
    const bare = { method: "PUT", headers: {} };
    assert.equal((await answer({ ...bare, url, body: "" })).status, 200);
    const writes = await writesFrom(instance);
    const hold = "<LegalHold><Status>ON</Status></LegalHold>";
    for (const [more, body] of [
      ["legal-hold", hold],
      ["retention", "<Retention/>"],
      ["acl", ""],
      ["tagging", "<Tagging/>"],
    ]) {
      const { status, text } = await answer({ ...bare, url: `${url}&${more}`, body: body! });
      assert.match(text, /<Code>(InvalidRequest|SignatureDoesNotMatch)<\/Code>/, `${more}: ${status} ${text}`);
    }
    assert.deepEqual(await writes(), []);
  });

  test("the token of another session is no token", async () => {
    const trust = policy({ Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" });
    const { Role } = await admin.iam.send(new CreateRoleCommand({ RoleName: "two", AssumeRolePolicyDocument: trust }));
    const open = async (RoleSessionName: string) =>
      credentialsOf(
        (await admin.sts.send(new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName }))).Credentials,
      );
    const [one, other] = [await open("one"), await open("other")];
    const { sessionToken: _, ...none } = one;
    for (const credentials of [{ ...one, sessionToken: other.sessionToken! }, none, { ...none, sessionToken: "x" }]) {
      const caller = person(instance, credentials);
      assert.equal(await refusal(caller.sts.send(new GetCallerIdentityCommand({}))), "InvalidClientTokenId");
      assert.match(
        await refusal(caller.s3.send(new GetObjectCommand({ Bucket: "wire", Key: "k" }))),
        /^InvalidToken|InvalidAccessKeyId$/,
      );
    }
  });
});

describe("one request is one request", () => {
  const head = () => `Host: ${new URL(instance.endpoint).host}\r\n`;
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const ambiguous: readonly [what: string, bytes: () => string][] = [
    [
      "both lengths",
      () => `POST / HTTP/1.1\r\n${head()}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "two lengths",
      () => `POST / HTTP/1.1\r\n${head()}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    ],
    [
      "a list of codings",
      () => `POST / HTTP/1.1\r\n${head()}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "a coding with a tab",
      () => `POST / HTTP/1.1\r\n${head()}Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    ["a space before the colon", () => `POST / HTTP/1.1\r\n${head()}Content-Length : 5\r\n\r\n${smuggled}`],
    ["a folded header", () => `POST / HTTP/1.1\r\n${head()}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ["bare line feeds", () => `POST / HTTP/1.1\n${head()}Content-Length: 0\n\n${smuggled}`],
    ["two hosts", () => `GET / HTTP/1.1\r\n${head()}${head()}\r\n`],
    ["two authorizations", () => `GET / HTTP/1.1\r\n${head()}Authorization: a\r\nAuthorization: b\r\n\r\n`],
    ["a host with a path", () => `GET / HTTP/1.1\r\nHost: a/b\r\n\r\n`],
    ["a length in octal", () => `POST / HTTP/1.1\r\n${head()}Content-Length: 0x4\r\n\r\nabcd`],
    ["a signed length", () => `POST / HTTP/1.1\r\n${head()}Content-Length: +4\r\n\r\nabcd`],
  ];
  for (const [what, bytes] of ambiguous) {
    test(`${what}: refused, and nothing after it is read`, async () => {
      const found = statuses(await raw(bytes()));
      assert.ok(found.length <= 1, `answered ${found.join(", ")}`);
      for (const status of found) assert.equal(status, 400);
    });
  }

  test("nothing that comes back in a header ends it", async () => {
    const lines = "a\r\nSet-Cookie: x=1\r\n\r\n<script>";
    const command = new GetObjectCommand({
      Bucket: "wire",
      Key: "k",
      ResponseContentDisposition: lines,
      ResponseContentType: lines,
    });
    const url = new URL(await getSignedUrl(admin.s3 as never, command as never));
    const text = await raw(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${head()}Connection: close\r\n\r\n`);
    assert.deepEqual(statuses(text), [400]);
    assert.doesNotMatch(text, /^set-cookie/im);
    const lone = await raw(`GET /wire/%0d%0aSet-Cookie:%20x=1 HTTP/1.1\r\n${head()}Connection: close\r\n\r\n`);
    assert.doesNotMatch(lone, /^set-cookie/im);
  });

  test("an origin that is allowed is not one that only looks like it", async () => {
    const CORSRules = [{ AllowedMethods: ["GET"], AllowedOrigins: ["https://*.example.com", "https://app.test"] }];
    await admin.s3.send(new PutBucketCorsCommand({ Bucket: "wire", CORSConfiguration: { CORSRules } }));
    const allowed = async (origin: string) =>
      (await fetch(`${instance.endpoint}/wire/k`, { headers: { origin } })).headers.get("access-control-allow-origin");
    assert.equal(await allowed("https://a.example.com"), "https://a.example.com");
    for (const origin of [
      "https://example.com.evil",
      "https://app.test.evil",
      "http://app.test",
      "https://appxtest",
      "null",
    ]) {
      assert.equal(await allowed(origin), null, origin);
    }
  });

  test("readers who go away do not end the process", async () => {
    const Body = Buffer.alloc(4 * 1024 * 1024);
    await admin.s3.send(new PutObjectCommand({ Bucket: "wire", Key: "large", Body }));
    const url = new URL(
      await getSignedUrl(admin.s3 as never, new GetObjectCommand({ Bucket: "wire", Key: "large" }) as never),
    );
    for (let i = 0; i < 40; i++) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(Number(url.port), url.hostname, () => {
          socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${head()}\r\n`);
        });
        socket.once("data", () => socket.destroy());
        socket.once("error", reject);
        socket.once("close", () => resolve());
      });
    }
    const pids = await instance.rolePids();
    await admin.s3.send(new HeadObjectCommand({ Bucket: "wire", Key: "large" }));
    assert.deepEqual(await instance.rolePids(), pids);
  });
});
