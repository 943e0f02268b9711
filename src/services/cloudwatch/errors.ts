/** CloudWatch's errors, by the shapes of the model; the query protocol shows their older codes. */
import { AwsError } from "#kernel/errors.ts";

export const invalidValue = (message: string): AwsError => new AwsError("InvalidParameterValueException", message);
export const invalidCombination = (message: string): AwsError =>
  new AwsError("InvalidParameterCombinationException", message);
export const missing = (message: string): AwsError => new AwsError("MissingRequiredParameterException", message);
export const validation = (message: string): AwsError => new AwsError("ValidationError", message);
export const invalidToken = (): AwsError => new AwsError("InvalidNextToken", "The next token specified is invalid.");
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededFault", message);
export const noAlarm = (): AwsError => new AwsError("ResourceNotFound", "Unknown", 404);
export const noResource = (arn: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Resource not found: ${arn}`, 404);
