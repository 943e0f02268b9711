/**
 * Story 1, the users' side: curl with a cookie jar signs in through an OpenID Connect issuer in front of an application;
 * WebSocket over TLS, HTTP/2, weights and stickiness as clients see them.
 */
import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { ACM } from "@aws-sdk/client-acm";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2, type Action } from "@aws-sdk/client-elastic-load-balancing-v2";
import { run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { OidcIssuer } from "../oidcIssuer.ts";

/** Says its name and what it was sent; says back what it hears over WebSocket (short masked text frames). */
function application(name: string): Server {
  const server = createServer((request, response) => {
    response.setHeader("x-application", name);
    response.end(JSON.stringify({ name, url: request.url, headers: request.headers }));
  });
  return server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    socket.write(`${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on("error", () => {});
    socket.on("data", (frame: Buffer) => {
      if ((frame[0]! & 15) === 8) return void socket.end();
      const length = frame[1]! & 127;
      const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ frame[2 + (index % 4)]!);
      socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
    });
  });
}

const secret = "hush-hush-hush";
const port = 40_000 + (process.pid % 20_000);
let folder: string;
let instance: Instance;
let issuer: OidcIssuer;
let elb: ElasticLoadBalancingV2;
let host: string;
let loadBalancerArn: string;
let listenerArn: string;
const servers: Server[] = [];
const groups: string[] = [];

const file = (name: string) => join(folder, name);
const environment = () => ({ PATH: process.env["PATH"], HOME: folder });
const url = (path: string) => `https://${host}${path}`;
const curl = (...args: string[]) =>
  run("curl", ["-sS", "--max-time", "10", "--cacert", file("authorities.pem"), ...args], environment());

async function targetGroup(name: string): Promise<string> {
  const server = application(name);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: Port } = server.address() as AddressInfo;
  const ec2 = new EC2(instance.client);
  const { Vpcs } = await ec2.describeVpcs({});
  const made = await elb.createTargetGroup({
    Name: name,
    Protocol: "HTTP",
    Port,
    VpcId: Vpcs![0]!.VpcId!,
    TargetType: "ip",
  });
  const TargetGroupArn = made.TargetGroups![0]!.TargetGroupArn!;
  await elb.registerTargets({ TargetGroupArn, Targets: [{ Id: "127.0.0.1" }] });
  return TargetGroupArn;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-users-"));
  issuer = await OidcIssuer.start();
  await writeFile(file("issuer.pem"), issuer.certificate);
  instance = await startInstance({ env: { NODE_EXTRA_CA_CERTS: file("issuer.pem") } });
  elb = new ElasticLoadBalancingV2(instance.client);
  const ec2 = new EC2(instance.client);
  const { GroupId } = await ec2.createSecurityGroup({ GroupName: "front", Description: "front" });
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: port, ToPort: port, IpRanges: [{ CidrIp: "127.0.0.0/8" }] }];
  await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions });
  const { Subnets } = await ec2.describeSubnets({});
  const { LoadBalancers } = await elb.createLoadBalancer({
    Name: "users",
    Subnets: Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!),
    SecurityGroups: [GroupId!],
  });
  loadBalancerArn = LoadBalancers![0]!.LoadBalancerArn!;
  const name = LoadBalancers![0]!.DNSName!;
  host = `${name}:${port}`;
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=users"];
  const files = ["-addext", `subjectAltName=DNS:${name}`, "-keyout", file("key.pem"), "-out", file("cert.pem")];
  assert.equal((await run("openssl", [...made, ...files], environment())).code, 0);
  await writeFile(file("authorities.pem"), `${await readFile(file("cert.pem"), "utf8")}${issuer.certificate}`);
  const acm = new ACM(instance.client);
  const { CertificateArn } = await acm.importCertificate({
    Certificate: await readFile(file("cert.pem")),
    PrivateKey: await readFile(file("key.pem")),
  });
  groups.push(await targetGroup("one"), await targetGroup("two"));
  issuer.client = { id: "users", secret, redirectUri: url("/oauth2/idpresponse") };
  const { Listeners } = await elb.createListener({
    LoadBalancerArn: loadBalancerArn,
    Protocol: "HTTPS",
    Port: port,
    Certificates: [{ CertificateArn }],
    DefaultActions: [{ Type: "forward", TargetGroupArn: groups[0] }],
  });
  listenerArn = Listeners![0]!.ListenerArn!;
  await eventually(async () => (await curl(url("/"))).code === 0);
});

after(async () => {
  await instance?.stop();
  await issuer?.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function rule(Priority: number, path: string, Actions: Action[]): Promise<string> {
  const Conditions = [{ Field: "path-pattern", Values: [path] }];
  const { Rules } = await elb.createRule({ ListenerArn: listenerArn, Priority, Conditions, Actions });
  return Rules![0]!.RuleArn!;
}

const oidc = (ClientSecret: string): Action => ({
  Type: "authenticate-oidc",
  Order: 1,
  AuthenticateOidcConfig: {
    Issuer: issuer.url,
    AuthorizationEndpoint: `${issuer.url}/authorize`,
    TokenEndpoint: `${issuer.url}/token`,
    UserInfoEndpoint: `${issuer.url}/userinfo`,
    ClientId: "users",
    ClientSecret,
  },
});
const thenForward = (): Action => ({ Type: "forward", Order: 2, TargetGroupArn: groups[0] });

test("a user signs in once at the issuer; the application is told who it is, and can tell that the load balancer said so", async () => {
  const RuleArn = await rule(10, "/private*", [oidc(secret), thenForward()]);
  const jar = ["-b", file("jar"), "-c", file("jar")];
  const first = await eventually(async () => {
    const { stdout } = await curl("-L", ...jar, url("/private?a=b"));
    return stdout.includes("x-amzn-oidc-data") && stdout;
  });
  const { url: path, headers } = JSON.parse(first);
  assert.equal(path, "/private?a=b");
  assert.equal(headers["x-amzn-oidc-identity"], "user-1");
  const [head, claims, signature] = headers["x-amzn-oidc-data"].split(".") as [string, string, string];
  const { alg, kid, signer, client, iss } = JSON.parse(Buffer.from(head, "base64url").toString());
  assert.deepEqual([alg, signer, client, iss], ["ES256", loadBalancerArn, "users", issuer.url]);
  assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).email, "user@example.com");
  const keys = `Host: public-keys.auth.elb.${instance.ready.region}.amazonaws.com`;
  const { stdout: key } = await curl("-H", keys, url(`/${kid}`));
  const signed = Buffer.from(`${head}.${claims}`);
  const encoding = { key, dsaEncoding: "ieee-p1363" } as const;
  assert.ok(verify("sha256", signed, encoding, Buffer.from(signature, "base64url")));
  // The session goes on without the issuer; whoever has none is sent there.
  const asked = issuer.hits;
  assert.equal(JSON.parse((await curl(...jar, url("/private/more"))).stdout).headers["x-amzn-oidc-identity"], "user-1");
  assert.equal(issuer.hits, asked);
  const stranger = await curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", url("/private"));
  assert.ok(stranger.stdout.startsWith(`302 ${issuer.url}/authorize?`), stranger.stdout);

  // The issuer does not know a client with another secret: 561, as the real load balancer answers.
  await elb.modifyRule({ RuleArn, Actions: [oidc("another"), thenForward()] });
  const refused = await eventually(async () => {
    const answer = ["-o", "/dev/null", "-w", "%{http_code}", "-L", "-c", file("other"), "-b", file("other")];
    await rm(file("other"), { force: true });
    const { stdout } = await curl(...answer, url("/private"));
    return stdout !== "200" && stdout;
  });
  assert.equal(refused, "561");
});

test("WebSocket over TLS goes to the target; HTTP/2 is spoken with those who want it", async () => {
  // Names below localhost are known to curl and browsers; not every C library knows them.
  const program = `
    require("node:dns").lookup = (name, options, then) =>
      options.all ? then(null, [{ address: "127.0.0.1", family: 4 }]) : then(null, "127.0.0.1", 4);
    const socket = new WebSocket(process.argv[1]);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => { console.log(data); process.exit(); };
    socket.onerror = () => process.exit(3);
  `;
  const env = { ...environment(), NODE_EXTRA_CA_CERTS: file("cert.pem") };
  const said = await run(process.execPath, ["-e", program, `wss://${host}/socket`], env);
  assert.deepEqual([said.code, said.stdout.trim()], [0, "hello"], said.stderr);
  for (const [flag, version] of [
    ["--http2", "2"],
    ["--http1.1", "1.1"],
  ] as const) {
    const { stdout } = await curl(flag, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url("/"));
    assert.equal(stdout, `${version} 200`);
  }
});

test("groups get requests by their weights; whoever has the cookie stays with its group", async () => {
  const forward = (first: number, second: number): Action => ({
    Type: "forward",
    ForwardConfig: {
      TargetGroups: [
        { TargetGroupArn: groups[0], Weight: first },
        { TargetGroupArn: groups[1], Weight: second },
      ],
      TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
    },
  });
  const RuleArn = await rule(20, "/shared", [forward(1, 1)]);
  const names = async (count: number, ...more: string[]) => {
    const seen: string[] = [];
    for (let i = 0; i < count; i++) seen.push(JSON.parse((await curl(...more, url("/shared"))).stdout).name);
    return seen;
  };
  await eventually(async () => (await names(4)).includes("two"));
  assert.deepEqual([...new Set(await names(24))].toSorted(), ["one", "two"]);
  const jar = ["-b", file("sticky"), "-c", file("sticky")];
  const [own] = await names(1, ...jar);
  assert.match(await readFile(file("sticky"), "utf8"), /AWSALBTG/);
  assert.deepEqual([...new Set(await names(12, ...jar))], [own]);
  // A group that gets nothing any more keeps nobody.
  const other = own === "one" ? "two" : "one";
  await elb.modifyRule({ RuleArn, Actions: [own === "one" ? forward(0, 1) : forward(1, 0)] });
  await eventually(async () => (await names(1, ...jar))[0] === other);
  assert.deepEqual([...new Set(await names(8))], [other]);
});
