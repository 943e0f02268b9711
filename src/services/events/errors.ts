/** EventBridge's errors. Codes and texts as AWS answers them, recorded in LocalStack's `tests/aws/services/events/*.snapshot.json`. */
import { AwsError } from "#kernel/errors.ts";

export const noBus = (name: string) => notFound(`Event bus ${name} does not exist.`);
export const busExists = (name: string) => exists(`Event bus ${name} already exists.`);
export const noRule = (name: string, bus: string) => notFound(`Rule ${name} does not exist on EventBus ${bus}.`);
export const noStatement = () => notFound("Statement with the provided id does not exist.");
export const noArchive = (name: string) => notFound(`Archive ${name} does not exist.`);
export const archiveExists = (name: string) => exists(`Archive ${name} already exists.`);
export const noReplay = (name: string) => notFound(`Replay ${name} does not exist.`);
export const replayExists = (name: string) => exists(`Replay ${name} already exists.`);
export const noConnection = (verb: string, name: string) =>
  notFound(`Failed to ${verb} the connection(s). Connection '${name}' does not exist.`);
export const connectionExists = (name: string) => exists(`Connection ${name} already exists.`);
export const noApiDestination = (verb: string, name: string) =>
  notFound(`Failed to ${verb} the api-destination(s). An api-destination '${name}' does not exist.`);
export const apiDestinationExists = (name: string) => exists(`An api-destination '${name}' already exists.`);

export const invalid = (message: string) => new AwsError("ValidationException", message, 400);
export const invalidParameter = (parameter: string, reason: string) =>
  invalid(`Parameter ${parameter} is not valid. Reason: ${reason}`);
export const notServed = (parameter: string, what: string) =>
  invalidParameter(parameter, `${what} are not served by this installation.`);
export const invalidPattern = (reason: string) =>
  new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`, 400);
export const tooMany = () =>
  new AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400);
export const managedRule = (name: string) =>
  new AwsError("ManagedRuleException", `${name} is a managed rule. Set 'force' parameter to true to override.`, 400);
/** @param what "Archive", "Replay" … */
export const illegalStatus = (message: string) => new AwsError("IllegalStatusException", message, 400);
export const tooLongPolicy = () =>
  new AwsError("PolicyLengthExceededException", "The policy is longer than 10,240 bytes.", 400);

function notFound(message: string): AwsError {
  return new AwsError("ResourceNotFoundException", message, 400);
}

function exists(message: string): AwsError {
  return new AwsError("ResourceAlreadyExistsException", message, 400);
}
