/** The control plane of load balancers through the unmodified AWS SDK for JavaScript and the AWS CLI. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACM } from "@aws-sdk/client-acm";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { EC2 } from "@aws-sdk/client-ec2";
import {
  ElasticLoadBalancingV2,
  type Action,
  type CreateRuleCommandInput,
  type RuleCondition,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { IAM } from "@aws-sdk/client-iam";
import { aws, run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

async function selfSigned(): Promise<{ Certificate: Buffer; PrivateKey: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-elb-"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const made = ["-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=example.com"];
  const ran = await run("openssl", ["req", "-x509", ...made, "-keyout", key, "-out", certificate], {
    PATH: process.env["PATH"],
    HOME: folder,
  });
  assert.equal(ran.code, 0, ran.stderr);
  const pair = { Certificate: await readFile(certificate), PrivateKey: await readFile(key) };
  await rm(folder, { recursive: true, force: true });
  return pair;
}

describe("Elastic Load Balancing", { timeout: 120_000 }, () => {
  let instance: Instance;
  let elb: ElasticLoadBalancingV2;
  let ec2: EC2;
  let subnets: string[];
  let vpc: string;
  before(async () => {
    instance = await startInstance();
    elb = new ElasticLoadBalancingV2(instance.client);
    ec2 = new EC2(instance.client);
    const { Subnets } = await ec2.describeSubnets({});
    subnets = Subnets!.map(({ SubnetId }) => SubnetId!);
    vpc = Subnets![0]!.VpcId!;
  });
  after(() => instance.stop());

  const refused = (code: string, text?: string | RegExp) => (error: Error) => {
    assert.equal(error.name, code, error.message);
    if (typeof text === "string") assert.equal(error.message, text);
    else if (text) assert.match(error.message, text);
    return true;
  };
  const two = () => subnets.slice(0, 2);
  const text = (MessageBody: string): Action => ({
    Type: "fixed-response",
    FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody },
  });
  async function loadBalancer(Name: string): Promise<string> {
    return (await elb.createLoadBalancer({ Name, Subnets: two() })).LoadBalancers![0]!.LoadBalancerArn!;
  }
  async function targetGroup(Name: string): Promise<string> {
    const { TargetGroups } = await elb.createTargetGroup({
      Name,
      Protocol: "HTTP",
      Port: 8080,
      VpcId: vpc,
      TargetType: "ip",
    });
    return TargetGroups![0]!.TargetGroupArn!;
  }
  /** No test sends a request: any port serves, and none is bound by two. */
  let port = 42_000;
  async function listener(LoadBalancerArn: string, ...DefaultActions: Action[]): Promise<string> {
    const { Listeners } = await elb.createListener({ LoadBalancerArn, Protocol: "HTTP", Port: ++port, DefaultActions });
    return Listeners![0]!.ListenerArn!;
  }

  test("a load balancer is made once, in two zones, and tells what it is", async () => {
    const created = await elb.createLoadBalancer({
      Name: "first",
      Subnets: two(),
      Tags: [{ Key: "team", Value: "web" }],
    });
    const [made] = created.LoadBalancers!;
    assert.match(
      made!.LoadBalancerArn!,
      new RegExp(
        `^arn:aws:elasticloadbalancing:${instance.ready.region}:${instance.ready.accountId}:loadbalancer/app/first/[0-9a-f]{16}$`,
      ),
    );
    assert.match(made!.DNSName!, new RegExp(`^first-\\d{10}\\.${instance.ready.region}\\.elb\\.localhost$`));
    assert.equal(made!.State!.Code, "provisioning");
    assert.equal(made!.Scheme, "internet-facing");
    const groups = await ec2.describeSecurityGroups({ GroupNames: ["default"] });
    assert.deepEqual(made!.SecurityGroups, [groups.SecurityGroups![0]!.GroupId]);
    const again = await elb.createLoadBalancer({ Name: "first", Subnets: two() });
    assert.equal(again.LoadBalancers![0]!.LoadBalancerArn, made!.LoadBalancerArn);
    await assert.rejects(
      elb.createLoadBalancer({ Name: "first", Subnets: two(), Scheme: "internal" }),
      refused(
        "DuplicateLoadBalancerNameException",
        "A load balancer with the same name 'first' exists, but with different settings",
      ),
    );
    await eventually(async () => (await elb.describeLoadBalancers({})).LoadBalancers![0]!.State!.Code === "active");
    const { LoadBalancers } = await aws(instance, ["elbv2", "describe-load-balancers", "--names", "first"]);
    assert.deepEqual(
      LoadBalancers[0].AvailabilityZones.map(({ SubnetId }: { SubnetId: string }) => SubnetId).toSorted(),
      two().toSorted(),
    );
    const role = await new IAM(instance.client).getRole({ RoleName: "AWSServiceRoleForElasticLoadBalancing" });
    assert.equal(role.Role!.Path, "/aws-service-role/elasticloadbalancing.amazonaws.com/");
    const used = await ec2.describeSubnets({ SubnetIds: two() });
    assert.ok(used.Subnets!.every(({ AvailableIpAddressCount }) => AvailableIpAddressCount === 4090));
  });

  test("what cannot be a load balancer is refused", async () => {
    const create = (Name: string, rest: object = {}) => elb.createLoadBalancer({ Name, Subnets: two(), ...rest });
    const { Vpc } = await ec2.createVpc({ CidrBlock: "10.7.0.0/16" });
    const zone = (letter: string) => `${instance.ready.region}${letter}`;
    const subnet = async (CidrBlock: string, letter: string) =>
      (await ec2.createSubnet({ VpcId: Vpc!.VpcId!, CidrBlock, AvailabilityZone: zone(letter) })).Subnet!.SubnetId!;
    const [a, b, c] = [
      await subnet("10.7.1.0/24", "a"),
      await subnet("10.7.2.0/24", "b"),
      await subnet("10.7.3.0/24", "a"),
    ];
    const cases: [() => Promise<unknown>, string, string | RegExp][] = [
      [() => create("x".repeat(33)), "ValidationError", /cannot be longer than '32' characters/],
      [
        () => create("a_b"),
        "ValidationError",
        /can only contain characters that are alphanumeric characters or hyphens/,
      ],
      [() => create("-a"), "ValidationError", "Load balancer name '-a' cannot begin or end with '-'"],
      [() => create("internal-a"), "ValidationError", /cannot begin with 'internal-'/],
      [() => create("net", { Type: "network" }), "ValidationError", /'network' are not supported/],
      [() => create("dual", { IpAddressType: "dualstack" }), "ValidationError", /'dualstack' is not supported/],
      [
        () => create("one", { Subnets: [a] }),
        "ValidationError",
        /At least two subnets in two different Availability Zones/,
      ],
      [
        () => create("zone", { Subnets: [a, c], Scheme: "internal" }),
        "InvalidConfigurationRequestException",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
      ],
      [() => create("mixed", { Subnets: [a, subnets[1]] }), "InvalidConfigurationRequestException", /same VPC/],
      [
        () => create("away", { Subnets: [a, b] }),
        "InvalidSubnetException",
        `VPC ${Vpc!.VpcId} has no internet gateway`,
      ],
      [
        () => create("gone", { Subnets: [a, "subnet-00000000000000000"] }),
        "SubnetNotFoundException",
        "The subnet ID 'subnet-00000000000000000' does not exist",
      ],
      [() => create("group", { SecurityGroups: ["sg-00000000000000000"] }), "InvalidSecurityGroupException", /invalid/],
      [
        () =>
          create("tags", {
            Tags: [
              { Key: "a", Value: "1" },
              { Key: "a", Value: "2" },
            ],
          }),
        "DuplicateTagKeysException",
        /a/,
      ],
    ];
    for (const [call, code, message] of cases) await assert.rejects(call(), refused(code, message));
    const inside = await create("inside", { Subnets: [a, b], Scheme: "internal" });
    assert.match(inside.LoadBalancers![0]!.DNSName!, /^internal-inside-/);
    await elb.deleteLoadBalancer({ LoadBalancerArn: inside.LoadBalancers![0]!.LoadBalancerArn! });
  });

  test("attributes have an effect or are refused; protection protects", async () => {
    const LoadBalancerArn = await loadBalancer("attributes");
    const modify = (Key: string, Value: string) =>
      elb.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes: [{ Key, Value }] });
    await modify("idle_timeout.timeout_seconds", "120");
    const { Attributes } = await elb.describeLoadBalancerAttributes({ LoadBalancerArn });
    const value = (key: string) => Attributes!.find(({ Key }) => Key === key)?.Value;
    assert.equal(value("idle_timeout.timeout_seconds"), "120");
    assert.equal(value("routing.http2.enabled"), "true");
    await modify("load_balancing.cross_zone.enabled", "true");
    const cases: [string, string, string, RegExp][] = [
      ["idle_timeout.timeout_seconds", "4001", "ValidationError", /must be between '1' and '4000' inclusive/],
      ["routing.http2.enabled", "yes", "ValidationError", /must be one of \[true, false\]/],
      ["nothing", "1", "ValidationError", /Attribute key 'nothing' is not recognized/],
      ["zonal_shift.config.enabled", "true", "InvalidConfigurationRequestException", /can only be 'false'/],
      ["access_logs.s3.enabled", "true", "ValidationError", /'access_logs.s3.bucket' must be specified/],
    ];
    for (const [key, given, code, message] of cases) await assert.rejects(modify(key, given), refused(code, message));
    await modify("deletion_protection.enabled", "true");
    await assert.rejects(
      elb.deleteLoadBalancer({ LoadBalancerArn }),
      refused("OperationNotPermittedException", /because deletion protection is enabled$/),
    );
    await modify("deletion_protection.enabled", "false");
    await elb.deleteLoadBalancer({ LoadBalancerArn });
    await elb.deleteLoadBalancer({ LoadBalancerArn });
    await assert.rejects(
      elb.describeLoadBalancers({ LoadBalancerArns: [LoadBalancerArn] }),
      refused("LoadBalancerNotFoundException"),
    );
  });

  test("target groups and their targets", async () => {
    const create = (rest: object) =>
      elb.createTargetGroup({ Name: "group", Protocol: "HTTP", Port: 80, VpcId: vpc, TargetType: "ip", ...rest });
    const wrong: [object, RegExp][] = [
      [{ Protocol: undefined }, /A protocol must be specified/],
      [{ Port: undefined }, /A port must be specified/],
      [{ VpcId: undefined }, /A VPC ID must be specified/],
      [{ VpcId: "vpc-00000000000000000" }, /The VPC ID 'vpc-00000000000000000' is not found/],
      [{ Protocol: "TCP" }, /not supported/],
      [{ TargetType: "lambda" }, /Target type 'lambda' is not supported/],
      [{ ProtocolVersion: "GRPC" }, /Protocol version 'GRPC' is not supported/],
      [{ HealthCheckTimeoutSeconds: 30 }, /Health check timeout '30' must be smaller than the interval '30'/],
      [{ HealthCheckPath: "health" }, /must begin with '\/'/],
      [{ HealthCheckPath: "/a b" }, /is not valid/],
      [{ HealthCheckPort: "http" }, /must be 'traffic-port' or between/],
      [{ Matcher: { HttpCode: "200-600" } }, /must be within '200-499' inclusive/],
      [{ HealthCheckEnabled: false }, /must be true/],
    ];
    for (const [given, message] of wrong) await assert.rejects(create(given), refused("ValidationError", message));
    const { TargetGroups } = await create({});
    const TargetGroupArn = TargetGroups![0]!.TargetGroupArn!;
    assert.equal((await create({})).TargetGroups![0]!.TargetGroupArn, TargetGroupArn);
    await assert.rejects(create({ Port: 81 }), refused("DuplicateTargetGroupNameException"));
    const register = (Id: string, rest: object = {}) =>
      elb.registerTargets({ TargetGroupArn, Targets: [{ Id, ...rest }] });
    await assert.rejects(
      register("8.8.8.8", { AvailabilityZone: "all" }),
      refused("ValidationError", /is not within the VPC/),
    );
    await assert.rejects(register("localhost"), refused("ValidationError", /is not a valid IPv4 address/));
    await assert.rejects(register("10.1.1.1"), refused("ValidationError", /Availability Zone of 'all'/));
    await register("10.1.1.1", { AvailabilityZone: "all" });
    await register("127.0.0.1");
    await register("172.31.0.10", { Port: 8080 });
    const { TargetHealthDescriptions } = await elb.describeTargetHealth({ TargetGroupArn });
    assert.deepEqual(
      TargetHealthDescriptions!.map(({ Target, TargetHealth }) => [Target!.Id, Target!.Port, TargetHealth!.Reason]),
      [
        ["10.1.1.1", 80, "Target.NotInUse"],
        ["127.0.0.1", 80, "Target.NotInUse"],
        ["172.31.0.10", 8080, "Target.NotInUse"],
      ],
    );
    const zones = (await ec2.describeSubnets({ Filters: [{ Name: "cidr-block", Values: ["172.31.0.0/20"] }] }))
      .Subnets!;
    assert.equal(TargetHealthDescriptions![2]!.Target!.AvailabilityZone, zones[0]!.AvailabilityZone);
    const stranger = await elb.describeTargetHealth({ TargetGroupArn, Targets: [{ Id: "10.9.9.9", Port: 1 }] });
    assert.equal(stranger.TargetHealthDescriptions![0]!.TargetHealth!.Reason, "Target.NotRegistered");
    await elb.deregisterTargets({ TargetGroupArn, Targets: [{ Id: "127.0.0.1" }] });
    assert.equal((await elb.describeTargetHealth({ TargetGroupArn })).TargetHealthDescriptions!.length, 2);
    const attribute = (...Attributes: { Key: string; Value: string }[]) =>
      elb.modifyTargetGroupAttributes({ TargetGroupArn, Attributes });
    await attribute(
      { Key: "stickiness.enabled", Value: "true" },
      { Key: "stickiness.lb_cookie.duration_seconds", Value: "60" },
    );
    await assert.rejects(attribute({ Key: "stickiness.type", Value: "source_ip" }), refused("ValidationError"));
    await assert.rejects(
      attribute({ Key: "stickiness.type", Value: "app_cookie" }),
      refused("InvalidConfigurationRequestException", /A cookie name must be specified/),
    );
    await elb.deleteTargetGroup({ TargetGroupArn });
    await elb.deleteTargetGroup({ TargetGroupArn });
  });

  test("listeners", async () => {
    const LoadBalancerArn = await loadBalancer("listeners");
    const create = (rest: object) =>
      elb.createListener({ LoadBalancerArn, Protocol: "HTTP", Port: 41_001, DefaultActions: [text("a")], ...rest });
    const nobody = LoadBalancerArn.replace("/listeners/", "/nobody/");
    const arn = `arn:aws:acm:${instance.ready.region}:${instance.ready.accountId}:certificate/none`;
    const wrong: [object, string, RegExp][] = [
      [{ LoadBalancerArn: nobody }, "LoadBalancerNotFoundException", /not found/],
      [{ LoadBalancerArn: "nobody" }, "ValidationError", /'nobody' is not a valid load balancer ARN/],
      [{ Port: undefined }, "ValidationError", /A listener port must be specified/],
      [{ Protocol: "TCP" }, "ValidationError", /Listener protocol 'TCP' must be one of 'HTTP, HTTPS'/],
      [{ Protocol: "HTTPS" }, "ValidationError", /A certificate must be specified for HTTPS listeners/],
      [{ Protocol: "HTTPS", Certificates: [{ CertificateArn: arn }] }, "CertificateNotFoundException", /not found/],
      [{ Protocol: "HTTPS", SslPolicy: "none" }, "SSLPolicyNotFoundException", /'none' not found/],
      [{ SslPolicy: "ELBSecurityPolicy-2016-08" }, "ValidationError", /cannot be specified for HTTP listeners/],
      [{ AlpnPolicy: ["HTTP2Only"] }, "ALPNPolicyNotSupportedException", /TLS listeners/],
      [{ DefaultActions: [] }, "ValidationError", /An action must be specified/],
    ];
    for (const [given, code, message] of wrong) await assert.rejects(create(given), refused(code, message));
    const { Listeners } = await create({});
    const ListenerArn = Listeners![0]!.ListenerArn!;
    assert.equal((await create({})).Listeners![0]!.ListenerArn, ListenerArn);
    await assert.rejects(create({ DefaultActions: [text("b")] }), refused("DuplicateListenerException"));
    const racing = await Promise.allSettled(
      ["c", "d", "e"].map((body) => create({ Port: 41_002, DefaultActions: [text(body)] })),
    );
    assert.equal(racing.filter(({ status }) => status === "fulfilled").length, 1);
    const headers = (Key: string, Value: string) =>
      elb.modifyListenerAttributes({ ListenerArn, Attributes: [{ Key, Value }] });
    await headers("routing.http.response.strict_transport_security.header_value", "max-age=31536000");
    await assert.rejects(
      headers("routing.http.response.x_content_type_options.header_value", "sniff"),
      refused("ValidationError"),
    );
    await assert.rejects(
      headers("routing.http.request.x_amzn_tls_version.header_name", "x-tls"),
      refused("InvalidConfigurationRequestException", /only on HTTPS listeners/),
    );
    const { Attributes } = await elb.describeListenerAttributes({ ListenerArn });
    assert.deepEqual(
      Attributes!.map(({ Value }) => Value),
      ["true", "max-age=31536000"],
    );
    const moved = await elb.modifyListener({ ListenerArn, Port: 41_003, DefaultActions: [text("moved")] });
    assert.equal(moved.Listeners![0]!.Port, 41_003);
    await elb.deleteListener({ ListenerArn });
    await assert.rejects(elb.describeListeners({ ListenerArns: [ListenerArn] }), refused("ListenerNotFoundException"));
    await elb.deleteLoadBalancer({ LoadBalancerArn });
  });

  test("of a listener that takes a certificate and the deletion of that certificate, one succeeds", async () => {
    const acm = new ACM(instance.client);
    const LoadBalancerArn = await loadBalancer("certified");
    const pair = await selfSigned();
    for (let round = 0; round < 6; round++) {
      const { CertificateArn } = await acm.importCertificate(pair);
      const [taken, deleted] = await Promise.allSettled([
        elb.createListener({
          LoadBalancerArn,
          Protocol: "HTTPS",
          Port: 41_100 + round,
          Certificates: [{ CertificateArn }],
          DefaultActions: [text("a")],
        }),
        acm.deleteCertificate({ CertificateArn }),
      ]);
      const uses = await acm.describeCertificate({ CertificateArn }).then(
        ({ Certificate }) => Certificate!.InUseBy!.length,
        () => 0,
      );
      assert.notEqual(taken.status, deleted.status);
      assert.equal(uses, taken.status === "fulfilled" ? 1 : 0);
    }
    const { Listeners } = await elb.describeListeners({ LoadBalancerArn });
    const [listed] = Listeners!;
    if (listed) {
      const ListenerArn = listed.ListenerArn!;
      const { CertificateArn } = await acm.importCertificate(pair);
      const Certificates = [{ CertificateArn }];
      await elb.addListenerCertificates({ ListenerArn, Certificates });
      const described = await elb.describeListenerCertificates({ ListenerArn });
      assert.deepEqual(
        described.Certificates!.map(({ IsDefault }) => IsDefault),
        [true, false],
      );
      await assert.rejects(
        elb.removeListenerCertificates({ ListenerArn, Certificates: listed.Certificates! }),
        refused("OperationNotPermittedException", /default certificate/),
      );
      await assert.rejects(
        acm.deleteCertificate({ CertificateArn: CertificateArn! }),
        refused("ResourceInUseException"),
      );
      await elb.removeListenerCertificates({ ListenerArn, Certificates });
      await acm.deleteCertificate({ CertificateArn: CertificateArn! });
    }
    await elb.deleteLoadBalancer({ LoadBalancerArn });
  });

  test("the client secret of an identity provider is neither shown nor recorded", async () => {
    const acm = new ACM(instance.client);
    const { CertificateArn } = await acm.importCertificate(await selfSigned());
    const LoadBalancerArn = await loadBalancer("provider");
    const secret = "the-secret-of-the-provider";
    const oidc = (rest: object): Action => ({
      Type: "authenticate-oidc",
      Order: 1,
      AuthenticateOidcConfig: {
        Issuer: "https://idp.example.com",
        AuthorizationEndpoint: "https://idp.example.com/authorize",
        TokenEndpoint: "https://idp.example.com/token",
        UserInfoEndpoint: "https://idp.example.com/userinfo",
        ClientId: "shop",
        ...rest,
      },
    });
    const then = { ...text("in"), Order: 2 };
    await assert.rejects(
      elb.createListener({
        LoadBalancerArn,
        Protocol: "HTTP",
        Port: 41_201,
        DefaultActions: [oidc({ ClientSecret: secret }), then],
      }),
      refused("InvalidLoadBalancerActionException", /only on HTTPS listeners/),
    );
    const { Listeners } = await elb.createListener({
      LoadBalancerArn,
      Protocol: "HTTPS",
      Port: 41_200,
      Certificates: [{ CertificateArn }],
      DefaultActions: [oidc({ ClientSecret: secret }), then],
    });
    const ListenerArn = Listeners![0]!.ListenerArn!;
    const create = (Priority: number, rest: object) =>
      elb.createRule({
        ListenerArn,
        Priority,
        Conditions: [{ Field: "path-pattern", Values: ["/a"] }],
        Actions: [oidc(rest), then],
      });
    await assert.rejects(create(1, {}), refused("ValidationError", "A client secret must be specified"));
    const { Rules } = await create(1, { ClientSecret: secret });
    const [RuleArn] = Rules!.map((rule) => rule.RuleArn!);
    await elb.modifyRule({ RuleArn, Actions: [oidc({ UseExistingClientSecret: true, ClientId: "other" }), then] });
    const described = JSON.stringify((await elb.describeRules({ ListenerArn })).Rules);
    assert.match(described, /"ClientId":"other"/);
    assert.ok(!described.includes(secret));
    const trail = new CloudTrail(instance.client);
    const named = (AttributeValue: string) => ({ AttributeKey: "EventName" as const, AttributeValue });
    for (const name of ["CreateListener", "CreateRule"]) {
      const texts = await eventually(async () => {
        const { Events = [] } = await trail.lookupEvents({ LookupAttributes: [named(name)] });
        const found = Events.map((event) => event.CloudTrailEvent!).filter((each) => each.includes("idp.example.com"));
        return found.length > 0 && found;
      });
      for (const each of texts) {
        assert.ok(!each.includes(secret), name);
        assert.match(each, /HIDDEN_DUE_TO_SECURITY_REASONS|A client secret must be specified/);
      }
    }
    await elb.deleteLoadBalancer({ LoadBalancerArn });
  });

  test("rules: conditions, actions, priorities", async () => {
    const LoadBalancerArn = await loadBalancer("rules");
    const group = await targetGroup("rules");
    const ListenerArn = await listener(LoadBalancerArn, text("default"));
    const path = (...Values: string[]): RuleCondition => ({ Field: "path-pattern", Values });
    const create = (Priority: number, rest: Partial<CreateRuleCommandInput> = {}) =>
      elb.createRule({ ListenerArn, Priority, Conditions: [path("/a")], Actions: [text("a")], ...rest });
    const ruleArn = async (...args: Parameters<typeof create>) => (await create(...args)).Rules![0]!.RuleArn!;
    const conditions: [RuleCondition, RegExp][] = [
      [{ Field: "colour", Values: ["red"] }, /Condition field 'colour' must be one of/],
      [{ Field: "path-pattern", Values: [] }, /A condition value must be specified/],
      [path("x".repeat(129)), /cannot be longer than '128' characters/],
      [path("/[a]"), /contains characters that are not valid/],
      [{ Field: "host-header", Values: ["localhost"] }, /must contain at least one '\.'/],
      [path("/1", "/2", "/3", "/4", "/5", "/6"), /A rule can only have '5' condition values/],
      [path("/*/*/*/*/*/*/*"), /A rule can only have '6' condition wildcards/],
      [{ Field: "http-header", Values: ["a"] }, /The 'Values' field is not compatible with 'http-header'/],
      [
        { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "Host", Values: ["a"] } },
        /'host-header' condition/,
      ],
      [{ Field: "source-ip", SourceIpConfig: { Values: ["10.0.0.1"] } }, /The CIDR '10\.0\.0\.1' is not valid/],
      [{ Field: "http-request-method", HttpRequestMethodConfig: { Values: ["get"] } }, /is not valid/],
      [
        { Field: "path-pattern", PathPatternConfig: { RegexValues: ["(a)\\1"] } },
        /no look-around and no back-references/,
      ],
      [{ Field: "host-header", PathPatternConfig: { Values: ["/a"] } }, /not compatible/],
    ];
    for (const [given, message] of conditions) {
      await assert.rejects(create(1, { Conditions: [given] }), refused("ValidationError", message));
    }
    await assert.rejects(
      create(1, { Conditions: [path("/a"), path("/b")] }),
      refused("ValidationError", /only have one/),
    );
    const redirect = (rest: object): Action => ({
      Type: "redirect",
      RedirectConfig: { StatusCode: "HTTP_302", ...rest },
    });
    const forward = (...groups: object[]): Action => ({ Type: "forward", ForwardConfig: { TargetGroups: groups } });
    const actions: [Action[], string, RegExp][] = [
      [[redirect({})], "InvalidLoadBalancerActionException", /because it creates a loop/],
      [[redirect({ Host: "#{nothing}.example.com" })], "ValidationError", /is not a valid keyword/],
      [[redirect({ Path: "a" })], "ValidationError", /must start with '\/'/],
      [[text("a"), text("b")], "ValidationError", /Order must be specified/],
      [
        [
          { ...text("a"), Order: 1 },
          { ...text("b"), Order: 2 },
        ],
        "InvalidLoadBalancerActionException",
        /exactly one/,
      ],
      [
        [forward({ TargetGroupArn: group, Weight: 1000 })],
        "ValidationError",
        /must be between '0' and '999' inclusive/,
      ],
      [[forward({ TargetGroupArn: group }, { TargetGroupArn: group })], "ValidationError", /only once/],
      [[{ Type: "forward", TargetGroupArn: `${group}0` }], "TargetGroupNotFoundException", /not found/],
      [
        [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200", ContentType: "image/png" } }],
        "ValidationError",
        /Content type 'image\/png' must be one of/,
      ],
      [
        [
          {
            Type: "authenticate-cognito",
            AuthenticateCognitoConfig: { UserPoolArn: "a", UserPoolClientId: "b", UserPoolDomain: "c" },
          },
        ],
        "ValidationError",
        /not supported/,
      ],
    ];
    for (const [Actions, code, message] of actions) {
      await assert.rejects(create(1, { Actions }), refused(code, message));
    }

    const first = await ruleArn(10, { Actions: [forward({ TargetGroupArn: group, Weight: 3 })] });
    const second = await ruleArn(20, {
      Conditions: [
        { Field: "query-string", QueryStringConfig: { Values: [{ Key: "v", Value: "2" }] } },
        { Field: "host-header", HostHeaderConfig: { Values: ["*.example.com"] } },
      ],
      Transforms: [{ Type: "url-rewrite", UrlRewriteConfig: { Rewrites: [{ Regex: "^/a(.*)$", Replace: "/b$1" }] } }],
    });
    await assert.rejects(create(20), refused("PriorityInUseException", "Priority '20' is currently in use"));
    const racing = await Promise.allSettled([create(30), create(30), create(30)]);
    assert.equal(racing.filter(({ status }) => status === "fulfilled").length, 1);
    const { Rules } = await elb.describeRules({ ListenerArn });
    assert.deepEqual(
      Rules!.map(({ Priority }) => Priority),
      ["10", "20", "30", "default"],
    );
    assert.deepEqual(Rules![1]!.Transforms![0]!.UrlRewriteConfig!.Rewrites, [{ Regex: "^/a(.*)$", Replace: "/b$1" }]);
    await assert.rejects(
      elb.setRulePriorities({ RulePriorities: [{ RuleArn: first, Priority: 30 }] }),
      refused("PriorityInUseException"),
    );
    await elb.setRulePriorities({
      RulePriorities: [
        { RuleArn: first, Priority: 20 },
        { RuleArn: second, Priority: 10 },
      ],
    });
    const swapped = await elb.describeRules({ RuleArns: [first] });
    assert.equal(swapped.Rules![0]!.Priority, "20");
    const modified = await elb.modifyRule({ RuleArn: first, Conditions: [path("/other")] });
    assert.deepEqual(modified.Rules![0]!.Conditions![0]!.PathPatternConfig!.Values, ["/other"]);
    const fallback = Rules!.at(-1)!.RuleArn!;
    await assert.rejects(elb.deleteRule({ RuleArn: fallback }), refused("OperationNotPermittedException"));

    const other = await loadBalancer("others");
    await assert.rejects(
      listener(other, { Type: "forward", TargetGroupArn: group }),
      refused("TargetGroupAssociationLimitException", /cannot be associated with more than one load balancer/),
    );
    const used = await elb.describeTargetGroups({ LoadBalancerArn });
    assert.deepEqual(
      used.TargetGroups!.map((each) => [each.TargetGroupArn, each.LoadBalancerArns]),
      [[group, [LoadBalancerArn]]],
    );
    await elb.deleteLoadBalancer({ LoadBalancerArn: other });
    await elb.deleteLoadBalancer({ LoadBalancerArn });
    await elb.deleteTargetGroup({ TargetGroupArn: group });
  });

  test("tags of everything, and permission by tag", async () => {
    const group = await targetGroup("tagged");
    const LoadBalancerArn = await loadBalancer("tagged");
    const ListenerArn = await listener(LoadBalancerArn, text("a"));
    const { Rules } = await elb.describeRules({ ListenerArn });
    const ResourceArns = [group, LoadBalancerArn, ListenerArn, Rules![0]!.RuleArn!];
    await elb.addTags({
      ResourceArns,
      Tags: [
        { Key: "team", Value: "web" },
        { Key: "old", Value: "1" },
      ],
    });
    await elb.removeTags({ ResourceArns, TagKeys: ["old"] });
    const { TagDescriptions } = await elb.describeTags({ ResourceArns });
    assert.deepEqual(
      TagDescriptions!.map(({ ResourceArn, Tags }) => [ResourceArn, Tags]),
      ResourceArns.map((arn) => [arn, [{ Key: "team", Value: "web" }]]),
    );
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "balancer" });
    const Condition = { StringEquals: { "aws:ResourceTag/team": "web" } };
    const Statement = { Effect: "Allow", Action: "elasticloadbalancing:RegisterTargets", Resource: "*", Condition };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.putUserPolicy({ UserName: "balancer", PolicyName: "targets", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "balancer" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const user = new ElasticLoadBalancingV2({ ...instance.client, credentials });
    const register = (TargetGroupArn: string) =>
      user.registerTargets({ TargetGroupArn, Targets: [{ Id: "127.0.0.1" }] });
    await register(group);
    await assert.rejects(register(await targetGroup("bare")), refused("AccessDenied"));
    await elb.deleteLoadBalancer({ LoadBalancerArn });
  });

  test("quotas, TLS policies, and what is not served", async () => {
    const { Limits } = await elb.describeAccountLimits({});
    assert.equal(Limits!.find(({ Name }) => Name === "rules-per-application-load-balancer")!.Max, "100");
    const { SslPolicies } = await elb.describeSSLPolicies({ Names: ["ELBSecurityPolicy-TLS13-1-2-2021-06"] });
    assert.deepEqual(SslPolicies![0]!.SslProtocols, ["TLSv1.2", "TLSv1.3"]);
    assert.equal(SslPolicies![0]!.Ciphers![0]!.Name, "TLS_AES_128_GCM_SHA256");
    await assert.rejects(elb.describeSSLPolicies({ Names: ["none"] }), refused("SSLPolicyNotFoundException"));
    await assert.rejects(
      elb.createTrustStore({ Name: "a", CaCertificatesBundleS3Bucket: "b", CaCertificatesBundleS3Key: "c" }),
      refused("NotImplemented"),
    );
  });

  test("all of it is there after the power went", async () => {
    const LoadBalancerArn = await loadBalancer("kept");
    const ListenerArn = await listener(LoadBalancerArn, text("kept"));
    const { api } = await instance.rolePids();
    process.kill(api!, "SIGKILL");
    await eventually(async () => {
      const { Rules } = await elb.describeRules({ ListenerArn });
      return Rules!.length === 1;
    });
    await eventually(async () => {
      const { LoadBalancers } = await elb.describeLoadBalancers({ LoadBalancerArns: [LoadBalancerArn] });
      return LoadBalancers![0]!.State!.Code === "active";
    });
  });
});
