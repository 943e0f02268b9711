/**
 * Operations whose action has another name, several actions, or none. Every other operation is authorized by
 * `<prefix>:<Operation>`, which a test compares with AWS's service authorization reference for every operation of
 * every model.
 *
 * Sources: Service Authorization Reference ("API operations defined by Amazon S3" and the page of each service);
 * Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".
 */
export interface OperationRow {
  operation: string;
  /** Empty: anybody who is authenticated may call it. */
  actions: readonly string[];
  reason: string;
}

/** Authorized by the HTTP method: `apigateway:GET`, `apigateway:POST` … unless the operation has an action itself. */
export const actionsByHttpMethod: ReadonlySet<string> = new Set(["apigateway"]);

/** The one action stands for the operation under another name. */
function renamed(prefix: string, reason: string, names: Readonly<Record<string, string>>): OperationRow[] {
  return Object.entries(names).map(([operation, name]) => ({
    operation,
    actions: [name.includes(":") ? name : `${prefix}:${name}`],
    reason,
  }));
}

/** The SDK knows the operation, the reference does not list its action yet: it carries the operation's name. */
function unlisted(prefix: string, operations: string): OperationRow[] {
  return operations
    .split(" ")
    .map((operation) => ({ operation, actions: [`${prefix}:${operation}`], reason: notListedYet }));
}

export const notListedYet = "newer than the service authorization reference we generate from";

const s3Configuration = "S3 names the permission after the configuration, and writing includes deleting";
const outposts = "S3 on Outposts: authorized by that service's own actions";
const directoryBuckets = "directory buckets: authorized by S3 Express's own actions";

/** By service id of the model, which for most services is the IAM prefix. */
export const operationActions: Readonly<Record<string, readonly OperationRow[]>> = {
  s3: [
    ...renamed("s3", "authorized as reading the object", {
      HeadObject: "GetObject",
      SelectObjectContent: "GetObject",
    }),
    ...renamed("s3", "authorized as writing the object", {
      CreateMultipartUpload: "PutObject",
      UploadPart: "PutObject",
      CompleteMultipartUpload: "PutObject",
    }),
    {
      operation: "CopyObject",
      actions: ["s3:GetObject", "s3:PutObject"],
      reason: "reads the source and writes the destination, each on its own resource",
    },
    {
      operation: "UploadPartCopy",
      actions: ["s3:GetObject", "s3:PutObject"],
      reason: "reads the source and writes the destination, each on its own resource",
    },
    ...renamed("s3", "authorized for each object of the list", { DeleteObjects: "DeleteObject" }),
    ...renamed("s3", "authorized as listing", {
      HeadBucket: "ListBucket",
      ListObjects: "ListBucket",
      ListObjectsV2: "ListBucket",
      ListObjectVersions: "ListBucketVersions",
      ListBuckets: "ListAllMyBuckets",
      ListParts: "ListMultipartUploadParts",
      ListMultipartUploads: "ListBucketMultipartUploads",
    }),
    ...renamed("s3", s3Configuration, {
      GetBucketAccelerateConfiguration: "GetAccelerateConfiguration",
      PutBucketAccelerateConfiguration: "PutAccelerateConfiguration",
      GetBucketAnalyticsConfiguration: "GetAnalyticsConfiguration",
      ListBucketAnalyticsConfigurations: "GetAnalyticsConfiguration",
      PutBucketAnalyticsConfiguration: "PutAnalyticsConfiguration",
      DeleteBucketAnalyticsConfiguration: "PutAnalyticsConfiguration",
      DeleteBucketCors: "PutBucketCORS",
      GetBucketEncryption: "GetEncryptionConfiguration",
      PutBucketEncryption: "PutEncryptionConfiguration",
      DeleteBucketEncryption: "PutEncryptionConfiguration",
      GetBucketIntelligentTieringConfiguration: "GetIntelligentTieringConfiguration",
      ListBucketIntelligentTieringConfigurations: "GetIntelligentTieringConfiguration",
      PutBucketIntelligentTieringConfiguration: "PutIntelligentTieringConfiguration",
      DeleteBucketIntelligentTieringConfiguration: "PutIntelligentTieringConfiguration",
      GetBucketInventoryConfiguration: "GetInventoryConfiguration",
      ListBucketInventoryConfigurations: "GetInventoryConfiguration",
      PutBucketInventoryConfiguration: "PutInventoryConfiguration",
      DeleteBucketInventoryConfiguration: "PutInventoryConfiguration",
      GetBucketLifecycleConfiguration: "GetLifecycleConfiguration",
      PutBucketLifecycleConfiguration: "PutLifecycleConfiguration",
      DeleteBucketLifecycle: "PutLifecycleConfiguration",
      CreateBucketMetadataConfiguration: "CreateBucketMetadataTableConfiguration",
      GetBucketMetadataConfiguration: "GetBucketMetadataTableConfiguration",
      DeleteBucketMetadataConfiguration: "DeleteBucketMetadataTableConfiguration",
      GetBucketMetricsConfiguration: "GetMetricsConfiguration",
      ListBucketMetricsConfigurations: "GetMetricsConfiguration",
      PutBucketMetricsConfiguration: "PutMetricsConfiguration",
      DeleteBucketMetricsConfiguration: "PutMetricsConfiguration",
      GetBucketNotificationConfiguration: "GetBucketNotification",
      PutBucketNotificationConfiguration: "PutBucketNotification",
      DeleteBucketOwnershipControls: "PutBucketOwnershipControls",
      GetBucketReplication: "GetReplicationConfiguration",
      PutBucketReplication: "PutReplicationConfiguration",
      DeleteBucketReplication: "PutReplicationConfiguration",
      DeleteBucketTagging: "PutBucketTagging",
      GetObjectLockConfiguration: "GetBucketObjectLockConfiguration",
      PutObjectLockConfiguration: "PutBucketObjectLockConfiguration",
      GetPublicAccessBlock: "GetBucketPublicAccessBlock",
      PutPublicAccessBlock: "PutBucketPublicAccessBlock",
      DeletePublicAccessBlock: "PutBucketPublicAccessBlock",
    }),
    ...renamed("s3", directoryBuckets, {
      CreateSession: "s3express:CreateSession",
      RenameObject: "s3express:CreateSession",
      ListDirectoryBuckets: "s3express:ListAllMyDirectoryBuckets",
    }),
    ...renamed("s3", "called by the function behind an Object Lambda access point", {
      WriteGetObjectResponse: "s3-object-lambda:WriteGetObjectResponse",
    }),
  ],
  s3control: [
    ...renamed("s3", "the account's block, not a bucket's", {
      GetPublicAccessBlock: "GetAccountPublicAccessBlock",
      PutPublicAccessBlock: "PutAccountPublicAccessBlock",
      DeletePublicAccessBlock: "PutAccountPublicAccessBlock",
    }),
    ...renamed("s3", directoryBuckets, {
      GetAccessPointScope: "s3express:GetAccessPointScope",
      PutAccessPointScope: "s3express:PutAccessPointScope",
      DeleteAccessPointScope: "s3express:DeleteAccessPointScope",
      ListAccessPointsForDirectoryBuckets: "s3express:ListAccessPointsForDirectoryBuckets",
    }),
    ...renamed("s3", outposts, {
      CreateBucket: "s3-outposts:CreateBucket",
      GetBucket: "s3-outposts:GetBucket",
      DeleteBucket: "s3-outposts:DeleteBucket",
      ListRegionalBuckets: "s3-outposts:ListRegionalBuckets",
      GetBucketPolicy: "s3-outposts:GetBucketPolicy",
      PutBucketPolicy: "s3-outposts:PutBucketPolicy",
      DeleteBucketPolicy: "s3-outposts:DeleteBucketPolicy",
      GetBucketTagging: "s3-outposts:GetBucketTagging",
      PutBucketTagging: "s3-outposts:PutBucketTagging",
      DeleteBucketTagging: "s3-outposts:PutBucketTagging",
      GetBucketLifecycleConfiguration: "s3-outposts:GetLifecycleConfiguration",
      PutBucketLifecycleConfiguration: "s3-outposts:PutLifecycleConfiguration",
      DeleteBucketLifecycleConfiguration: "s3-outposts:PutLifecycleConfiguration",
      GetBucketVersioning: "s3-outposts:GetBucketVersioning",
      PutBucketVersioning: "s3-outposts:PutBucketVersioning",
      GetBucketReplication: "s3-outposts:GetReplicationConfiguration",
      PutBucketReplication: "s3-outposts:PutReplicationConfiguration",
      DeleteBucketReplication: "s3-outposts:PutReplicationConfiguration",
    }),
  ],
  kms: [
    {
      operation: "ReEncrypt",
      actions: ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
      reason: "one permission on the key that decrypts, one on the key that encrypts",
    },
    ...unlisted("kms", "Decapsulate Encapsulate"),
  ],
  sts: [
    {
      operation: "GetCallerIdentity",
      actions: [],
      reason: "no permissions are required, and a policy that denies it changes nothing (STS API Reference)",
    },
    ...unlisted("sts", "GetScopedCredentials"),
  ],
  lambda: renamed("lambda", "invoking is one permission, however the answer is delivered", {
    Invoke: "InvokeFunction",
    InvokeWithResponseStream: "InvokeFunction",
    GetLayerVersionByArn: "GetLayerVersion",
  }),
  sns: renamed("sns", "a batch needs the permission of its single entries", { PublishBatch: "Publish" }),
  sqs: renamed("sqs", "a batch needs the permission of its single entries", {
    SendMessageBatch: "SendMessage",
    DeleteMessageBatch: "DeleteMessage",
    ChangeMessageVisibilityBatch: "ChangeMessageVisibility",
  }),
  apigatewayv2: renamed("apigateway", "creating or replacing a rule is updating it", {
    PutRoutingRule: "UpdateRoutingRule",
  }),
  cloudfront: [
    {
      operation: "CreateDistributionWithTags",
      actions: ["cloudfront:CreateDistribution", "cloudfront:TagResource"],
      reason: "creates and tags",
    },
    ...unlisted("cloudfront", "ListDistributionsByOwnedResource"),
  ],
  detective: renamed("detective", "the action is in the singular", {
    ListOrganizationAdminAccounts: "ListOrganizationAdminAccount",
  }),
  account: unlisted("account", "SendPhoneNumberVerification VerifyPhoneNumber"),
  cloudformation: unlisted("cloudformation", "RemoveAlias SetAlias"),
  cloudtrail: unlisted("cloudtrail", "ListInsightsMetricData"),
  cloudwatch: unlisted(
    "cloudwatch",
    "AssociateDatasetKmsKey CreateResourceMetricsConfiguration DeleteResourceMetricsConfiguration DescribeAlarmContributors DisassociateDatasetKmsKey GetResourceMetricsConfiguration UpdateOTelEnrichment UpdateResourceMetricsConfiguration",
  ),
  ec2: unlisted(
    "ec2",
    "AssociateNetworkingFlexCostAllocationPolicy CreateCapacityReservationDateChangeQuote CreateMetricCategory CreateNetworkingFlexCostAllocationPolicy DeleteClientVpnEndpointAuthorizationPolicy DeleteMetricCategory DeleteNetworkingFlexCostAllocationPolicies DescribeCapacityReservationDateChangeQuotes DescribeMetricCategories DescribeNetworkingFlexCostAllocationPolicies DescribeNetworkingFlexCostAllocationPolicyAssociations DisassociateNetworkingFlexCostAllocationPolicy GetCapacityManagerSupportabilityScores GetClientVpnEndpointAuthorizationPolicy GetImageFindings GetNetworkingFlexCostAllocationPolicyVersions GetTransitGatewayAttachmentNatConfiguration ModifyClientVpnEndpointAuthorizationPolicy ModifyMetricCategory ModifyNetworkingFlexCostAllocationPolicy ModifyTransitGatewayAttachmentNatConfiguration",
  ),
  ecr: unlisted(
    "ecr",
    "DescribeReplicationBackfillResults ListImageReferrers ListReplicationBackfills StartReplicationBackfill StopReplicationBackfill",
  ),
  guardduty: unlisted("guardduty", "ListInvestigationRecords"),
  iam: unlisted("iam", "AcquireRole UpdateDelegationRequest"),
  logs: unlisted("logs", "GetLogObject"),
  rds: unlisted(
    "rds",
    "CancelDBCapacityReservation CreateDBCapacityReservation DescribeDBCapacityReservations DescribeServerlessV2PlatformVersions ModifyDBCapacityReservation",
  ),
  route53: unlisted(
    "route53",
    "CreateResourceRecordSetProtections DeleteResourceRecordSetProtections ListResourceRecordSetProtections",
  ),
  securityhub: unlisted(
    "securityhub",
    "BatchUpdateFindingsV2 GetFindingStatisticsV2 GetFindingsV2 RegisterConnectorV2",
  ),
  ssm: unlisted("ssm", "DeregisterDefaultHostManagementConfiguration RegisterDefaultHostManagementConfiguration"),
  support: unlisted(
    "support",
    "CompleteAttachmentUpload DescribeAttachmentUploadStatus GetAttachmentDownloadLink GetAttachmentUploadLinks",
  ),
};

/**
 * What S3 asks for instead when the request names a version of the object.
 * Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".
 */
export const versionedActions: Readonly<Record<string, string>> = {
  "s3:GetObject": "s3:GetObjectVersion",
  "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
  "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
  "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
  "s3:GetObjectTorrent": "s3:GetObjectVersionTorrent",
  "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
  "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
  "s3:DeleteObject": "s3:DeleteObjectVersion",
  "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
};
