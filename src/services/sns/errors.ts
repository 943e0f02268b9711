/** SNS's errors. Codes and texts as AWS answers them, recorded in LocalStack's `test_sns.snapshot.json`. */
import { AwsError } from "#kernel/errors.ts";

const error = (code: string, message: string, status: number) => new AwsError(code, message, status);

export const noTopic = () => error("NotFound", "Topic does not exist", 404);
export const noSubscription = () => error("NotFound", "Subscription does not exist", 404);
export const noResource = () => error("ResourceNotFound", "Resource does not exist", 404);
export const invalid = (what: string) => error("InvalidParameter", `Invalid parameter: ${what}`, 400);
export const invalidBecause = (parameter: string, reason: string) => invalid(`${parameter} Reason: ${reason}`);
export const invalidValue = (what: string) => error("ParameterValueInvalid", `Invalid parameter value: ${what}`, 400);
export const notServed = (parameter: string, what: string) =>
  invalidBecause(parameter, `${what} are not served by this installation`);
export const malformedArn = (parameter: string, given: string) =>
  invalidBecause(parameter, `An ARN must have at least 6 elements, not ${given.split(":").length}`);
export const tagLimit = () =>
  error("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded", 400);
export const filterLimit = (message: string) => error("FilterPolicyLimitExceeded", message, 403);
export const emptyBatch = () => error("EmptyBatchRequest", "The batch request doesn't contain any entries.", 400);
export const tooManyEntries = () =>
  error("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.", 400);
export const sameIds = () =>
  error("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.", 400);
export const batchTooLong = () =>
  error("BatchRequestTooLong", "The length of all the messages put together is more than the limit.", 400);
export const badBatchId = () =>
  error("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification.", 400);

/** Source: SNS API Reference, "Errors" of Publish. */
const kmsCodes: Readonly<Record<string, string>> = {
  AccessDeniedException: "KMSAccessDenied",
  AccessDenied: "KMSAccessDenied",
  DisabledException: "KMSDisabled",
  KMSInvalidStateException: "KMSInvalidState",
  InvalidKeyUsageException: "KMSInvalidState",
  NotFoundException: "KMSNotFound",
  InvalidArnException: "KMSNotFound",
  ThrottlingException: "KMSThrottling",
};

/** KMS's refusal as SNS tells it; what is KMS's own trouble stays a 5xx. */
export function fromKms(cause: unknown): unknown {
  if (!(cause instanceof AwsError) || cause.status >= 500) return cause;
  return new AwsError(kmsCodes[cause.code] ?? "KMSInvalidState", cause.message, 400, { cause });
}
