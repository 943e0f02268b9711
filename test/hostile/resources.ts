/** Real things that hostile requests name, so that they get past "does not exist". */
import {
  AddUserToGroupCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import { CreateDetectorCommand, CreateFilterCommand, GuardDutyClient } from "@aws-sdk/client-guardduty";
import { CreateAliasCommand, CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, CreateMultipartUploadCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { EC2, waitUntilVolumeAvailable } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudTrailClient, CreateTrailCommand } from "@aws-sdk/client-cloudtrail";
import { PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import type { Instance } from "../instance.ts";
import type { Known } from "./values.ts";

const name = "hostile";
const bucket = "hostile-bucket";

/** By service, ordinary values of members by name. */
export async function createResources(instance: Instance): Promise<Record<string, Known>> {
  const { accountId } = instance.ready;
  const iam = new IAMClient(instance.client);
  const trust = policy({ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" });
  const document = policy({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
  await iam.send(new CreateUserCommand({ UserName: name }));
  await iam.send(new CreateGroupCommand({ GroupName: name }));
  await iam.send(new AddUserToGroupCommand({ GroupName: name, UserName: name }));
  const role = await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust }));
  const own = await iam.send(new CreatePolicyCommand({ PolicyName: name, PolicyDocument: document }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));

  const kms = new KMSClient(instance.client);
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  await kms.send(new CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: KeyMetadata!.KeyId! }));
  const { CiphertextBlob } = await kms.send(
    new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("x") }),
  );

  const s3 = new S3Client(instance.s3Client);
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "object", Body: "body" }));
  const upload = await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: "object" }));
  const bucketPolicy = policy({
    Effect: "Allow",
    Principal: { Service: "cloudtrail.amazonaws.com" },
    Action: ["s3:GetBucketAcl", "s3:PutObject"],
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: bucketPolicy }));
  const trail = await new CloudTrailClient(instance.client).send(
    new CreateTrailCommand({ Name: name, S3BucketName: bucket }),
  );

  const guardduty = new GuardDutyClient(instance.client);
  const { DetectorId } = await guardduty.send(new CreateDetectorCommand({ Enable: true }));
  const criteria = { Criterion: { severity: { Gte: 4 } } };
  await guardduty.send(new CreateFilterCommand({ DetectorId, Name: name, FindingCriteria: criteria }));

  const events = new EventBridge(instance.client);
  const EventPattern = '{"source":["hostile"]}';
  const { RuleArn } = await events.putRule({ Name: name, EventPattern });
  const { EventBusArn } = await events.createEventBus({ Name: name });
  await events.createArchive({ ArchiveName: name, EventSourceArn: EventBusArn });
  const { ConnectionArn } = await events.createConnection({
    Name: name,
    AuthorizationType: "API_KEY",
    AuthParameters: { ApiKeyAuthParameters: { ApiKeyName: "k", ApiKeyValue: "v" } },
  });

  return {
    ...(await networkResources(instance)),
    events: {
      Name: name,
      Rule: name,
      EventPattern,
      ResourceARN: RuleArn!,
      ArchiveName: name,
      EventSourceArn: EventBusArn!,
      ConnectionArn: ConnectionArn!,
      InvocationEndpoint: "https://hook.example/*",
      ScheduleExpression: "rate(1 day)",
      Input: "{}",
      InputPath: "$.detail",
      InputTemplate: '"<name>"',
      Detail: "{}",
      Tags: [{ Key: "key", Value: "value" }],
      TagKeys: ["key"],
    },
    iam: {
      UserName: name,
      GroupName: name,
      RoleName: name,
      PolicyName: name,
      InstanceProfileName: name,
      ServerCertificateName: name,
      PolicyArn: own.Policy!.Arn!,
      PolicySourceArn: own.Policy!.Arn!,
      PermissionsBoundary: own.Policy!.Arn!,
      Arn: own.Policy!.Arn!,
      PolicyDocument: document,
      AssumeRolePolicyDocument: trust,
      PolicyInputList: [document],
      ActionNames: ["s3:GetObject"],
      AccessKeyId: AccessKey!.AccessKeyId!,
      Tags: [{ Key: "key", Value: "value" }],
      TagKeys: ["key"],
      SerialNumber: `arn:aws:iam::${accountId}:mfa/${name}`,
      OpenIDConnectProviderArn: `arn:aws:iam::${accountId}:oidc-provider/${name}`,
      SAMLProviderArn: `arn:aws:iam::${accountId}:saml-provider/${name}`,
      VersionId: "v1",
      AWSServiceName: "cloudtrail.amazonaws.com",
      ServiceNamespace: "s3",
      ServiceNamespaces: ["s3"],
      Url: "https://idp.example.com",
      Status: "Active",
    },
    kms: {
      KeyId: KeyMetadata!.KeyId!,
      TargetKeyId: KeyMetadata!.KeyId!,
      SourceKeyId: KeyMetadata!.KeyId!,
      DestinationKeyId: KeyMetadata!.KeyId!,
      AliasName: `alias/${name}`,
      CiphertextBlob: Buffer.from(CiphertextBlob!),
      GranteePrincipal: role.Role!.Arn!,
      Policy: policy({
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: "kms:*",
        Resource: "*",
      }),
      Tags: [{ TagKey: "key", TagValue: "value" }],
      TagKeys: ["key"],
      NumberOfBytes: 32,
      // RSA pairs take the key holder long; their number here is no fault of the input.
      KeyPairSpec: "ECC_NIST_P256",
    },
    sts: { RoleArn: role.Role!.Arn!, RoleSessionName: name, Name: name },
    s3: { Bucket: bucket, Key: "object", UploadId: upload.UploadId!, PartNumber: 1, CopySource: `${bucket}/object` },
    s3control: { AccountId: accountId, Name: name, Bucket: bucket, Policy: document },
    guardduty: {
      DetectorId: DetectorId!,
      FilterName: name,
      Name: name,
      FindingCriteria: criteria,
      Location: `s3://${bucket}/object`,
      AdminAccountId: accountId,
      ResourceArn: `arn:aws:guardduty:${instance.ready.region}:${accountId}:detector/${DetectorId}`,
      Tags: { key: "value" },
      TagKeys: ["key"],
    },
    cloudtrail: {
      Name: name,
      TrailName: name,
      S3BucketName: bucket,
      ResourceId: trail.TrailARN!,
      ResourceIdList: [trail.TrailARN!],
      TagsList: [{ Key: "key", Value: "value" }],
    },
  };
}

/** The network of the account, and a load balancer in it. */
async function networkResources(instance: Instance): Promise<Record<string, Known>> {
  const ec2 = new EC2(instance.client);
  const { Subnets } = await ec2.describeSubnets({});
  const [{ VpcId, SubnetId }] = Subnets as [{ VpcId: string; SubnetId: string }];
  const { GroupId } = await ec2.createSecurityGroup({ GroupName: name, Description: name });
  const { SecurityGroupRules } = await ec2.describeSecurityGroupRules({});
  const { RouteTables } = await ec2.describeRouteTables({});
  const { InternetGateways } = await ec2.describeInternetGateways({});
  const list = { PrefixListName: name, AddressFamily: "IPv4", MaxEntries: 5 };
  const { PrefixList } = await ec2.createManagedPrefixList(list);
  const { VolumeId } = await ec2.createVolume({ AvailabilityZone: Subnets![0]!.AvailabilityZone, Size: 1 });
  await waitUntilVolumeAvailable({ client: ec2 as never, maxWaitTime: 60, minDelay: 1 }, { VolumeIds: [VolumeId!] });
  const { SnapshotId } = await ec2.createSnapshot({ VolumeId });
  const elb = new ElasticLoadBalancingV2(instance.client);
  const first = Subnets!.slice(0, 2).map((subnet) => subnet.SubnetId!);
  const balancer = await elb.createLoadBalancer({ Name: name, Subnets: first, SecurityGroups: [GroupId!] });
  const LoadBalancerArn = balancer.LoadBalancers![0]!.LoadBalancerArn!;
  const DefaultActions = [{ Type: "fixed-response" as const, FixedResponseConfig: { StatusCode: "200" } }];
  const { Listeners } = await elb.createListener({ LoadBalancerArn, Protocol: "HTTP", Port: 43_017, DefaultActions });
  const ListenerArn = Listeners![0]!.ListenerArn!;
  const { Rules } = await elb.describeRules({ ListenerArn });
  const group = { Name: name, Protocol: "HTTP" as const, Port: 80, VpcId, TargetType: "ip" as const };
  const { TargetGroups } = await elb.createTargetGroup(group);
  const TargetGroupArn = TargetGroups![0]!.TargetGroupArn!;
  return {
    ec2: {
      VpcId,
      SubnetId,
      GroupId: GroupId!,
      SecurityGroupRuleId: SecurityGroupRules![0]!.SecurityGroupRuleId!,
      RouteTableId: RouteTables![0]!.RouteTableId!,
      AssociationId: RouteTables![0]!.Associations![0]!.RouteTableAssociationId!,
      InternetGatewayId: InternetGateways![0]!.InternetGatewayId!,
      GatewayId: InternetGateways![0]!.InternetGatewayId!,
      PrefixListId: PrefixList!.PrefixListId!,
      PrefixListName: name,
      VolumeId: VolumeId!,
      SnapshotId: SnapshotId!,
      SourceSnapshotId: SnapshotId!,
      SourceRegion: "us-east-1",
      GroupName: name,
      CidrBlock: "10.0.0.0/24",
      DestinationCidrBlock: "10.9.0.0/16",
      AddressFamily: "IPv4",
      Resources: [VpcId],
      Tags: [{ Key: "key", Value: "value" }],
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 1, ToPort: 2, IpRanges: [{ CidrIp: "10.0.0.0/8" }] }],
    },
    elbv2: {
      LoadBalancerArn,
      ListenerArn,
      RuleArn: Rules![0]!.RuleArn!,
      TargetGroupArn,
      VpcId,
      Subnets: first,
      SecurityGroups: [GroupId!],
      Name: name,
      Port: 80,
      Protocol: "HTTP",
      DefaultActions,
      Actions: DefaultActions,
      Conditions: [{ Field: "path-pattern", Values: ["/a"] }],
      Targets: [{ Id: "127.0.0.1" }],
      Certificates: [{ CertificateArn: `arn:aws:acm:us-east-1:${instance.ready.accountId}:certificate/${name}` }],
      Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "60" }],
      RulePriorities: [{ RuleArn: Rules![0]!.RuleArn!, Priority: 1 }],
      ResourceArns: [LoadBalancerArn],
      Tags: [{ Key: "key", Value: "value" }],
      TagKeys: ["key"],
    },
    acm: {
      CertificateArn: `arn:aws:acm:${instance.ready.region}:${instance.ready.accountId}:certificate/${name}`,
      Tags: [{ Key: "key", Value: "value" }],
    },
  };
}

function policy(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
