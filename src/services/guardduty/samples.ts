/**
 * Sample findings: one of a type, in the shape that findings of the type have, with values that are plainly made up.
 * "The generated sample findings include fictitious details … marked with a prefix [SAMPLE]."
 * Source: GuardDuty User Guide, "Sample findings"; API Reference, CreateSampleFindings, Resource, Service.
 */
import { partitionOf } from "#kernel/arn.ts";
import { findingId } from "#engines/guard/findingId.ts";
import { affectedResource, severityOf, type DataSource, type FindingType } from "#engines/guard/findingTypes.ts";
import type { Finding } from "./sdk.ts";
import { detectorArn, type Detector } from "./state.ts";

type Resource = NonNullable<Finding["Resource"]>;
type Action = NonNullable<NonNullable<Finding["Service"]>["Action"]>;
type Service = NonNullable<Finding["Service"]>;

/** Addresses of RFC 5737. */
const remote = { IpAddressV4: "198.51.100.0" };
const local = { IpAddressV4: "192.0.2.1" };
const tag = { Key: "GeneratedFindingTagKey", Value: "GeneratedFindingTagValue" };

interface Place {
  account: string;
  region: string;
  partition: string;
  at: Date;
}

const accessKey: Resource = {
  ResourceType: "AccessKey",
  AccessKeyDetails: {
    AccessKeyId: "GeneratedFindingAccessKeyId",
    PrincipalId: "GeneratedFindingPrincipalId",
    UserType: "IAMUser",
    UserName: "GeneratedFindingUserName",
  },
};

const bucket = ({ partition, at }: Place) => ({
  Arn: `arn:${partition}:s3:::generated-finding-bucket`,
  Name: "generated-finding-bucket",
  Type: "Destination",
  CreatedAt: at,
  Owner: { Id: "GeneratedFindingOwnerId" },
  Tags: [tag],
  PublicAccess: { EffectivePermission: "NOT_PUBLIC" },
});

const instance: Resource = {
  ResourceType: "Instance",
  InstanceDetails: {
    InstanceId: "i-99999999",
    InstanceType: "m3.xlarge",
    InstanceState: "running",
    ImageId: "ami-99999999",
    LaunchTime: "2016-08-02T02:05:06Z",
    NetworkInterfaces: [
      {
        NetworkInterfaceId: "eni-99999999",
        PrivateIpAddress: local.IpAddressV4,
        PrivateIpAddresses: [{ PrivateIpAddress: local.IpAddressV4 }],
        PublicIp: remote.IpAddressV4,
        SecurityGroups: [{ GroupId: "sg-99999999", GroupName: "GeneratedFindingSecurityGroupName" }],
        SubnetId: "subnet-99999999",
        VpcId: "vpc-99999999",
        Ipv6Addresses: [],
      },
    ],
    Tags: [tag],
  },
};

const cluster = ({ account, region, partition, at }: Place): Resource => ({
  ResourceType: "EKSCluster",
  EksClusterDetails: {
    Name: "GeneratedFindingEKSClusterName",
    Arn: `arn:${partition}:eks:${region}:${account}:cluster/GeneratedFindingEKSClusterName`,
    VpcId: "vpc-99999999",
    Status: "ACTIVE",
    CreatedAt: at,
    Tags: [tag],
  },
  KubernetesDetails: {
    KubernetesUserDetails: { Username: "GeneratedFindingUserName", Uid: "GeneratedFindingUID", Groups: [] },
  },
});

const container: NonNullable<Resource["ContainerDetails"]> = {
  Id: "GeneratedFindingContainerId",
  Name: "GeneratedFindingContainerName",
  Image: "GeneratedFindingContainerImage",
};

const taskCluster = ({ account, region, partition }: Place): Resource => ({
  ResourceType: "ECSCluster",
  EcsClusterDetails: {
    Name: "GeneratedFindingECSClusterName",
    Arn: `arn:${partition}:ecs:${region}:${account}:cluster/GeneratedFindingECSClusterName`,
    Status: "ACTIVE",
    Tags: [tag],
  },
});

const lambda = ({ account, region, partition, at }: Place): Resource => ({
  ResourceType: "Lambda",
  LambdaDetails: {
    FunctionName: "GeneratedFindingFunctionName",
    FunctionArn: `arn:${partition}:lambda:${region}:${account}:function:GeneratedFindingFunctionName`,
    FunctionVersion: "$LATEST",
    LastModifiedAt: at,
    Tags: [tag],
  },
});

const database = ({ account, region, partition }: Place): Resource => ({
  ResourceType: "RDSDBInstance",
  RdsDbInstanceDetails: {
    DbInstanceIdentifier: "generated-finding-db-instance",
    DbInstanceArn: `arn:${partition}:rds:${region}:${account}:db:generated-finding-db-instance`,
    Engine: "Aurora PostgreSQL",
    EngineVersion: "13.6",
    Tags: [tag],
  },
  RdsDbUserDetails: { User: "GeneratedFindingUserName", Database: "GeneratedFindingDatabaseName", Ssl: "SSL" },
});

/** By the resource that the type names; those that are not here are instances. */
const resources: Readonly<Record<string, (place: Place, type: FindingType) => Resource>> = {
  IAMUser: () => accessKey,
  S3: (place, { source }) => ({
    ...accessKey,
    ResourceType: source === "cloudTrail" ? "AccessKey" : "S3Bucket",
    S3BucketDetails: [bucket(place)],
  }),
  Lambda: lambda,
  Kubernetes: cluster,
  EKS: cluster,
  RDS: database,
  ECS: taskCluster,
  Container: (place) => ({ ...cluster(place), ResourceType: "Container", ContainerDetails: container }),
  IAM: () => accessKey,
};

const network: Action = {
  ActionType: "NETWORK_CONNECTION",
  NetworkConnectionAction: {
    Blocked: false,
    ConnectionDirection: "OUTBOUND",
    Protocol: "TCP",
    LocalIpDetails: local,
    LocalPortDetails: { Port: 39677, PortName: "Unknown" },
    RemoteIpDetails: remote,
    RemotePortDetails: { Port: 80, PortName: "HTTP" },
  },
};

const apiCall: Action = {
  ActionType: "AWS_API_CALL",
  AwsApiCallAction: {
    Api: "GeneratedFindingAPIName",
    ServiceName: "GeneratedFindingAPIServiceName",
    CallerType: "Remote IP",
    RemoteIpDetails: remote,
    AffectedResources: {},
  },
};

/** What was done, by where it was seen. */
const actions: Readonly<Partial<Record<DataSource, Action>>> = {
  cloudTrail: apiCall,
  s3DataEvents: apiCall,
  flowLogs: network,
  lambdaNetwork: network,
  dnsLogs: {
    ActionType: "DNS_REQUEST",
    DnsRequestAction: { Domain: "generatedfindingdomain.example", Protocol: "UDP", Blocked: false },
  },
  eksAuditLogs: {
    ActionType: "KUBERNETES_API_CALL",
    KubernetesApiCallAction: {
      RequestUri: "GeneratedFindingRequestURI",
      Verb: "GeneratedFindingVerb",
      SourceIps: [remote.IpAddressV4],
      UserAgent: "GeneratedFindingUserAgent",
      RemoteIpDetails: remote,
      StatusCode: 200,
    },
  },
  rdsLogins: {
    ActionType: "RDS_LOGIN_ATTEMPT",
    RdsLoginAttemptAction: {
      RemoteIpDetails: remote,
      LoginAttributes: [{ User: "GeneratedFindingUserName", FailedLoginAttempts: 1, SuccessfulLoginAttempts: 0 }],
    },
  },
};

const probe: Action = {
  ActionType: "PORT_PROBE",
  PortProbeAction: {
    Blocked: false,
    PortProbeDetails: [
      { LocalPortDetails: { Port: 80, PortName: "HTTP" }, LocalIpDetails: local, RemoteIpDetails: remote },
    ],
  },
};

/** Members of `Service` that only findings of a source have. */
function serviceDetails({ source }: FindingType, { at, account, region, partition }: Place, id: string): Service {
  if (source === "runtimeMonitoring") {
    return {
      RuntimeDetails: {
        Process: {
          Name: "GeneratedFindingProcessName",
          ExecutablePath: "/GeneratedFindingExecutablePath",
          Pid: 1234,
          StartTime: at,
          Uuid: "GeneratedFindingProcessUuid",
          User: "GeneratedFindingUserName",
          UserId: 1000,
          Euid: 1000,
        },
      },
    };
  }
  if (source === "malwareScan") {
    return {
      MalwareScanDetails: {
        ScanId: "GeneratedFindingScanId",
        UniqueThreatCount: 1,
        Threats: [{ Name: "EICAR-Test-File", Source: "AMAZON" }],
      },
    };
  }
  if (source !== "correlation") return {};
  const uid = `arn:${partition}:guardduty:${region}:${account}:sample/${id}`;
  return {
    Detection: {
      Sequence: {
        Uid: uid,
        Description: "GeneratedFindingSequenceDescription",
        Signals: [
          {
            Uid: `${uid}/signal`,
            Type: "CLOUD_TRAIL",
            Name: "GeneratedFindingSignalName",
            CreatedAt: at,
            UpdatedAt: at,
            FirstSeenAt: at,
            LastSeenAt: at,
            Count: 1,
          },
        ],
        SequenceIndicators: [{ Key: "HIGH_RISK_API", Values: ["GeneratedFindingAPIName"] }],
      },
    },
  };
}

/** @param now epoch milliseconds */
export function sampleFinding(detector: Detector, type: FindingType, now: number): Finding {
  const { account, region } = detector;
  const place: Place = { account, region, partition: partitionOf(region), at: new Date(now) };
  const id = findingId(detector.id, type.type, "sample");
  const time = place.at.toISOString();
  const action = type.type.startsWith("Recon:EC2/PortProbe") ? probe : actions[type.source];
  const resource = resources[affectedResource(type.type)]?.(place, type) ?? instance;
  return {
    SchemaVersion: "2.0",
    AccountId: account,
    Region: region,
    Partition: place.partition,
    Id: id,
    Arn: `${detectorArn(detector)}/finding/${id}`,
    Type: type.type,
    Severity: severityOf[type.band],
    Title: `[SAMPLE] ${type.type}`,
    Description: `[SAMPLE] A sample finding of the type ${type.type}. Its details are made up.`,
    CreatedAt: time,
    UpdatedAt: time,
    Resource: type.source === "correlation" ? { ...resource, ResourceType: "AttackSequence" } : resource,
    Service: {
      ServiceName: "guardduty",
      DetectorId: detector.id,
      ...(action === undefined ? {} : { Action: action }),
      ResourceRole: "TARGET",
      AdditionalInfo: { Value: JSON.stringify({ sample: true }), Type: "default" },
      EventFirstSeen: time,
      EventLastSeen: time,
      Archived: false,
      Count: 1,
      ...serviceDetails(type, place, id),
    },
  };
}
