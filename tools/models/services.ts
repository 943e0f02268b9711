/**
 * The services Jikimi speaks, one row each. `client` is the npm package that knows the current surface;
 * rows without one (or whose newest package predates the schema format) come from botocore alone.
 *
 * iamPrefix: Service Authorization Reference, "service prefix". eventSource: CloudTrail User Guide and the
 * "Logging API calls" page of each service.
 */
export interface ServiceRow {
  id: string;
  client?: string;
  iamPrefix: string;
  eventSource: string;
  /** A protocol that older clients still speak and today's sources no longer name. */
  older?: { protocol: string; xmlNamespace: string };
}

type Options = { iam?: string; source?: string };

function row(id: string, client: string | undefined, { iam = id, source = `${iam}.amazonaws.com` }: Options = {}) {
  const service: ServiceRow = { id, iamPrefix: iam, eventSource: source };
  if (client !== undefined) service.client = `@aws-sdk/client-${client}`;
  return service;
}

export const services: readonly ServiceRow[] = [
  row("account", "account"),
  row("acm", "acm"),
  row("acm-pca", undefined),
  row("apigateway", "api-gateway"),
  row("apigatewayv2", "apigatewayv2", { iam: "apigateway" }),
  row("artifact", undefined),
  row("cloudcontrol", "cloudcontrol", { iam: "cloudformation", source: "cloudcontrolapi.amazonaws.com" }),
  row("cloudformation", "cloudformation"),
  row("cloudfront", "cloudfront"),
  row("cloudhsmv2", undefined, { iam: "cloudhsm" }),
  row("cloudtrail", "cloudtrail"),
  row("cloudtrail-data", undefined),
  row("cloudwatch", "cloudwatch", { source: "monitoring.amazonaws.com" }),
  row("config", "config-service"),
  row("detective", "detective"),
  row("ec2", "ec2"),
  row("ecr", "ecr"),
  row("eks", "eks"),
  row("elbv2", "elastic-load-balancing-v2", { iam: "elasticloadbalancing" }),
  row("events", "eventbridge"),
  row("globalaccelerator", "global-accelerator"),
  row("guardduty", "guardduty"),
  row("health", "health"),
  row("iam", "iam"),
  row("inspector-scan", undefined),
  row("inspector2", "inspector2"),
  row("kms", "kms"),
  row("lambda", "lambda"),
  row("logs", "cloudwatch-logs"),
  row("macie2", "macie2"),
  row("organizations", "organizations"),
  row("rds", "rds"),
  row("resourcegroupstaggingapi", "resource-groups-tagging-api", { iam: "tag", source: "tagging.amazonaws.com" }),
  row("route53", "route-53"),
  row("route53resolver", undefined),
  row("s3", "s3"),
  row("s3control", "s3-control", { iam: "s3" }),
  row("scheduler", "scheduler"),
  row("secretsmanager", "secrets-manager"),
  row("securityhub", "securityhub"),
  row("shield", "shield"),
  row("sns", "sns"),
  // botocore before 1.31.81 and every client of its time; the SDK's schemas still have the names and the flattening.
  {
    ...row("sqs", "sqs"),
    older: { protocol: "awsQuery", xmlNamespace: "http://queue.amazonaws.com/doc/2012-11-05/" },
  },
  row("ssm", "ssm"),
  row("sts", "sts"),
  row("support", "support"),
  row("wafv2", "wafv2"),
];
