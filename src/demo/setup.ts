/**
 * What a team sets up around its application, by API calls like anybody's: a load balancer with a web ACL, a trail, a
 * detector, a hub of findings, and a rule that tells of findings. Again and again it comes to the same.
 */
import { tag, tags, unless, type Api } from "./client.ts";
import { blockedAddress, scannerHeader } from "./visitors.ts";

export interface Surroundings {
  api: Api;
  account: string;
  region: string;
  /** Of the application. */
  port: number;
}

export interface Stage {
  /** Of the application, through the load balancer. */
  url: string;
  trail: string;
  bucket: string;
}

const name = "demo";
/** Every load balancer has an address of its own, so the port is free. */
const listenerPort = 8080;

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

export async function setUp(surroundings: Surroundings): Promise<Stage> {
  const { api, account } = surroundings;
  const { arn, dns } = await loadBalancer(surroundings);
  await protect(api, arn);
  await unless(["BadRequestException"], () => api.rest("guardduty", "POST", "/detector", { enable: true }));
  await unless(["ResourceConflictException"], () => api.rest("securityhub", "POST", "/accounts", {}));
  await notifications(surroundings);
  const bucket = `${name}-trail-${account}`;
  await logging(api, bucket);
  return { url: `http://${dns}:${listenerPort}/`, trail: name, bucket };
}

async function loadBalancer({ api, port }: Surroundings): Promise<{ arn: string; dns: string }> {
  const elb = (action: string, input: object) => api.query("elasticloadbalancing", action, { ...input });
  const there = await unless(["LoadBalancerNotFound"], () => elb("DescribeLoadBalancers", { Names: [name] }));
  const found = there && { arn: tag(there, "LoadBalancerArn")!, dns: tag(there, "DNSName")! };
  if (found) return found;
  const subnets = await api.query("ec2", "DescribeSubnets", {});
  const vpc = tag(subnets, "vpcId")!;
  const group = tag(
    await api.query("ec2", "CreateSecurityGroup", { GroupName: name, GroupDescription: "The shop", VpcId: vpc }),
    "groupId",
  )!;
  const IpPermissions = [
    { IpProtocol: "tcp", FromPort: listenerPort, ToPort: listenerPort, IpRanges: [{ CidrIp: "127.0.0.0/8" }] },
  ];
  await api.query("ec2", "AuthorizeSecurityGroupIngress", { GroupId: group, IpPermissions });
  const made = await elb("CreateLoadBalancer", {
    Name: name,
    Subnets: tags(subnets, "subnetId").slice(0, 2),
    SecurityGroups: [group],
  });
  const target = { Name: name, Protocol: "HTTP", Port: port, VpcId: vpc, TargetType: "ip" };
  const health = { HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 2, HealthyThresholdCount: 2 };
  const TargetGroupArn = tag(await elb("CreateTargetGroup", { ...target, ...health }), "TargetGroupArn")!;
  await elb("RegisterTargets", { TargetGroupArn, Targets: [{ Id: "127.0.0.1", Port: port }] });
  const LoadBalancerArn = tag(made, "LoadBalancerArn")!;
  const DefaultActions = [{ Type: "forward", TargetGroupArn }];
  await elb("CreateListener", { LoadBalancerArn, Protocol: "HTTP", Port: listenerPort, DefaultActions });
  return { arn: LoadBalancerArn, dns: tag(made, "DNSName")! };
}

const visible = (MetricName: string) => ({
  VisibilityConfig: { SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName },
});
const field = (FieldToMatch: object) => ({ FieldToMatch, TextTransformations: [{ Priority: 0, Type: "URL_DECODE" }] });
const body = { Body: { OversizeHandling: "CONTINUE" } };

/** One rule of each kind that the demonstration's attacker meets. */
function rules(ipSet: string): object[] {
  const statements: [string, object][] = [
    ["listed-address", { IPSetReferenceStatement: { ARN: ipSet } }],
    [
      "scanner",
      {
        ByteMatchStatement: {
          ...field({ SingleHeader: { Name: scannerHeader.name } }),
          SearchString: Buffer.from(scannerHeader.value).toString("base64"),
          PositionalConstraint: "CONTAINS",
        },
      },
    ],
    [
      "traversal",
      {
        ByteMatchStatement: {
          ...field(body),
          SearchString: Buffer.from("../../etc/passwd").toString("base64"),
          PositionalConstraint: "CONTAINS",
        },
      },
    ],
    ["sql-injection", { SqliMatchStatement: { ...field({ AllQueryArguments: {} }), SensitivityLevel: "HIGH" } }],
    ["script", { XssMatchStatement: field({ AllQueryArguments: {} }) }],
    ["rate", { RateBasedStatement: { Limit: 100, EvaluationWindowSec: 60, AggregateKeyType: "IP" } }],
  ];
  return statements.map(([Name, Statement], index) => ({
    Name,
    Priority: index + 1,
    Statement,
    Action: { Block: {} },
    ...visible(`${name}-${Name}`),
  }));
}

interface Summary {
  Name: string;
  ARN: string;
}

async function protect(api: Api, ResourceArn: string): Promise<void> {
  const Scope = "REGIONAL";
  const { IPSets } = await api.json<{ IPSets: Summary[] }>("wafv2", "ListIPSets", { Scope });
  const listed =
    IPSets.find((each) => each.Name === name) ??
    (
      await api.json<{ Summary: Summary }>("wafv2", "CreateIPSet", {
        Name: name,
        Scope,
        IPAddressVersion: "IPV4",
        Addresses: [`${blockedAddress}/32`],
      })
    ).Summary;
  const { WebACLs } = await api.json<{ WebACLs: Summary[] }>("wafv2", "ListWebACLs", { Scope });
  const acl =
    WebACLs.find((each) => each.Name === name) ??
    (
      await api.json<{ Summary: Summary }>("wafv2", "CreateWebACL", {
        Name: name,
        Scope,
        DefaultAction: { Allow: {} },
        Rules: rules(listed.ARN),
        ...visible(name),
      })
    ).Summary;
  await api.json("wafv2", "AssociateWebACL", { WebACLArn: acl.ARN, ResourceArn });
}

async function notifications({ api, account, region, port }: Surroundings): Promise<void> {
  const topic = `arn:aws:sns:${region}:${account}:${name}-findings`;
  await api.query("sns", "CreateTopic", { Name: `${name}-findings` });
  const { RuleArn } = await api.json<{ RuleArn: string }>("events", "PutRule", {
    Name: `${name}-findings`,
    EventPattern: JSON.stringify({ source: ["aws.guardduty"], "detail-type": ["GuardDuty Finding"] }),
  });
  const Condition = { ArnEquals: { "aws:SourceArn": RuleArn } };
  const Principal = { Service: "events.amazonaws.com" };
  const AttributeValue = document({ Effect: "Allow", Principal, Action: "sns:Publish", Resource: topic, Condition });
  await api.query("sns", "SetTopicAttributes", { TopicArn: topic, AttributeName: "Policy", AttributeValue });
  await api.json("events", "PutTargets", { Rule: `${name}-findings`, Targets: [{ Id: "topic", Arn: topic }] });
  const Endpoint = `http://127.0.0.1:${port}/hook`;
  await api.query("sns", "Subscribe", { TopicArn: topic, Protocol: "http", Endpoint });
}

async function logging(api: Api, bucket: string): Promise<void> {
  await unless(["BucketAlreadyOwnedByYou"], () => api.s3("PUT", `/${bucket}`));
  const cloudtrail = { Effect: "Allow", Principal: { Service: "cloudtrail.amazonaws.com" } };
  const policy = document(
    { ...cloudtrail, Action: "s3:GetBucketAcl", Resource: `arn:aws:s3:::${bucket}` },
    { ...cloudtrail, Action: "s3:PutObject", Resource: `arn:aws:s3:::${bucket}/AWSLogs/*` },
  );
  await api.s3("PUT", `/${bucket}`, { policy: "" }, policy);
  await unless(["TrailAlreadyExistsException"], () =>
    api.json("cloudtrail", "CreateTrail", { Name: name, S3BucketName: bucket }),
  );
  await api.json("cloudtrail", "StartLogging", { Name: name });
}
