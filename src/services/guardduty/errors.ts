/**
 * GuardDuty's refusals: nearly all are BadRequestException with a reason in `__type`.
 * Sources: GuardDuty API Reference of 2019, "Errors" of each operation (texts); recorded answers of AWS.
 */
import { AwsError } from "#kernel/errors.ts";

export function badRequest(message: string, type = "InvalidInputException"): AwsError {
  return new AwsError("BadRequestException", message, 400, { fields: { Type: type } });
}

export const notOwned = (): AwsError =>
  badRequest("The request is rejected because the input detectorId is not owned by the current account.");

export const noSuchResource = (): AwsError => badRequest("The request is rejected since no such resource found.");

export const invalidParameter = (name: string): AwsError =>
  badRequest(`The request is rejected because the parameter ${name} has an invalid value.`);

export const outOfRange = (): AwsError =>
  badRequest("The request is rejected because an invalid or out-of-range value is specified as an input parameter.");

/** What this installation cannot do, with what it would need. */
export const unavailable = (what: string, needs: string): AwsError =>
  badRequest(`The request is rejected because ${what} is unavailable: needs ${needs}.`);

export const memberForbidden = (what: string): AwsError =>
  badRequest(`The request is rejected because member accounts cannot ${what}.`);
