/**
 * Retry policies of EventBridge and its Scheduler. Source: EventBridge User Guide, "How EventBridge retries delivering events": 24 hours and up to 185
 * times with an exponential back off and jitter.
 */
import type { Random } from "#kernel/ids.ts";
import { deadLetter, type Condition, type DeadLetter } from "./deadLetter.ts";
import type { Failure } from "./outcome.ts";

export interface RetryPolicy {
  MaximumRetryAttempts?: number | undefined;
  MaximumEventAgeInSeconds?: number | undefined;
}

const mostRetries = 185;
const oldestEventS = 86_400;
const firstDelayMs = 1_000;
/** With this, 185 retries take about a day. */
const longestDelayMs = 480_000;
/** Attempts to bring something to its dead-letter queue. */
const mostBurials = 5;

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

/** What comes after a failed attempt, the last of `attempts`: another one, or the end of it. Epoch milliseconds. */
export function afterFailure(
  failure: Failure,
  policy: RetryPolicy | undefined,
  { attempts, startedAt }: { attempts: number; startedAt: number },
  now: number,
  random: Random,
): { dueAt: number } | { dead: DeadLetter } {
  const condition = failure.permanent ? undefined : exhausted(policy, { attempts, startedAt }, now);
  if (!failure.permanent && condition === undefined) return { dueAt: now + delayAfter(attempts, random) };
  return { dead: deadLetter(failure, attempts, condition) };
}

/** When a dead-letter queue that has refused `attempts` times is tried again; `undefined`: never. Epoch milliseconds. */
export function dueAfterRefusedBurial(
  failure: Failure,
  attempts: number,
  now: number,
  random: Random,
): number | undefined {
  return failure.permanent || attempts >= mostBurials ? undefined : now + delayAfter(attempts, random);
}
