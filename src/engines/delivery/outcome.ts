/**
 * How an attempt ended. A permanent failure is not tried again: it goes to the dead-letter queue, if there is one.
 * Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events" (error codes; missing
 * permissions and missing resources are not retried).
 */
import type { AwsError } from "#kernel/errors.ts";

export interface Failure {
  ok: false;
  permanent: boolean;
  code: string;
  message: string;
  /** Of the target's answer, where it has one. */
  status?: number;
}

/** `response`: the target's words, where somebody reads them. */
export type Outcome = { ok: true; response: string; status?: number } | Failure;

export function delivered(response = "", status?: number): Outcome {
  return { ok: true, response, ...(status === undefined ? {} : { status }) };
}

export function failed(code: string, message: string, permanent = false, status?: number): Failure {
  const failure: Failure = { ok: false, permanent, code, message: message.slice(0, 1024) };
  return status === undefined ? failure : { ...failure, status };
}

/** What a target's own refusal means. */
export function outcomeOf({ code, status, message }: AwsError): Failure {
  if (/Throttl|TooManyRequests|SlowDown/.test(code)) return failed("THROTTLING", message, false);
  if (status >= 500) return failed("INTERNAL_ERROR", message, false);
  if (/LimitExceeded|OverLimit/.test(code)) return failed("RESOURCE_LIMIT_EXCEEDED", message, false);
  if (/AccessDenied|NotAuthorized|AuthorizationError/.test(code)) {
    const assuming = message.includes("sts:AssumeRole") || message.includes("cannot be assumed");
    return failed(assuming ? "FAILED_TO_ASSUME_ROLE" : "NO_PERMISSIONS", message, true);
  }
  if (/NonExistent|DoesNotExist|NotFound|NoSuch/.test(code)) return failed("NO_RESOURCE", message, true);
  if (/InvalidParameter|Validation|InvalidMessageContents/.test(code))
    return failed("INVALID_PARAMETER", message, true);
  return failed("SDK_CLIENT_ERROR", message, true);
}
