/**
 * IAM's errors: code, HTTP status and text as AWS gives them.
 * Source: errors of the IAM API reference; texts as recorded from AWS in LocalStack's IAM snapshot tests (2026-02).
 */
import { AwsError } from "#kernel/errors.ts";

export const noSuchEntity = (message: string) => new AwsError("NoSuchEntity", message, 404);
export const alreadyExists = (message: string) => new AwsError("EntityAlreadyExists", message, 409);
export const deleteConflict = (message: string) => new AwsError("DeleteConflict", message, 409);
export const limitExceeded = (message: string) => new AwsError("LimitExceeded", message, 409);
export const quotaExceeded = (quota: string, value: number) =>
  limitExceeded(`Cannot exceed quota for ${quota}: ${value}`);
export const malformedPolicy = (message: string) => new AwsError("MalformedPolicyDocument", message, 400);
export const invalidInput = (message: string) => new AwsError("InvalidInput", message, 400);
export const validationError = (message: string) => new AwsError("ValidationError", message, 400);
export const unmodifiable = (message: string) => new AwsError("UnmodifiableEntity", message, 400);
export const passwordPolicyViolation = (message: string) => new AwsError("PasswordPolicyViolation", message, 400);
export const accessDenied = (message: string) => new AwsError("AccessDenied", message, 403);

/** Label of each kind of entity in "… with name X cannot be found." */
export const noSuch = {
  user: (name: string) => noSuchEntity(`The user with name ${name} cannot be found.`),
  group: (name: string) => noSuchEntity(`The group with name ${name} cannot be found.`),
  role: (name: string) => noSuchEntity(`The role with name ${name} cannot be found.`),
  instanceProfile: (name: string) => noSuchEntity(`Instance Profile ${name} cannot be found.`),
  policy: (arn: string) => noSuchEntity(`Policy ${arn} was not found.`),
  attachablePolicy: (arn: string) => noSuchEntity(`Policy ${arn} does not exist or is not attachable.`),
  policyVersion: (arn: string, version: string) =>
    noSuchEntity(`Policy ${arn} version ${version} does not exist or is not attachable.`),
  boundary: (arn: string) => noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`),
  inlinePolicy: (kind: string, name: string) => noSuchEntity(`The ${kind} policy with name ${name} cannot be found.`),
  accessKey: (id: string) => noSuchEntity(`The Access Key with id ${id} cannot be found.`),
  loginProfile: (user: string) => noSuchEntity(`Login Profile for User ${user} cannot be found.`),
  mfaDevice: (serial: string) => noSuchEntity(`MFA Device with serial number ${serial} does not exist.`),
  passwordPolicy: (account: string) => noSuchEntity(`The Password Policy with domain name ${account} cannot be found.`),
  oidcProvider: (arn: string) => noSuchEntity(`OpenIDConnect Provider not found for arn ${arn}`),
  samlProvider: (arn: string) => noSuchEntity(`Manifest not found for arn ${arn}`),
  serverCertificate: (name: string) => noSuchEntity(`The Server Certificate with name ${name} cannot be found.`),
} as const;

/** A call without user name from credentials that are not a user's. */
export const needsUserName = () => validationError("Must specify userName when calling with non-User credentials");
