/**
 * How often and after which pauses a delivery is tried again.
 * Source: SNS Developer Guide, "Amazon SNS message delivery retries" (phases per protocol) and "Creating an HTTP/S
 * delivery policy" (members, bounds, functions).
 */
import { invalidBecause } from "./errors.ts";
import type { Protocol } from "./state.ts";

export interface RetryPolicy {
  numRetries: number;
  numNoDelayRetries: number;
  minDelayTarget: number;
  numMinDelayRetries: number;
  maxDelayTarget: number;
  numMaxDelayRetries: number;
  backoffFunction: "linear" | "arithmetic" | "geometric" | "exponential";
}

const httpDefault: RetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: "linear",
};

/** AWS-managed endpoints: 3 at once, 2 after a second, 10 backing off to 20 s, 100,000 every 20 s. */
const queueDefault: RetryPolicy = {
  numRetries: 100_015,
  numNoDelayRetries: 3,
  numMinDelayRetries: 2,
  minDelayTarget: 1,
  maxDelayTarget: 20,
  numMaxDelayRetries: 100_000,
  backoffFunction: "exponential",
};

/** SMTP: 2 after ten seconds, 10 backing off to 600 s, 38 every 600 s. */
const mailDefault: RetryPolicy = {
  numRetries: 50,
  numNoDelayRetries: 0,
  numMinDelayRetries: 2,
  minDelayTarget: 10,
  maxDelayTarget: 600,
  numMaxDelayRetries: 38,
  backoffFunction: "exponential",
};

interface DeliveryPolicy {
  retry?: RetryPolicy;
  maxReceivesPerSecond?: number;
  contentType?: string;
  disableOverrides: boolean;
}

const counts = ["numRetries", "numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"] as const;
const delays = ["minDelayTarget", "maxDelayTarget"] as const;
const functions = ["linear", "arithmetic", "geometric", "exponential"] as const;
const known = new Set<string>([...counts, ...delays, "backoffFunction"]);
/** AWS's list of content types for the request policy. */
const contentTypes =
  /^(application\/(atom\+xml|json|octet-stream|soap\+xml|x-www-form-urlencoded|xhtml\+xml|xml)|text\/(css|csv|html|plain|xml))(; ?charset=UTF-8)?$/i;

/** Of a topic: `{"http": {"defaultHealthyRetryPolicy": …}}`. @throws InvalidParameter */
export function readTopicPolicy(text: string | undefined): DeliveryPolicy {
  if (text === undefined || text === "") return { disableOverrides: false };
  const { http, ...more } = object(parse(text), "policy");
  if (http === undefined || Object.keys(more).length > 0) throw bad("Unexpected JSON member");
  const given = object(http, "http");
  return {
    ...members(given, "defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy", [
      "disableSubscriptionOverrides",
    ]),
    disableOverrides: given["disableSubscriptionOverrides"] === true,
  };
}

/** Of a subscription: `{"healthyRetryPolicy": …}`. @throws InvalidParameter */
export function readSubscriptionPolicy(text: string | undefined): DeliveryPolicy {
  if (text === undefined || text === "") return { disableOverrides: false };
  const given = object(parse(text), "policy");
  return {
    ...members(given, "healthyRetryPolicy", "throttlePolicy", "requestPolicy", ["sicklyRetryPolicy", "guaranteed"]),
    disableOverrides: false,
  };
}

function members(
  given: Record<string, unknown>,
  retry: string,
  throttle: string,
  request: string,
  others: readonly string[],
): Omit<DeliveryPolicy, "disableOverrides"> {
  for (const name of Object.keys(given)) {
    if (![retry, throttle, request, ...others].includes(name)) throw bad(`Unexpected JSON member: ${name}`);
  }
  const policy: Omit<DeliveryPolicy, "disableOverrides"> = {};
  if (given[retry] !== undefined && given[retry] !== null) policy.retry = readRetry(object(given[retry], retry));
  if (given[throttle] !== undefined && given[throttle] !== null) {
    const most = object(given[throttle], throttle)["maxReceivesPerSecond"];
    if (most !== undefined && most !== null)
      policy.maxReceivesPerSecond = whole(most, 1, 100_000, "maxReceivesPerSecond");
  }
  if (given[request] !== undefined && given[request] !== null) {
    const type = object(given[request], request)["headerContentType"];
    if (type !== undefined && (typeof type !== "string" || !contentTypes.test(type)))
      throw bad("headerContentType is not supported");
    if (typeof type === "string") policy.contentType = type;
  }
  return policy;
}

function readRetry(given: Record<string, unknown>): RetryPolicy {
  for (const name of Object.keys(given)) if (!known.has(name)) throw bad(`Unexpected JSON member: ${name}`);
  const policy: RetryPolicy = { ...httpDefault };
  for (const name of counts) if (isGiven(given[name])) policy[name] = whole(given[name], 0, 100, name);
  for (const name of delays) if (isGiven(given[name])) policy[name] = whole(given[name], 1, 3600, name);
  if (isGiven(given["backoffFunction"])) {
    const named = functions.find((each) => each === given["backoffFunction"]);
    if (!named) throw bad("backoffFunction must be one of linear, arithmetic, geometric, exponential");
    policy.backoffFunction = named;
  }
  if (policy.minDelayTarget > policy.maxDelayTarget)
    throw bad("healthyRetryPolicy.minDelayTarget must be less than or equal to maxDelayTarget");
  const planned = policy.numNoDelayRetries + policy.numMinDelayRetries + policy.numMaxDelayRetries;
  if (planned > policy.numRetries) {
    throw bad(
      "healthyRetryPolicy.numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries",
    );
  }
  return policy;
}

const isGiven = (value: unknown) => value !== undefined && value !== null;
const bad = (reason: string) => invalidBecause("DeliveryPolicy", reason);

function whole(value: unknown, least: number, most: number, name: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw bad(`${name} must be a whole number from ${least} to ${most}`);
  }
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad("Policy is not valid JSON");
  }
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw bad(`${name} must be a JSON object`);
  return value as Record<string, unknown>;
}

export interface Effective {
  retry: RetryPolicy;
  maxReceivesPerSecond?: number;
  contentType: string;
}

/** What holds for a delivery: the subscription's, else the topic's, else the protocol's. */
export function effectivePolicy(
  protocol: Protocol,
  topic: string | undefined,
  subscription: string | undefined,
): Effective {
  const contentType = "text/plain; charset=UTF-8";
  if (protocol === "sqs") return { retry: queueDefault, contentType };
  if (protocol === "email" || protocol === "email-json") return { retry: mailDefault, contentType };
  const general = readTopicPolicy(topic);
  const own: DeliveryPolicy = general.disableOverrides
    ? { disableOverrides: true }
    : readSubscriptionPolicy(subscription);
  const throttle = own.maxReceivesPerSecond ?? general.maxReceivesPerSecond;
  return {
    retry: own.retry ?? general.retry ?? httpDefault,
    contentType: own.contentType ?? general.contentType ?? contentType,
    ...(throttle === undefined ? {} : { maxReceivesPerSecond: throttle }),
  };
}

/**
 * Milliseconds until retry number `retry` (from 1); `undefined` when there are no more.
 * Phases in order: no delay, minimum delay, backing off from minimum to maximum, maximum delay.
 */
export function delayBefore(retry: number, policy: RetryPolicy): number | undefined {
  if (retry > policy.numRetries) return undefined;
  const backoff = policy.numRetries - policy.numNoDelayRetries - policy.numMinDelayRetries - policy.numMaxDelayRetries;
  let left = retry;
  if (left <= policy.numNoDelayRetries) return 0;
  left -= policy.numNoDelayRetries;
  if (left <= policy.numMinDelayRetries) return policy.minDelayTarget * 1000;
  left -= policy.numMinDelayRetries;
  if (left > backoff) return policy.maxDelayTarget * 1000;
  const { minDelayTarget: least, maxDelayTarget: most } = policy;
  // How far along the phase, from 0 to 1.
  const at = backoff <= 1 ? 1 : (left - 1) / (backoff - 1);
  const shape: Record<RetryPolicy["backoffFunction"], number> = {
    linear: at,
    arithmetic: (at * (at + 1)) / 2,
    geometric: at * at,
    exponential: (2 ** (at * 6) - 1) / 63,
  };
  return Math.round((least + (most - least) * shape[policy.backoffFunction]) * 1000);
}

/** As GetTopicAttributes shows it. */
export function shownTopicPolicy(text: string | undefined): string {
  const policy = readTopicPolicy(text);
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: policy.retry ?? httpDefault,
      disableSubscriptionOverrides: policy.disableOverrides,
      ...(policy.maxReceivesPerSecond === undefined
        ? {}
        : { defaultThrottlePolicy: { maxReceivesPerSecond: policy.maxReceivesPerSecond } }),
      defaultRequestPolicy: { headerContentType: policy.contentType ?? "text/plain; charset=UTF-8" },
    },
  });
}

/** As GetSubscriptionAttributes shows it; only HTTP has one. */
export function shownSubscriptionPolicy(effective: Effective): string {
  return JSON.stringify({
    healthyRetryPolicy: effective.retry,
    sicklyRetryPolicy: null,
    throttlePolicy:
      effective.maxReceivesPerSecond === undefined ? null : { maxReceivesPerSecond: effective.maxReceivesPerSecond },
    requestPolicy: { headerContentType: effective.contentType },
    guaranteed: false,
  });
}
