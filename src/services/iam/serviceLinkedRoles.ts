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
  /** Services that allow several roles in one account (`CustomSuffix`). */
  suffix?: true;
}

const row = (roleName: string, policy: string, suffix?: true): ServiceLinkedRole => ({
  roleName,
  policy,
  ...(suffix === undefined ? {} : { suffix }),
});

/** By service principal. */
export const serviceLinkedRoles: Readonly<Record<string, ServiceLinkedRole>> = {
  "guardduty.amazonaws.com": row("AWSServiceRoleForAmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy"),
  "malware-protection.guardduty.amazonaws.com": row(
    "AWSServiceRoleForAmazonGuardDutyMalwareProtection",
    "AmazonGuardDutyMalwareProtectionServiceRolePolicy",
  ),
  "securityhub.amazonaws.com": row("AWSServiceRoleForSecurityHub", "AWSSecurityHubServiceRolePolicy"),
  "inspector2.amazonaws.com": row("AWSServiceRoleForAmazonInspector2", "AmazonInspector2ServiceRolePolicy"),
  "agentless.inspector2.amazonaws.com": row(
    "AWSServiceRoleForAmazonInspector2Agentless",
    "AmazonInspector2AgentlessServiceRolePolicy",
  ),
  "macie.amazonaws.com": row("AWSServiceRoleForAmazonMacie", "AmazonMacieServiceRolePolicy"),
  "detective.amazonaws.com": row("AWSServiceRoleForDetective", "AmazonDetectiveServiceLinkedRolePolicy"),
  "config.amazonaws.com": row("AWSServiceRoleForConfig", "AWSConfigServiceRolePolicy"),
  "config-multiaccountsetup.amazonaws.com": row(
    "AWSServiceRoleForConfigMultiAccountSetup",
    "AWSConfigMultiAccountSetupPolicy",
  ),
  "cloudtrail.amazonaws.com": row("AWSServiceRoleForCloudTrail", "CloudTrailServiceRolePolicy"),
  "organizations.amazonaws.com": row("AWSServiceRoleForOrganizations", "AWSOrganizationsServiceTrustPolicy"),
  "shield.amazonaws.com": row("AWSServiceRoleForAWSShield", "AWSShieldServiceRolePolicy"),
  "wafv2.amazonaws.com": row("AWSServiceRoleForWAFV2Logging", "WAFV2LoggingServiceRolePolicy"),
  "cks.kms.amazonaws.com": row(
    "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
    "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
  ),
  "mrk.kms.amazonaws.com": row(
    "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
    "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
  ),
  "cloudhsm.amazonaws.com": row("AWSServiceRoleForCloudHSM", "CloudHSMServiceRolePolicy"),
  "acm.amazonaws.com": row("AWSServiceRoleForCertificateManager", "CertificateManagerServiceRolePolicy"),
  "artifact.amazonaws.com": row("AWSServiceRoleForArtifact", "AWSArtifactServiceRolePolicy"),
  "rds.amazonaws.com": row("AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy"),
  "elasticloadbalancing.amazonaws.com": row(
    "AWSServiceRoleForElasticLoadBalancing",
    "AWSElasticLoadBalancingServiceRolePolicy",
  ),
  "ssm.amazonaws.com": row("AWSServiceRoleForAmazonSSM", "AmazonSSMServiceRolePolicy"),
  "ops.apigateway.amazonaws.com": row("AWSServiceRoleForAPIGateway", "APIGatewayServiceRolePolicy"),
  "route53resolver.amazonaws.com": row("AWSServiceRoleForRoute53Resolver", "Route53ResolverServiceRolePolicy"),
  "globalaccelerator.amazonaws.com": row("AWSServiceRoleForGlobalAccelerator", "AWSGlobalAcceleratorSLRPolicy"),
  "logger.cloudfront.amazonaws.com": row("AWSServiceRoleForCloudFrontLogger", "AWSCloudFrontLogger"),
  "eks.amazonaws.com": row("AWSServiceRoleForAmazonEKS", "AmazonEKSServiceRolePolicy"),
  "pullthroughcache.ecr.amazonaws.com": row(
    "AWSServiceRoleForECRPullThroughCache",
    "AWSECRPullThroughCache_ServiceRolePolicy",
  ),
  "apidestinations.events.amazonaws.com": row(
    "AWSServiceRoleForAmazonEventBridgeApiDestinations",
    "AmazonEventBridgeApiDestinationsServiceRolePolicy",
  ),
  "support.amazonaws.com": row("AWSServiceRoleForSupport", "AWSSupportServiceRolePolicy"),
  "trustedadvisor.amazonaws.com": row("AWSServiceRoleForTrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy"),
  "event-processor.health.amazonaws.com": row(
    "AWSServiceRoleForHealth_EventProcessor",
    "AWSHealth_EventProcessorServiceRolePolicy",
  ),
  "autoscaling.amazonaws.com": row("AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy", true),
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
