/** TLS as openssl sees it: policies by name, certificates by name and their change. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:tls";
import { after, before, test } from "node:test";
import { attributes, certificate, freePort, frontEnd, listener, rule, testEdge, type TestEdge } from "./testing.ts";
import { readClientHello } from "./clientHello.ts";

const arn = (id: string): string => `arn:aws:acm:us-east-1:123456789012:certificate/${id}`;
const web = certificate("web.test", arn("web"));
const wild = certificate("*.shop.test", arn("wild"));
const renewed = certificate("web.test", arn("web"));

let edge: TestEdge;
let port: number;

before(async () => {
  port = await freePort();
  edge = testEdge();
});
after(() => edge.edge.close(100));

async function apply(policy: string, more: { certificates?: (typeof web)[]; http2?: boolean } = {}): Promise<void> {
  const { certificates = [web, wild], http2 = true } = more;
  await edge.apply({
    frontEnds: [frontEnd({ attributes: { ...attributes, http2 } })],
    listeners: [
      listener(port, {
        protocol: "HTTPS",
        tls: { policy, certificates: certificates.map((each) => each.arn) },
        rules: [rule([{ type: "fixed-response", status: 200, body: "ok" }])],
      }),
    ],
    certificates,
  });
}

/** Protocol and cipher of a handshake, or undefined when there is none. */
function openssl(...args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-brief", ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.on("close", () => {
      const protocol = /Protocol version: (\S+)/.exec(text)?.[1];
      const cipher = /Ciphersuite: (\S+)/.exec(text)?.[1];
      resolve(protocol && cipher ? `${protocol} ${cipher}` : undefined);
    });
    child.stdin.end();
  });
}

const tls13 = ["-tls1_3"];
const tls12 = ["-tls1_2"];
const tls11 = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
const tls10 = ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"];
const with12 = (cipher: string): string[] => ["-tls1_2", "-cipher", `${cipher}@SECLEVEL=0`];

for (const [policy, args, expected] of [
  ["TLS13-1-2-2021-06", tls13, "TLSv1.3 TLS_AES_128_GCM_SHA256"],
  ["TLS13-1-2-2021-06", tls12, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS13-1-2-2021-06", tls11, undefined],
  ["TLS13-1-2-2021-06", with12("ECDHE-RSA-AES128-SHA"), undefined],
  ["TLS13-1-2-2021-06", with12("AES128-GCM-SHA256"), undefined],
  ["TLS13-1-2-Ext1-2021-06", with12("AES128-GCM-SHA256"), "TLSv1.2 AES128-GCM-SHA256"],
  ["TLS13-1-2-Ext2-2021-06", with12("ECDHE-RSA-AES128-SHA"), "TLSv1.2 ECDHE-RSA-AES128-SHA"],
  ["TLS13-1-2-Res-2021-06", with12("ECDHE-RSA-AES128-SHA256"), undefined],
  ["TLS13-1-3-2021-06", tls12, undefined],
  ["TLS13-1-3-2021-06", tls13, "TLSv1.3 TLS_AES_128_GCM_SHA256"],
  ["TLS13-1-0-2021-06", tls10, "TLSv1 ECDHE-RSA-AES128-SHA"],
  ["2016-08", tls13, undefined],
  ["2016-08", tls11, "TLSv1.1 ECDHE-RSA-AES128-SHA"],
  ["2016-08", with12("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"), "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS-1-1-2017-01", tls10, undefined],
  ["FS-1-2-Res-2020-10", tls12, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"],
  ["FS-1-2-Res-2020-10", with12("ECDHE-RSA-AES128-SHA256"), undefined],
] as const) {
  test(`${policy}, ${args.join(" ")}: ${expected ?? "no connection"}`, async () => {
    await apply(`ELBSecurityPolicy-${policy}`);
    assert.equal(await openssl(...args), expected);
  });
}

test("hybrid key exchange where the policy has it, and only there", async () => {
  const group = async (): Promise<string | undefined> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ecdhCurve: "X25519MLKEM768" });
      socket.on("secureConnect", () => {
        resolve(socket.getProtocol() ?? undefined);
        socket.destroy();
      });
      socket.on("error", () => resolve(undefined));
    });
  await apply("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09");
  assert.equal(await group(), "TLSv1.3");
  await apply("ELBSecurityPolicy-TLS13-1-2-Res-2021-06");
  assert.equal(await group(), undefined);
});

test("a policy that cannot be served: the listener fails and says why", async () => {
  await apply("ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04");
  const status = edge.statuses.get(listener(port).arn);
  assert.equal(status?.state, "failed");
  assert.match(status?.reason ?? "", /FIPS/);
});

function peer(servername: string | undefined): Promise<{ names: string; serial: string; alpn: string | false | null }> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
      ...(servername === undefined ? {} : { servername }),
    });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      const { subjectaltname = "", serialNumber } = socket.getPeerCertificate();
      resolve({ names: subjectaltname, serial: serialNumber, alpn: socket.alpnProtocol });
      socket.destroy();
    });
  });
}

test("the certificate is the one for the name that the client says, else the default", async () => {
  await apply("ELBSecurityPolicy-TLS13-1-2-2021-06");
  assert.equal((await peer("web.test")).names, "DNS:web.test");
  assert.equal((await peer("a.shop.test")).names, "DNS:*.shop.test");
  assert.equal((await peer("a.b.shop.test")).names, "DNS:web.test");
  assert.equal((await peer(undefined)).names, "DNS:web.test");
});

test("HTTP/2 is offered unless the load balancer does not want it", async () => {
  assert.equal((await peer("web.test")).alpn, "h2");
  await apply("ELBSecurityPolicy-TLS13-1-2-2021-06", { http2: false });
  assert.equal((await peer("web.test")).alpn, "http/1.1");
});

test("a changed certificate is used by the next handshake; connections that are up stay up", async () => {
  await apply("ELBSecurityPolicy-TLS13-1-2-2021-06");
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const status = async (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": "/" });
      stream.on("response", (headers) => resolve(headers[":status"]));
      stream.on("error", reject);
      stream.resume();
    });
  assert.equal(await status(), 200);
  await apply("ELBSecurityPolicy-TLS13-1-2-2021-06", { certificates: [renewed] });
  assert.equal((await peer("web.test")).serial, new X509Certificate(renewed.chain).serialNumber);
  assert.equal(await status(), 200);
  session.destroy();
});

test("plain HTTP on a TLS port is told so", async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(answer.status, 400);
});

test("a session is resumed", async () => {
  const first = await new Promise<Buffer>((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    socket.on("session", (session: Buffer) => {
      resolve(session);
      socket.destroy();
    });
    socket.on("error", reject);
  });
  const again = await new Promise<boolean>((resolve, reject) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
      session: first,
    });
    socket.on("secureConnect", () => {
      resolve(socket.isSessionReused());
      socket.destroy();
    });
    socket.on("error", reject);
  });
  assert.ok(again);
});

test("a ClientHello in many pieces is put together", async () => {
  const answer = await new Promise<number>((resolve, reject) => {
    const request = httpsRequest(
      { port, host: "127.0.0.1", rejectUnauthorized: false, servername: "web.test" },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on("error", reject);
    request.end();
  });
  assert.equal(answer, 200);
});

test("whatever is no ClientHello is told from one that is not whole yet", () => {
  assert.equal(readClientHello(Buffer.from("GET / HTTP/1.1\r\n")), "invalid");
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0, 5])), "more");
  assert.equal(readClientHello(Buffer.alloc(0)), "more");
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0])), "invalid");
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 255, 255])), "invalid");
});
