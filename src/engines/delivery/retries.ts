/**
 * Retry policies of EventBridge and its Scheduler. Source: EventBridge User Guide, "How EventBridge retries delivering events": 24 hours and up to 185
 * times with an exponential back off and jitter.
 */
import type { Random } from "#kernel/ids.ts";

export interface RetryPolicy {
  MaximumRetryAttempts?: number | undefined;
  MaximumEventAgeInSeconds?: number | undefined;
}

const mostRetries = 185;
const oldestEventS = 86_400;
const firstDelayMs = 1_000;
/** With this, 185 retries take about a day. */
const longestDelayMs = 480_000;

export type Condition = "MaximumRetryAttempts" | "MaximumEventAgeInSeconds";

/** Which limit something has reached that has failed `attempts` times since `startedAt`. Epoch milliseconds. */
export function exhausted(
  policy: RetryPolicy | undefined,
  { attempts, startedAt }: { attempts: number; startedAt: number },
  now: number,
): Condition | undefined {
  const { MaximumRetryAttempts: retries = mostRetries, MaximumEventAgeInSeconds: age = oldestEventS } = policy ?? {};
  if (attempts > retries) return "MaximumRetryAttempts";
  return now - startedAt >= age * 1000 ? "MaximumEventAgeInSeconds" : undefined;
}

/** Pause before the next attempt, after so many. Between half and the whole of what doubles. */
export function delayAfter(attempts: number, random: Random): number {
  const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempts - 1, 20));
  return delay / 2 + random.below(Math.ceil(delay / 2));
}
