/**
 * Story 1: an application behind a load balancer with a certificate, a redirect, health checks, security groups, logs and a
 * web ACL. The application is a process of its own; curl and openssl are the clients.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:tls";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ACM } from "@aws-sdk/client-acm";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2, type Action } from "@aws-sdk/client-elastic-load-balancing-v2";
import { S3 } from "@aws-sdk/client-s3";
import { WAFV2 } from "@aws-sdk/client-wafv2";
import { run, type Ran } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

/** Says its name, and where the request came through. */
const program = `
  const { createServer } = require("node:http");
  const server = createServer((request, response) => {
    response.setHeader("x-application", process.argv[1]);
    response.end(JSON.stringify({ name: process.argv[1], path: request.url, headers: request.headers }));
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

interface Application {
  port: number;
  process: ChildProcess;
}

async function startApplication(name: string): Promise<Application> {
  const child = spawn(process.execPath, ["-e", program, name], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await new Promise<[string]>((resolve) =>
    createInterface({ input: child.stdout }).once("line", (text) => resolve([text])),
  );
  return { port: Number(line), process: child };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const refused = (code: string, text?: RegExp) => (error: Error) => {
  assert.equal(error.name, code, error.message);
  if (text) assert.match(error.message, text);
  return true;
};

describe("an application behind a load balancer", { timeout: 170_000 }, () => {
  let instance: Instance;
  let folder: string;
  let first: Application;
  let second: Application;
  let elb: ElasticLoadBalancingV2;
  let ec2: EC2;
  let acm: ACM;
  let s3: S3;
  const ports = { http: 0, https: 0 };
  const made = { loadBalancer: "", name: "", group: "", targets: "", others: "", http: "", https: "", certificate: "" };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-elb-"));
    [instance, first, second] = await Promise.all([
      startInstance(),
      startApplication("first"),
      startApplication("second"),
    ]);
    elb = new ElasticLoadBalancingV2(instance.client);
    ec2 = new EC2(instance.client);
    acm = new ACM(instance.client);
    s3 = new S3(instance.s3Client);
    ports.http = await freePort();
    ports.https = await freePort();
  });
  after(async () => {
    first.process.kill();
    second.process.kill();
    await instance.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const file = (name: string) => join(folder, name);
  const environment = () => ({ PATH: process.env["PATH"], HOME: folder });
  const curl = (...args: string[]): Promise<Ran> =>
    run("curl", ["-sS", "--max-time", "10", "--cacert", file("certificate.pem"), ...args], environment());
  const httpsUrl = (path = "/") => `https://${made.name}:${ports.https}${path}`;

  async function certificate(): Promise<{ Certificate: Buffer; PrivateKey: Buffer }> {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const names = ["-subj", "/CN=shop", "-addext", `subjectAltName=DNS:${made.name}`];
    const files = ["-keyout", file("certificate.key"), "-out", file("certificate.pem")];
    const ran = await run("openssl", ["req", "-x509", "-days", "30", ...key, ...names, ...files], environment());
    assert.equal(ran.code, 0, ran.stderr);
    return {
      Certificate: await readFile(file("certificate.pem")),
      PrivateKey: await readFile(file("certificate.key")),
    };
  }

  async function targetGroup(Name: string, application: Application): Promise<string> {
    const [vpc] = (await ec2.describeVpcs({ Filters: [{ Name: "is-default", Values: ["true"] }] })).Vpcs!;
    const { TargetGroups } = await elb.createTargetGroup({
      Name,
      Protocol: "HTTP",
      Port: application.port,
      VpcId: vpc!.VpcId!,
      TargetType: "ip",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
    });
    const TargetGroupArn = TargetGroups![0]!.TargetGroupArn!;
    await elb.registerTargets({ TargetGroupArn, Targets: [{ Id: "127.0.0.1" }] });
    return TargetGroupArn;
  }

  const health = async (TargetGroupArn: string) =>
    (await elb.describeTargetHealth({ TargetGroupArn })).TargetHealthDescriptions![0]!.TargetHealth!;
  const forwardTo = (TargetGroupArn: string): Action => ({ Type: "forward", TargetGroupArn });
  const fromLoopback = (port: number) => ({
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    IpRanges: [{ CidrIp: "127.0.0.0/8" }],
  });

  test("HTTPS with an imported certificate, a redirect to it, and healthy targets", async () => {
    const group = await ec2.createSecurityGroup({ GroupName: "front", Description: "front" });
    made.group = group.GroupId!;
    await ec2.authorizeSecurityGroupIngress({
      GroupId: made.group,
      IpPermissions: [fromLoopback(ports.http), fromLoopback(ports.https)],
    });
    const { Subnets } = await ec2.describeSubnets({});
    const created = await elb.createLoadBalancer({
      Name: "shop",
      Subnets: Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!),
      SecurityGroups: [made.group],
    });
    made.loadBalancer = created.LoadBalancers![0]!.LoadBalancerArn!;
    made.name = created.LoadBalancers![0]!.DNSName!;
    made.targets = await targetGroup("first", first);
    assert.equal((await health(made.targets)).Reason, "Target.NotInUse");
    made.certificate = (await acm.importCertificate(await certificate())).CertificateArn!;
    const https = await elb.createListener({
      LoadBalancerArn: made.loadBalancer,
      Protocol: "HTTPS",
      Port: ports.https,
      SslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
      Certificates: [{ CertificateArn: made.certificate }],
      DefaultActions: [forwardTo(made.targets)],
    });
    made.https = https.Listeners![0]!.ListenerArn!;
    const RedirectConfig = { Protocol: "HTTPS", Port: String(ports.https), StatusCode: "HTTP_301" } as const;
    const http = await elb.createListener({
      LoadBalancerArn: made.loadBalancer,
      Protocol: "HTTP",
      Port: ports.http,
      DefaultActions: [{ Type: "redirect", RedirectConfig }],
    });
    made.http = http.Listeners![0]!.ListenerArn!;
    await eventually(async () => (await health(made.targets)).State === "healthy");
    await eventually(async () => {
      const { LoadBalancers } = await elb.describeLoadBalancers({ Names: ["shop"] });
      return LoadBalancers![0]!.State!.Code === "active";
    });

    const redirected = await curl("-D", "-", "-o", "/dev/null", `http://${made.name}:${ports.http}/cart?item=1`);
    assert.match(redirected.stdout, /^HTTP\/1\.1 301 /);
    assert.match(redirected.stdout, new RegExp(`^location: ${httpsUrl("/cart")}\\?item=1\\r$`, "im"));
    const followed = await curl("-L", `http://${made.name}:${ports.http}/cart?item=1`);
    assert.equal(followed.code, 0, followed.stderr);
    const answer = JSON.parse(followed.stdout) as { name: string; path: string; headers: Record<string, string> };
    assert.equal(answer.name, "first");
    assert.equal(answer.path, "/cart?item=1");
    assert.equal(answer.headers["x-forwarded-proto"], "https");
    assert.equal(answer.headers["x-forwarded-port"], String(ports.https));
    // The policy knows nothing older than TLS 1.2.
    const old = await curl("--tls-max", "1.1", "--tlsv1.0", httpsUrl());
    assert.notEqual(old.code, 0);
  });

  test("what is in use is kept", async () => {
    const { Certificate } = await acm.describeCertificate({ CertificateArn: made.certificate });
    assert.deepEqual(Certificate!.InUseBy, [made.loadBalancer]);
    await assert.rejects(
      acm.deleteCertificate({ CertificateArn: made.certificate }),
      refused("ResourceInUseException", /is in use/),
    );
    await assert.rejects(elb.deleteTargetGroup({ TargetGroupArn: made.targets }), refused("ResourceInUseException"));
    await assert.rejects(ec2.deleteSecurityGroup({ GroupId: made.group }), refused("DependencyViolation"));
    const { NetworkInterfaces } = await ec2.describeNetworkInterfaces({
      Filters: [{ Name: "group-id", Values: [made.group] }],
    });
    assert.equal(NetworkInterfaces!.length, 2);
    assert.ok(
      NetworkInterfaces!.every((each) => each.RequesterManaged && each.Description!.startsWith("ELB app/shop/")),
    );
    const { SubnetId, VpcId, PrivateIpAddress, NetworkInterfaceId } = NetworkInterfaces![0]!;
    const hostName = async () => {
      const found = await ec2.describeNetworkInterfaces({ NetworkInterfaceIds: [NetworkInterfaceId!] });
      return found.NetworkInterfaces![0]!.PrivateDnsName;
    };
    const domain = instance.ready.region === "us-east-1" ? "ec2.internal" : `${instance.ready.region}.compute.internal`;
    assert.equal(await hostName(), `ip-${PrivateIpAddress!.replaceAll(".", "-")}.${domain}`);
    await ec2.modifyVpcAttribute({ VpcId, EnableDnsHostnames: { Value: false } });
    assert.equal(await hostName(), undefined);
    await assert.rejects(ec2.deleteSubnet({ SubnetId }), refused("DependencyViolation"));
  });

  test("rules, certificate and targets change under load, and no request is lost", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const ca = await readFile(file("certificate.pem"));
    const seen = { answers: 0, names: new Set<string>(), failures: [] as string[], stop: false };
    const ask = () =>
      new Promise<void>((resolve) => {
        const options = { agent, ca, host: "127.0.0.1", port: ports.https, servername: made.name, path: "/load" };
        const sent = request({ ...options, headers: { host: `${made.name}:${ports.https}` } }, (response) => {
          if (response.statusCode !== 200) seen.failures.push(String(response.statusCode));
          seen.names.add(String(response.headers["x-application"]));
          response.resume().once("end", () => {
            seen.answers += 1;
            resolve();
          });
        });
        sent.once("error", (error) => {
          seen.failures.push(error.message);
          resolve();
        });
        sent.end();
      });
    const loops = Array.from({ length: 4 }, async () => {
      while (!seen.stop) await ask();
    });
    const more = async () => {
      const from = seen.answers;
      await eventually(async () => seen.answers > from + 20, { every: 10 });
    };
    await more();

    made.others = await targetGroup("second", second);
    const rule = async (Priority: number, pattern: string, TargetGroupArn: string) => {
      const { Rules } = await elb.createRule({
        ListenerArn: made.https,
        Priority,
        Conditions: [{ Field: "path-pattern", Values: [pattern] }],
        Actions: [forwardTo(TargetGroupArn)],
      });
      return Rules![0]!.RuleArn!;
    };
    const RuleArn = await rule(20, "/load", made.others);
    await eventually(async () => seen.names.has("second"));
    const kept = await rule(30, "/load", made.targets);
    await elb.setRulePriorities({
      RulePriorities: [
        { RuleArn, Priority: 30 },
        { RuleArn: kept, Priority: 20 },
      ],
    });
    await more();
    await elb.registerTargets({ TargetGroupArn: made.targets, Targets: [{ Id: "127.0.0.1", Port: second.port }] });
    await more();
    await elb.deregisterTargets({ TargetGroupArn: made.targets, Targets: [{ Id: "127.0.0.1", Port: second.port }] });
    const draining = await elb.describeTargetHealth({ TargetGroupArn: made.targets });
    const states = draining
      .TargetHealthDescriptions!.map(({ TargetHealth }) => TargetHealth!.State)
      .toSorted((a, b) => (a! < b! ? -1 : 1));
    assert.deepEqual(states, ["draining", "healthy"]);
    const before = await served();
    await acm.importCertificate({ ...(await certificate()), CertificateArn: made.certificate });
    await eventually(async () => (await served()) !== before);
    await more();
    await elb.deleteRule({ RuleArn });
    await elb.deleteRule({ RuleArn: kept });
    await more();
    seen.stop = true;
    await Promise.all(loops);
    agent.destroy();
    assert.deepEqual(seen.failures, []);
    assert.ok(seen.answers > 100);
  });

  /** Fingerprint of the certificate of a handshake made now. */
  function served(): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: ports.https, servername: made.name, rejectUnauthorized: false };
      const socket = connect(options, () => {
        resolve(socket.getPeerX509Certificate()!.fingerprint256);
        socket.end();
      });
      socket.once("error", reject);
    });
  }

  test("security groups decide who comes in", async () => {
    const works = async () => (await curl("-o", "/dev/null", httpsUrl())).code === 0;
    assert.equal(await works(), true);
    const IpPermissions = [fromLoopback(ports.https)];
    await ec2.revokeSecurityGroupIngress({ GroupId: made.group, IpPermissions });
    await eventually(async () => !(await works()));
    const http = await curl("-o", "/dev/null", `http://${made.name}:${ports.http}/`);
    assert.equal(http.code, 0, http.stderr);
    const { PrefixList } = await ec2.createManagedPrefixList({
      PrefixListName: "here",
      AddressFamily: "IPv4",
      MaxEntries: 2,
      Entries: [{ Cidr: "198.51.100.0/24" }],
    });
    const PrefixListId = PrefixList!.PrefixListId!;
    const { CidrIp: _, IpRanges: _ranges, ...port } = { CidrIp: "", ...fromLoopback(ports.https) };
    await ec2.authorizeSecurityGroupIngress({
      GroupId: made.group,
      IpPermissions: [{ ...port, PrefixListIds: [{ PrefixListId }] }],
    });
    assert.equal(await works(), false);
    const AddEntries = [{ Cidr: "127.0.0.0/8" }];
    await ec2.modifyManagedPrefixList({ PrefixListId, CurrentVersion: 1, AddEntries });
    await eventually(works);
  });

  test("security groups decide what it connects to, in requests and in health checks", async () => {
    const status = async () =>
      (await curl("--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", httpsUrl())).stdout;
    const everything = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    assert.equal(await status(), "200");
    await ec2.revokeSecurityGroupEgress({ GroupId: made.group, IpPermissions: [everything] });
    // Both take their time: what is dropped is not answered.
    await Promise.all([
      eventually(async () => (await status()) === "504", { within: 30_000 }),
      eventually(async () => (await health(made.targets)).Reason === "Target.Timeout", { within: 30_000 }),
    ]);
    await ec2.authorizeSecurityGroupEgress({ GroupId: made.group, IpPermissions: [fromLoopback(first.port)] });
    await eventually(async () => (await status()) === "200", { within: 30_000 });
  });

  test("a web ACL blocks what it is told to, and lets the rest through", async () => {
    const waf = new WAFV2(instance.client);
    const VisibilityConfig = { SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: "shop" };
    const { Summary } = await waf.createWebACL({
      Name: "shop",
      Scope: "REGIONAL",
      DefaultAction: { Allow: {} },
      VisibilityConfig,
      Rules: [
        {
          Name: "header",
          Priority: 1,
          Action: { Block: {} },
          VisibilityConfig: { ...VisibilityConfig, MetricName: "header" },
          Statement: {
            ByteMatchStatement: {
              SearchString: Buffer.from("attack"),
              FieldToMatch: { SingleHeader: { Name: "x-test" } },
              PositionalConstraint: "CONTAINS",
              TextTransformations: [{ Priority: 0, Type: "NONE" }],
            },
          },
        },
      ],
    });
    await waf.associateWebACL({ WebACLArn: Summary!.ARN!, ResourceArn: made.loadBalancer });
    const status = async (value: string) =>
      (await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", `x-test: ${value}`, httpsUrl())).stdout;
    await eventually(async () => (await status("an attack")) === "403");
    assert.equal(await status("a visit"), "200");
    await waf.disassociateWebACL({ ResourceArn: made.loadBalancer });
    await eventually(async () => (await status("an attack")) === "200");
  });

  test("access logs come into the bucket whose policy lets them in", async () => {
    await s3.createBucket({ Bucket: "shop-logs" });
    const Attributes = [
      { Key: "access_logs.s3.enabled", Value: "true" },
      { Key: "access_logs.s3.bucket", Value: "shop-logs" },
      { Key: "access_logs.s3.prefix", Value: "front" },
    ];
    const enable = () => elb.modifyLoadBalancerAttributes({ LoadBalancerArn: made.loadBalancer, Attributes });
    await assert.rejects(
      enable(),
      refused("InvalidConfigurationRequestException", /Access Denied for bucket: shop-logs/),
    );
    const { accountId } = instance.ready;
    const Statement = {
      Effect: "Allow",
      Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: `arn:aws:s3:::shop-logs/front/AWSLogs/${accountId}/*`,
      Condition: { ArnEquals: { "aws:SourceArn": made.loadBalancer } },
    };
    await s3.putBucketPolicy({ Bucket: "shop-logs", Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
    await enable();
    const keys = async () => ((await s3.listObjectsV2({ Bucket: "shop-logs" })).Contents ?? []).map(({ Key }) => Key!);
    assert.deepEqual(await keys(), [`front/AWSLogs/${accountId}/ELBAccessLogTestFile`]);
    const text = await eventually(
      async () => {
        await curl("-o", "/dev/null", httpsUrl("/logged"));
        const key = (await keys()).find((each) => each.endsWith(".log.gz"));
        if (!key) return false;
        const day = new Date().toISOString().slice(0, 4);
        assert.match(
          key,
          new RegExp(`^front/AWSLogs/${accountId}/elasticloadbalancing/${instance.ready.region}/${day}/\\d\\d/\\d\\d/`),
        );
        const object = await s3.getObject({ Bucket: "shop-logs", Key: key });
        return gunzipSync(await object.Body!.transformToByteArray()).toString();
      },
      { every: 500 },
    );
    const [line] = text.split("\n");
    assert.match(
      line!,
      /^(?:h2|https) \d{4}-\d\d-\d\dT[\d:.]+Z app\/shop\/[0-9a-f]{16} 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ /,
    );
    assert.match(line!, new RegExp(`"GET ${httpsUrl("/logged")} HTTP/\\S+"`));
  });

  test("it is served while the API is dead, and deleted with everything it has", async () => {
    const { api } = await instance.rolePids();
    process.kill(api!, "SIGKILL");
    const during = await curl("-o", "/dev/null", "-w", "%{http_code}", httpsUrl());
    assert.equal(during.stdout, "200");
    await eventually(async () => (await elb.describeLoadBalancers({})).LoadBalancers!.length === 1);
    await elb.deleteLoadBalancer({ LoadBalancerArn: made.loadBalancer });
    await eventually(async () => (await curl("-o", "/dev/null", httpsUrl())).code !== 0);
    await eventually(async () => {
      const { NetworkInterfaces } = await ec2.describeNetworkInterfaces({});
      return NetworkInterfaces!.length === 0;
    });
    await elb.deleteTargetGroup({ TargetGroupArn: made.targets });
    await acm.deleteCertificate({ CertificateArn: made.certificate });
    await ec2.deleteSecurityGroup({ GroupId: made.group });
  });
});
