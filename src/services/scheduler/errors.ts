/** EventBridge Scheduler's errors. Statuses: API Reference, "Common errors"; texts recorded in LocalStack's `test_scheduler.snapshot.json`. */
import { AwsError } from "#kernel/errors.ts";

export const noSchedule = (name: string) => notFound(`Schedule ${name} does not exist.`);
export const noGroup = (name: string) => notFound(`Schedule group ${name} does not exist.`);
export const scheduleExists = (name: string) => conflict(`Schedule ${name} already exists.`);
export const groupExists = (name: string) => conflict(`Schedule group ${name} already exists.`);
export const invalid = (message: string) => new AwsError("ValidationException", message, 400);
export const invalidExpression = (text: string) => invalid(`Invalid Schedule Expression ${text}.`);
export const notServed = (parameter: string, what: string) =>
  invalid(`${parameter}: ${what} are not served by this installation.`);
export const tooMany = () => new AwsError("ServiceQuotaExceededException", "The request exceeds a service quota.", 402);

function notFound(message: string): AwsError {
  return new AwsError("ResourceNotFoundException", message, 404);
}

function conflict(message: string): AwsError {
  return new AwsError("ConflictException", message, 409);
}
