/** CloudWatch Logs' errors; all are HTTP 400. Texts as AWS answers them, where recorded publicly. */
import { AwsError } from "#kernel/errors.ts";

export const invalidParameter = (message: string): AwsError => new AwsError("InvalidParameterException", message);
export const notFound = (message: string): AwsError => new AwsError("ResourceNotFoundException", message);
export const noGroup = (): AwsError => notFound("The specified log group does not exist.");
export const noStream = (): AwsError => notFound("The specified log stream does not exist.");
export const exists = (what: string): AwsError =>
  new AwsError("ResourceAlreadyExistsException", `The specified ${what} already exists`);
export const limitExceeded = (message = "Resource limit exceeded."): AwsError =>
  new AwsError("LimitExceededException", message);
export const invalidToken = (): AwsError => invalidParameter("The specified nextToken is invalid.");
export const invalidPattern = (): AwsError => invalidParameter("Invalid filter pattern");
/** Recorded in terraform-provider-aws issues about `kms_key_id`. */
export const unusableKey = (groupArn: string): AwsError =>
  new AwsError(
    "AccessDeniedException",
    `The specified KMS key does not exist or is not allowed to be used with LogGroup '${groupArn}'`,
  );
