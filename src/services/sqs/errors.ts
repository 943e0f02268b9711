/**
 * SQS's errors. Codes are the shapes of the model (the query protocol shows their older names); texts as AWS answers
 * them, recorded in LocalStack's `test_sqs.snapshot.json` and in the "Troubleshooting" pages of the SQS Developer Guide.
 */
import { AwsError } from "#kernel/errors.ts";

const error = (code: string, message: string, status = 400) => new AwsError(code, message, status);

export const noQueue = () => error("QueueDoesNotExist", "The specified queue does not exist.");
export const invalidAddress = (url: string) =>
  error("InvalidAddress", `The address ${url} is not valid for this endpoint.`, 404);
export const invalidValue = (value: unknown, parameter: string, reason: string) =>
  error("InvalidParameterValue", `Value ${String(value)} for parameter ${parameter} is invalid. Reason: ${reason}`);
export const invalidParameters = (reason: string) =>
  error("InvalidParameterValue", `One or more parameters are invalid. Reason: ${reason}`);
export const invalidParameter = (message: string) => error("InvalidParameterValue", message);
export const missing = (parameter: string) =>
  error("MissingParameter", `The request must contain the parameter ${parameter}.`);
export const unknownAttribute = (name: string) => error("InvalidAttributeName", `Unknown Attribute ${name}.`);
export const oneEncryption = () =>
  error(
    "InvalidAttributeName",
    "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
  );
export const invalidAttributeValue = (name: string, message = `Invalid value for the parameter ${name}.`) =>
  error("InvalidAttributeValue", message);
export const nameExists = (attribute: string) =>
  error(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
  );
export const deletedRecently = () =>
  error(
    "QueueDeletedRecently",
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
  );
export const purgeInProgress = (name: string) =>
  error("PurgeQueueInProgress", `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`, 403);
export const invalidCharacters = () =>
  error(
    "InvalidMessageContents",
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
  );
export const badHandle = (handle: string) =>
  error("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);
export const expiredHandle = (handle: string) =>
  invalidValue(handle, "ReceiptHandle", "The receipt handle has expired.");
export const notAvailable = (handle: string) =>
  invalidValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.");
export const notInFlight = () => error("MessageNotInflight", "The specified message isn't in flight.");
export const overLimit = (most: number) =>
  error("OverLimit", `Too many messages in flight: a queue may have ${most} at a time.`, 403);
export const emptyBatch = () => error("EmptyBatchRequest", "There should be at least one entry in the request.");
export const tooManyEntries = (sent: number) =>
  error("TooManyEntriesInBatchRequest", `Maximum number of entries per request are 10. You have sent ${sent}.`);
export const duplicateId = (id: string) => error("BatchEntryIdsNotDistinct", `Id ${id} repeated.`);
export const badEntryId = () =>
  error(
    "InvalidBatchEntryId",
    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
  );
export const batchTooLong = (most: number, sent: number) =>
  error("BatchRequestTooLong", `Batch requests cannot be longer than ${most} bytes. You have sent ${sent} bytes.`);
export const noResource = (parameter: string) =>
  error("ResourceNotFoundException", `The resource that you specified for the ${parameter} parameter doesn't exist.`);
export const unsupported = (message: string) => error("UnsupportedOperation", message);

/** Source: SQS API Reference, "Errors" of SendMessage. */
const kmsShapes: Readonly<Record<string, string>> = {
  AccessDeniedException: "KmsAccessDenied",
  AccessDenied: "KmsAccessDenied",
  DisabledException: "KmsDisabled",
  InvalidKeyUsageException: "KmsInvalidKeyUsage",
  KMSInvalidStateException: "KmsInvalidState",
  NotFoundException: "KmsNotFound",
  InvalidArnException: "KmsNotFound",
  ThrottlingException: "KmsThrottled",
  LimitExceededException: "KmsThrottled",
};

/** KMS's refusal as SQS tells it; what is KMS's own trouble stays a 5xx. */
export function fromKms(cause: unknown): unknown {
  if (!(cause instanceof AwsError) || cause.status >= 500) return cause;
  return new AwsError(kmsShapes[cause.code] ?? "KmsInvalidState", cause.message, 400, { cause });
}
