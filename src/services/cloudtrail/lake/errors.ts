/** Errors of CloudTrail Lake. Codes and statuses: CloudTrail API Reference; texts are ours where AWS's are not public. */
import { AwsError } from "#kernel/errors.ts";

const error =
  (code: string, status = 400) =>
  (message: string) =>
    new AwsError(code, message, status);

export const invalidParameter = error("InvalidParameterException");
export const invalidQuery = error("InvalidQueryStatementException");
export const invalidStatus = error("InvalidEventDataStoreStatusException");
export const invalidCategory = error("InvalidEventDataStoreCategoryException");
export const inactiveQuery = error("InactiveQueryException");
export const invalidSource = error("InvalidSourceException");
export const invalidDateRange = error("InvalidDateRangeException");
export const invalidPolicy = error("ResourcePolicyNotValidException");
export const badResourceArn = error("ResourceARNNotValidException");
export const badResourceType = error("ResourceTypeNotSupportedException");
export const keyUnusable = error("InsufficientEncryptionPolicyException");
export const tooManyQueries = error("MaxConcurrentQueriesException", 429);
export const notPermitted = error("OperationNotPermittedException");
export const noPolicy = error("ResourcePolicyNotFoundException", 404);

export const storeArnInvalid = (given: string) =>
  new AwsError("EventDataStoreARNInvalidException", `The specified event data store ARN is not valid: ${given}`, 400);
export const noStore = (given: string) =>
  new AwsError("EventDataStoreNotFoundException", `The specified event data store was not found: ${given}`, 404);
export const storeExists = (name: string) =>
  new AwsError(
    "EventDataStoreAlreadyExistsException",
    `An event data store with the name ${name} already exists.`,
    400,
  );
export const tooManyStores = (most: number) =>
  new AwsError(
    "EventDataStoreMaxLimitExceededException",
    `Your account has used the maximum number of event data stores: ${most}.`,
    400,
  );
export const storeProtected = () =>
  new AwsError(
    "EventDataStoreTerminationProtectedException",
    "The event data store cannot be deleted because termination protection is enabled for it.",
    400,
  );
export const inactiveStore = (id: string) =>
  new AwsError("InactiveEventDataStoreException", `The event data store ${id} is inactive.`, 400);
export const channelHasStore = (id: string) =>
  new AwsError(
    "ChannelExistsForEDSException",
    `The event data store ${id} cannot be deleted because it is the destination of a channel.`,
    400,
  );
export const channelArnInvalid = (given: string) =>
  new AwsError("ChannelARNInvalidException", `The specified channel ARN is not valid: ${given}`, 400);
export const noChannel = (given: string) =>
  new AwsError("ChannelNotFoundException", `The specified channel was not found: ${given}`, 404);
export const channelExists = (name: string) =>
  new AwsError("ChannelAlreadyExistsException", `A channel with the name ${name} already exists.`, 400);
export const tooManyChannels = (most: number) =>
  new AwsError(
    "ChannelMaxLimitExceededException",
    `Your account has used the maximum number of channels: ${most}.`,
    400,
  );
export const noQuery = (id: string) =>
  new AwsError("QueryIdNotFoundException", `The query ID ${id} does not exist or does not map to a query.`, 404);
