/** CloudTrail's errors. Texts as AWS answers them, where recorded publicly; all are HTTP 400. */
import { AwsError } from "#kernel/errors.ts";

const error = (code: string) => (message: string) => new AwsError(code, message, 400);

export const invalidTrailName = error("InvalidTrailNameException");
export const invalidArn = error("CloudTrailARNInvalidException");
export const invalidCombination = error("InvalidParameterCombinationException");
export const invalidSelectors = error("InvalidEventSelectorsException");
export const invalidLookup = error("InvalidLookupAttributesException");
export const invalidTimeRange = error("InvalidTimeRangeException");
export const invalidToken = error("InvalidNextTokenException");
/** ListTags, ListPublicKeys: "NextToken: Reserved for future use"; "InvalidTokenException: Reserved for future use". */
export const reservedToken = () => new AwsError("InvalidTokenException", "Reserved for future use.", 400);
export const invalidPrefix = error("InvalidS3PrefixException");
export const invalidTag = error("InvalidTagParameterException");

export const trailNotFound = (name: string, account: string) =>
  new AwsError("TrailNotFoundException", `Unknown trail: ${name} for the user: ${account}`, 400);
export const trailExists = (name: string, account: string) =>
  new AwsError("TrailAlreadyExistsException", `Trail ${name} already exists for customer: ${account}`, 400);
export const tooManyTrails = (account: string, region: string, most: number) =>
  new AwsError(
    "MaximumNumberOfTrailsExceededException",
    `User: ${account} already has ${most} trails in ${region}.`,
    400,
  );
export const noBucket = (bucket: string) =>
  new AwsError("S3BucketDoesNotExistException", `S3 bucket ${bucket} does not exist!`, 400);
export const bucketPolicy = (bucket: string) =>
  new AwsError(
    "InsufficientS3BucketPolicyException",
    `Incorrect S3 bucket policy is detected for bucket: ${bucket}`,
    400,
  );
export const keyPolicy = (bucket: string, key: string) =>
  new AwsError(
    "InsufficientEncryptionPolicyException",
    `Insufficient permissions to access S3 bucket ${bucket} or KMS key ${key}.`,
    400,
  );
export const noKey = (key: string) => new AwsError("KmsKeyNotFoundException", `KMS key not found: ${key}.`, 400);
export const noTopic = () =>
  new AwsError(
    "InsufficientSnsTopicPolicyException",
    "SNS Topic does not exist or the topic policy is incorrect!",
    400,
  );
export const invalidLogGroup = (message: string) =>
  new AwsError("InvalidCloudWatchLogsLogGroupArnException", message, 400);
export const invalidLogRole = (message: string) => new AwsError("InvalidCloudWatchLogsRoleArnException", message, 400);
export const notManagement = () =>
  new AwsError(
    "NotOrganizationMasterAccountException",
    "The organization trail can be created only by the management account or a delegated administrator of an organization.",
    400,
  );
export const noOrganization = () =>
  new AwsError("OrganizationsNotInUseException", "Your account is not a member of an organization.", 400);
export const resourceNotFound = (arn: string) =>
  new AwsError("ResourceNotFoundException", `The specified resource was not found: ${arn}`, 400);
