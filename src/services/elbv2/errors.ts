/**
 * Elastic Load Balancing's codes, by the shapes of the model, and texts.
 * Sources: Elastic Load Balancing API Reference (2015-12-01), "Errors"; texts as AWS answers them, quoted in issues of
 * hashicorp/terraform-provider-aws and kubernetes-sigs/aws-load-balancer-controller.
 */
import { AwsError } from "#kernel/errors.ts";

const error = (code: string, message: string): AwsError => new AwsError(code, message);

export const validation = (message: string): AwsError => error("ValidationError", message);
export const invalidConfiguration = (message: string): AwsError =>
  error("InvalidConfigurationRequestException", message);
/** What AWS has and this installation does not do. */
export const unsupported = (what: string): AwsError => validation(`${what} not supported by this installation`);

export const noLoadBalancer = (arn?: string): AwsError =>
  error(
    "LoadBalancerNotFoundException",
    arn === undefined ? "One or more load balancers not found" : `Load balancer '${arn}' not found`,
  );
export const noListener = (arn?: string): AwsError =>
  error(
    "ListenerNotFoundException",
    arn === undefined ? "One or more listeners not found" : `Listener '${arn}' not found`,
  );
export const noRule = (): AwsError => error("RuleNotFoundException", "One or more rules not found");
export const noTargetGroup = (arn?: string): AwsError =>
  error(
    "TargetGroupNotFoundException",
    arn === undefined ? "One or more target groups not found" : `Target group '${arn}' not found`,
  );
export const noSubnet = (id: string): AwsError =>
  error("SubnetNotFoundException", `The subnet ID '${id}' does not exist`);
export const invalidSubnet = (message: string): AwsError => error("InvalidSubnetException", message);
export const invalidSecurityGroup = (message: string): AwsError => error("InvalidSecurityGroupException", message);
export const duplicateLoadBalancer = (name: string): AwsError =>
  error(
    "DuplicateLoadBalancerNameException",
    `A load balancer with the same name '${name}' exists, but with different settings`,
  );
export const duplicateTargetGroup = (name: string): AwsError =>
  error(
    "DuplicateTargetGroupNameException",
    `A target group with the same name '${name}' exists, but with different settings`,
  );
export const duplicateListener = (): AwsError =>
  error("DuplicateListenerException", "A listener already exists on this port for this load balancer");
export const priorityInUse = (priority: number): AwsError =>
  error("PriorityInUseException", `Priority '${priority}' is currently in use`);
export const resourceInUse = (message: string): AwsError => error("ResourceInUseException", message);
export const notPermitted = (message: string): AwsError => error("OperationNotPermittedException", message);
export const noCertificate = (arn: string): AwsError =>
  error("CertificateNotFoundException", `Certificate '${arn}' not found`);
export const noPolicy = (name: string): AwsError =>
  error("SSLPolicyNotFoundException", `SSL policy '${name}' not found`);
export const invalidAction = (message: string): AwsError => error("InvalidLoadBalancerActionException", message);
export const invalidTarget = (message: string): AwsError => error("InvalidTargetException", message);
export const associationLimit = (arn: string): AwsError =>
  error(
    "TargetGroupAssociationLimitException",
    `The following target groups cannot be associated with more than one load balancer: ${arn}`,
  );
export const duplicateTagKeys = (key: string): AwsError =>
  error("DuplicateTagKeysException", `Duplicate tag keys: ${key}`);

/** `TooManyLoadBalancers` … */
export const tooMany = (what: string, message: string): AwsError => error(`TooMany${what}Exception`, message);
