/**
 * Service-linked roles: one row per service that has one. Only the service's own principal can assume them, and
 * only the service may change them.
 * Source: IAM User Guide, "AWS services that work with IAM" (column service-linked roles) and each service's page
 * "Using service-linked roles".
 */
import { unmodifiable } from "./errors.ts";
import type { Role } from "./state.ts";

export interface ServiceLinkedRole {
  roleName: string;
  /** AWS managed policy under `aws-service-role/`. */
  policy: string;
  description: string;
  /** Services that allow several roles in one account (`CustomSuffix`). */
  suffix?: true;
}

const row = (roleName: string, policy: string, description: string, suffix?: true): ServiceLinkedRole => ({
  roleName,
  policy,
  description,
  ...(suffix === undefined ? {} : { suffix }),
});

/** By service principal. */
export const serviceLinkedRoles: Readonly<Record<string, ServiceLinkedRole>> = {
  "guardduty.amazonaws.com": row(
    "AWSServiceRoleForAmazonGuardDuty",
    "AmazonGuardDutyServiceRolePolicy",
    "A service-linked role required for Amazon GuardDuty to access your resources.",
  ),
  "malware-protection.guardduty.amazonaws.com": row(
    "AWSServiceRoleForAmazonGuardDutyMalwareProtection",
    "AmazonGuardDutyMalwareProtectionServiceRolePolicy",
    "A service-linked role required for Amazon GuardDuty Malware Protection to access your resources.",
  ),
  "securityhub.amazonaws.com": row(
    "AWSServiceRoleForSecurityHub",
    "AWSSecurityHubServiceRolePolicy",
    "A service-linked role required for AWS Security Hub to access your resources.",
  ),
  "inspector2.amazonaws.com": row(
    "AWSServiceRoleForAmazonInspector2",
    "AmazonInspector2ServiceRolePolicy",
    "Service-linked role for Amazon Inspector",
  ),
  "agentless.inspector2.amazonaws.com": row(
    "AWSServiceRoleForAmazonInspector2Agentless",
    "AmazonInspector2AgentlessServiceRolePolicy",
    "Service-linked role for Amazon Inspector agentless scanning",
  ),
  "macie.amazonaws.com": row(
    "AWSServiceRoleForAmazonMacie",
    "AmazonMacieServiceRolePolicy",
    "Service-linked role for Amazon Macie",
  ),
  "detective.amazonaws.com": row(
    "AWSServiceRoleForDetective",
    "AmazonDetectiveServiceLinkedRolePolicy",
    "Service-linked role for Amazon Detective",
  ),
  "config.amazonaws.com": row(
    "AWSServiceRoleForConfig",
    "AWSConfigServiceRolePolicy",
    "A service-linked role required for AWS Config to access your resources.",
  ),
  "config-multiaccountsetup.amazonaws.com": row(
    "AWSServiceRoleForConfigMultiAccountSetup",
    "AWSConfigMultiAccountSetupPolicy",
    "A service-linked role required for AWS Config to deploy rules and conformance packs across an organization.",
  ),
  "cloudtrail.amazonaws.com": row(
    "AWSServiceRoleForCloudTrail",
    "CloudTrailServiceRolePolicy",
    "A service-linked role required for AWS CloudTrail to support organization trails.",
  ),
  "organizations.amazonaws.com": row(
    "AWSServiceRoleForOrganizations",
    "AWSOrganizationsServiceTrustPolicy",
    "Service-linked role used by AWS Organizations to enable integration of other AWS services with Organizations.",
  ),
  "shield.amazonaws.com": row(
    "AWSServiceRoleForAWSShield",
    "AWSShieldServiceRolePolicy",
    "Service-linked role for AWS Shield Advanced",
  ),
  "wafv2.amazonaws.com": row(
    "AWSServiceRoleForWAFV2Logging",
    "WAFV2LoggingServiceRolePolicy",
    "A service-linked role required for AWS WAF to write logs.",
  ),
  "cks.kms.amazonaws.com": row(
    "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
    "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
    "Service-linked role for AWS KMS custom key stores",
  ),
  "mrk.kms.amazonaws.com": row(
    "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
    "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
    "Service-linked role for AWS KMS multi-Region keys",
  ),
  "cloudhsm.amazonaws.com": row(
    "AWSServiceRoleForCloudHSM",
    "CloudHSMServiceRolePolicy",
    "Service-linked role for AWS CloudHSM",
  ),
  "acm.amazonaws.com": row(
    "AWSServiceRoleForCertificateManager",
    "CertificateManagerServiceRolePolicy",
    "Service-linked role for AWS Certificate Manager",
  ),
  "artifact.amazonaws.com": row(
    "AWSServiceRoleForArtifact",
    "AWSArtifactServiceRolePolicy",
    "Service-linked role for AWS Artifact",
  ),
  "rds.amazonaws.com": row(
    "AWSServiceRoleForRDS",
    "AmazonRDSServiceRolePolicy",
    "Allows Amazon RDS to manage AWS resources on your behalf",
  ),
  "elasticloadbalancing.amazonaws.com": row(
    "AWSServiceRoleForElasticLoadBalancing",
    "AWSElasticLoadBalancingServiceRolePolicy",
    "Allows ELB to call AWS services on your behalf.",
  ),
  "ssm.amazonaws.com": row(
    "AWSServiceRoleForAmazonSSM",
    "AmazonSSMServiceRolePolicy",
    "Provides access to AWS Resources managed or used by Amazon SSM.",
  ),
  "ops.apigateway.amazonaws.com": row(
    "AWSServiceRoleForAPIGateway",
    "APIGatewayServiceRolePolicy",
    "The Service Linked Role is used by Amazon API Gateway.",
  ),
  "route53resolver.amazonaws.com": row(
    "AWSServiceRoleForRoute53Resolver",
    "Route53ResolverServiceRolePolicy",
    "Service-linked role for Amazon Route 53 Resolver",
  ),
  "globalaccelerator.amazonaws.com": row(
    "AWSServiceRoleForGlobalAccelerator",
    "AWSGlobalAcceleratorSLRPolicy",
    "Allows Global Accelerator to call AWS services on customer's behalf",
  ),
  "logger.cloudfront.amazonaws.com": row(
    "AWSServiceRoleForCloudFrontLogger",
    "AWSCloudFrontLogger",
    "Service-linked role for Amazon CloudFront logging",
  ),
  "eks.amazonaws.com": row(
    "AWSServiceRoleForAmazonEKS",
    "AmazonEKSServiceRolePolicy",
    "Allows Amazon EKS to call AWS services on your behalf.",
  ),
  "pullthroughcache.ecr.amazonaws.com": row(
    "AWSServiceRoleForECRPullThroughCache",
    "AWSECRPullThroughCache_ServiceRolePolicy",
    "Service-linked role for Amazon ECR pull through cache",
  ),
  "apidestinations.events.amazonaws.com": row(
    "AWSServiceRoleForAmazonEventBridgeApiDestinations",
    "AmazonEventBridgeApiDestinationsServiceRolePolicy",
    "Service-linked role for Amazon EventBridge API destinations",
  ),
  "support.amazonaws.com": row(
    "AWSServiceRoleForSupport",
    "AWSSupportServiceRolePolicy",
    "Enables resource access for AWS to provide billing, administrative and support services",
  ),
  "trustedadvisor.amazonaws.com": row(
    "AWSServiceRoleForTrustedAdvisor",
    "AWSTrustedAdvisorServiceRolePolicy",
    "Access for the AWS Trusted Advisor Service to help reduce cost, increase performance, and improve security of your AWS environment.",
  ),
  "event-processor.health.amazonaws.com": row(
    "AWSServiceRoleForHealth_EventProcessor",
    "AWSHealth_EventProcessorServiceRolePolicy",
    "Service-linked role for AWS Health event processing",
  ),
  "autoscaling.amazonaws.com": row(
    "AWSServiceRoleForAutoScaling",
    "AutoScalingServiceRolePolicy",
    "Default Service-Linked Role enables access to AWS Services and Resources used or managed by Auto Scaling",
    true,
  ),
};

/** @throws UnmodifiableEntity for a service-linked role. */
export function requireModifiable(role: Role): void {
  if (role.serviceLinked === undefined) return;
  throw unmodifiable(
    `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
  );
}

export function serviceLinkedTrust(principal: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: principal }, Action: "sts:AssumeRole" }],
  });
}
