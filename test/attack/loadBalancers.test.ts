/** The administrator of another account against load balancers, their network and their certificates. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { ACM } from "@aws-sdk/client-acm";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { S3 } from "@aws-sdk/client-s3";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { run } from "../cli.ts";
import { otherAccount, policy, refusal } from "./people.ts";
import { settled, writesFrom } from "./state.ts";

let instance: Instance;
let attacker: { elb: ElasticLoadBalancingV2; ec2: EC2; acm: ACM };
const victim = { balancer: "", listener: "", rule: "", targets: "", certificate: "", group: "", subnet: "", vpc: "" };
let interfaceId: string;

const fixed = [{ Type: "fixed-response" as const, FixedResponseConfig: { StatusCode: "200" } }];

before(async () => {
  instance = await startInstance();
  const { credentials } = await otherAccount(instance);
  const config = { ...instance.client, credentials };
  attacker = { elb: new ElasticLoadBalancingV2(config), ec2: new EC2(config), acm: new ACM(config) };
  const elb = new ElasticLoadBalancingV2(instance.client);
  const ec2 = new EC2(instance.client);
  const { Subnets } = await ec2.describeSubnets({});
  victim.subnet = Subnets![0]!.SubnetId!;
  victim.vpc = Subnets![0]!.VpcId!;
  victim.group = (await ec2.createSecurityGroup({ GroupName: "victim", Description: "victim" })).GroupId!;
  const made = await elb.createLoadBalancer({
    Name: "victim",
    Subnets: Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!),
    SecurityGroups: [victim.group],
  });
  victim.balancer = made.LoadBalancers![0]!.LoadBalancerArn!;
  const listened = await elb.createListener({
    LoadBalancerArn: victim.balancer,
    Protocol: "HTTP",
    Port: 43_211,
    DefaultActions: fixed,
  });
  victim.listener = listened.Listeners![0]!.ListenerArn!;
  victim.rule = (await elb.describeRules({ ListenerArn: victim.listener })).Rules![0]!.RuleArn!;
  const group = { Name: "victim", Protocol: "HTTP" as const, Port: 80, VpcId: victim.vpc, TargetType: "ip" as const };
  victim.targets = (await elb.createTargetGroup(group)).TargetGroups![0]!.TargetGroupArn!;
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=victim", "-keyout", "-", "-out", "-"];
  const { stdout } = await run("openssl", ["req", "-x509", ...key], { PATH: process.env["PATH"] });
  const pem = (kind: string) =>
    Buffer.from(new RegExp(`-----BEGIN ${kind}[\\s\\S]+?-----END ${kind}-----\n`).exec(stdout)![0]);
  const pair = { Certificate: pem("CERTIFICATE"), PrivateKey: pem("PRIVATE KEY") };
  victim.certificate = (await new ACM(instance.client).importCertificate(pair)).CertificateArn!;
  interfaceId = await eventually(async () => {
    const { NetworkInterfaces } = await ec2.describeNetworkInterfaces({});
    return NetworkInterfaces!.length === 2 && NetworkInterfaces![0]!.NetworkInterfaceId!;
  });
  await settled(instance);
});
after(() => instance?.stop());

test("what is another account's is not found, and nothing is done to it", async () => {
  const { elb, ec2, acm } = attacker;
  // The own network and role are there before: what is written from here on would be the attack's.
  const own = (await ec2.describeSubnets({})).Subnets!;
  const mine = await elb.createLoadBalancer({
    Name: "mine",
    Subnets: own.slice(0, 2).map(({ SubnetId }) => SubnetId!),
  });
  const LoadBalancerArn = mine.LoadBalancers![0]!.LoadBalancerArn!;
  await settled(instance);
  const writes = await writesFrom(instance);
  const certificates = [{ CertificateArn: victim.certificate }];
  const attempts: Record<string, () => Promise<unknown>> = {
    "delete the load balancer's listener": () => elb.deleteListener({ ListenerArn: victim.listener }),
    "look at its attributes": () => elb.describeLoadBalancerAttributes({ LoadBalancerArn: victim.balancer }),
    "change its attributes": () =>
      elb.modifyLoadBalancerAttributes({
        LoadBalancerArn: victim.balancer,
        Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "1" }],
      }),
    "change its rule": () => elb.modifyListener({ ListenerArn: victim.listener, DefaultActions: fixed }),
    "delete its rule": () => elb.deleteRule({ RuleArn: victim.rule }),
    "add a target": () => elb.registerTargets({ TargetGroupArn: victim.targets, Targets: [{ Id: "127.0.0.1" }] }),
    "tag it": () => elb.addTags({ ResourceArns: [victim.balancer], Tags: [{ Key: "a", Value: "b" }] }),
    "forward to its targets": () =>
      elb.createListener({
        LoadBalancerArn,
        Protocol: "HTTP",
        Port: 43_212,
        DefaultActions: [{ Type: "forward", TargetGroupArn: victim.targets }],
      }),
    "serve with its certificate": () =>
      elb.createListener({
        LoadBalancerArn,
        Protocol: "HTTPS",
        Port: 43_213,
        Certificates: certificates,
        DefaultActions: fixed,
      }),
    "a load balancer in its subnets": () =>
      elb.createLoadBalancer({
        Name: "inside",
        Subnets: [victim.subnet, own[1]!.SubnetId!],
      }),
    "its security group": () => elb.setSecurityGroups({ LoadBalancerArn, SecurityGroups: [victim.group] }),
    "look at the certificate": () => acm.describeCertificate({ CertificateArn: victim.certificate }),
    "delete the certificate": () => acm.deleteCertificate({ CertificateArn: victim.certificate }),
    "open its security group": () =>
      ec2.authorizeSecurityGroupIngress({
        GroupId: victim.group,
        IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
      }),
    "delete its network interface": () => ec2.deleteNetworkInterface({ NetworkInterfaceId: interfaceId }),
    "a subnet in its VPC": () => ec2.createSubnet({ VpcId: victim.vpc, CidrBlock: "172.31.240.0/24" }),
  };
  const found: string[] = [];
  for (const [what, call] of Object.entries(attempts)) {
    const code = await refusal(call());
    if (!/NotFound|InvalidSecurityGroupException/.test(code)) found.push(`${what}: ${code}`);
  }
  assert.deepEqual(found, []);
  await elb.deleteLoadBalancer({ LoadBalancerArn: victim.balancer });
  // Sessions of the attacker's own service-linked role are its own.
  assert.deepEqual(
    (await writes()).filter((each) => !each.startsWith("sts/session/")),
    [],
  );
});

test("a network interface of a load balancer is nobody's to change, not even the account's administrator", async () => {
  const ec2 = new EC2(instance.client);
  const change = { NetworkInterfaceId: interfaceId };
  assert.equal(await refusal(ec2.deleteNetworkInterface(change)), "InvalidParameterValue");
  const Groups = (await ec2.describeSecurityGroups({ GroupNames: ["default"] })).SecurityGroups!.map(
    ({ GroupId }) => GroupId!,
  );
  assert.equal(await refusal(ec2.modifyNetworkInterfaceAttribute({ ...change, Groups })), "OperationNotPermitted");
  assert.equal(await refusal(ec2.createNetworkInterface({ SubnetId: victim.subnet })), "UnsupportedOperation");
});

test("logs go only into buckets that let in this very load balancer", async () => {
  const s3 = new S3(instance.s3Client);
  await s3.createBucket({ Bucket: "logs" });
  const statement = (rest: object) =>
    policy({
      Effect: "Allow",
      Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: "arn:aws:s3:::logs/*",
      ...rest,
    });
  const account = { StringEquals: { "aws:SourceAccount": instance.ready.accountId } };
  await s3.putBucketPolicy({ Bucket: "logs", Policy: statement({ Condition: account }) });
  const { LoadBalancers } = await attacker.elb.describeLoadBalancers({ Names: ["mine"] });
  const Attributes = [
    { Key: "access_logs.s3.enabled", Value: "true" },
    { Key: "access_logs.s3.bucket", Value: "logs" },
  ];
  const LoadBalancerArn = LoadBalancers![0]!.LoadBalancerArn!;
  const enable = attacker.elb.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes });
  assert.equal(await refusal(enable), "InvalidConfigurationRequestException");
  const own = new ElasticLoadBalancingV2(instance.client);
  await own.modifyLoadBalancerAttributes({ LoadBalancerArn: victim.balancer, Attributes });
});
