/**
 * WAF's errors; all are HTTP 400. Texts: AWS WAF API Reference, "Common errors", and as recorded in moto's tests and in
 * issues of terraform-provider-aws (#14120, #29321, #34320).
 */
import type { ParameterExceptionField } from "@aws-sdk/client-wafv2";
import { AwsError } from "#kernel/errors.ts";

/** `Field`, `Parameter` and `Reason` are members of their own, and the message says them again. */
export function invalidParameter(
  field: ParameterExceptionField | "DATA_PROTECTION_CONFIG",
  parameter: string,
  reason: string,
): AwsError {
  return new AwsError(
    "WAFInvalidParameterException",
    `Error reason: ${reason}, field: ${field}, parameter: ${parameter}`,
    400,
    { fields: { Field: field, Parameter: parameter, Reason: reason } },
  );
}

export const reasons = {
  exactlyOne: "You have used none or multiple values for a field that requires exactly one value.",
  formatting: "The parameter contains formatting that is not valid.",
  reference: "A reference in your rule statement is not valid.",
  minimum:
    "You haven't met a minimum requirement for a threshold setting. Examples include a rule group capacity setting that's too low and an OR statement with fewer than two nested statements.",
  maximum: "You exceeded the maximum allowed value for a setting.",
  duplicate: "The parameter contains a duplicate value.",
  nesting: "The statement can't be nested at this place.",
} as const;

/** What AWS offers and this installation does not (yet), said in WAF's own words. */
export const notServed = (field: ParameterExceptionField, parameter: string, what: string): AwsError =>
  invalidParameter(field, parameter, `${what} not served by this installation.`);

export const nonexistent = (): AwsError =>
  new AwsError(
    "WAFNonexistentItemException",
    "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
  );
export const duplicate = (): AwsError =>
  new AwsError(
    "WAFDuplicateItemException",
    "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.",
  );
export const staleLock = (): AwsError =>
  new AwsError(
    "WAFOptimisticLockException",
    "AWS WAF couldn’t save your changes because someone changed the resource after you started editing it. Reapply your changes.",
  );
export const associated = (): AwsError =>
  new AwsError(
    "WAFAssociatedItemException",
    "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s associated with another resource.",
  );
export const limitExceeded = (source?: string): AwsError =>
  new AwsError(
    "WAFLimitsExceededException",
    "AWS WAF couldn’t perform the operation because you exceeded your resource limit.",
    400,
    source === undefined ? {} : { fields: { SourceType: source } },
  );
export const unavailable = (): AwsError =>
  new AwsError(
    "WAFUnavailableEntityException",
    "AWS WAF couldn’t retrieve a resource that you specified for this operation. If you've just created a resource that you're using in this operation, you might just need to wait a few minutes. It can take from a few seconds to a number of minutes for changes to propagate.",
  );
export const invalidTags = (message: string): AwsError => new AwsError("WAFTagOperationException", message);
export const invalidPolicy = (message: string): AwsError =>
  new AwsError("WAFInvalidPermissionPolicyException", message);
export const noLogPermission = (cause: unknown): AwsError =>
  new AwsError(
    "WAFLogDestinationPermissionIssueException",
    "The operation failed because you don't have the permissions that your logging configuration requires. For information, see Logging web ACL traffic information in the WAF Developer Guide.",
    400,
    { cause },
  );
export const unsupportedKeys = (): AwsError =>
  new AwsError(
    "WAFUnsupportedAggregateKeyTypeException",
    "The rule that you've named doesn't aggregate solely on the IP address or solely on the forwarded IP address. This call is only available for rate-based rules with an AggregateKeyType setting of IP or FORWARDED_IP.",
  );

/**
 * CLOUDFRONT is served from us-east-1 alone; nothing can be made for it before distributions exist.
 * Source: AWS WAF API Reference, Scope.
 */
export function checkedScope(scope: string | undefined, region: string, purpose: "create" | "read"): void {
  if (scope !== "CLOUDFRONT") return;
  if (region !== "us-east-1") throw invalidParameter("SCOPE_VALUE", "CLOUDFRONT", "The scope is not valid.");
  if (purpose === "create") throw notServed("SCOPE_VALUE", "CLOUDFRONT", "Resources for CloudFront are");
}
