/**
 * EC2's codes and texts. Sources: EC2 API Reference, "Error codes for the Amazon EC2 API"; texts as AWS answers them,
 * quoted in issues of hashicorp/terraform-provider-aws and aws/aws-cli.
 */
import { AwsError } from "#kernel/errors.ts";

export const failure = (code: string, message: string, status = 400): AwsError => new AwsError(code, message, status);

export const invalidValue = (message: string): AwsError => failure("InvalidParameterValue", message);
export const invalidCombination = (message: string): AwsError => failure("InvalidParameterCombination", message);
export const missing = (parameter: string): AwsError =>
  failure("MissingParameter", `The request must contain the parameter ${parameter}`);
export const valueFor = (value: unknown, parameter: string, why: string): AwsError =>
  invalidValue(`Value (${String(value)}) for parameter ${parameter} is invalid. ${why}`);
export const operationNotPermitted = (message: string): AwsError => failure("OperationNotPermitted", message);
export const dependency = (message: string): AwsError => failure("DependencyViolation", message);

/** What AWS has and this installation does not do. Source: "UnsupportedOperation: The specified request includes an unsupported operation." */
export const unsupported = (what: string): AwsError =>
  failure("UnsupportedOperation", `${what} is not supported by this installation.`);

/** The request is in order and permitted. */
export const dryRun = (): AwsError =>
  failure("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
