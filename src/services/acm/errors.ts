/** ACM's codes and texts. Sources: ACM API Reference, "Errors"; texts quoted in hashicorp/terraform-provider-aws #19400 and moto's recordings. */
import { AwsError } from "#kernel/errors.ts";

export const validation = (message: string): AwsError => new AwsError("ValidationException", message);
export const invalidParameter = (message: string): AwsError => new AwsError("InvalidParameterException", message);
export const invalidArn = (arn: string): AwsError =>
  new AwsError("InvalidArnException", `'${arn}' is not a valid ARN of a certificate.`);
export const noCertificate = (arn: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Could not find certificate ${arn}.`);
export const inUse = (arn: string): AwsError => new AwsError("ResourceInUseException", `Certificate ${arn} is in use.`);
export const invalidTag = (message: string): AwsError => new AwsError("InvalidTagException", message);
export const tooManyTags = (): AwsError =>
  new AwsError("TooManyTagsException", "A certificate can have no more than 50 tags.");
export const limitExceeded = (): AwsError =>
  new AwsError("LimitExceededException", "Error: you have reached your limit of certificates.");
export const invalidArgs = (message: string): AwsError => new AwsError("InvalidArgsException", message);
