/**
 * Retry policies. Source: EventBridge User Guide, "How EventBridge retries delivering events": 24 hours and up to 185
 * times with an exponential back off and jitter.
 */
import type { Random } from "#kernel/ids.ts";
import type { DeadLetter, Delivery, KeptTarget } from "./state.ts";

const mostRetries = 185;
const oldestEventS = 86_400;
const firstDelayMs = 1_000;
/** With this, 185 retries take about a day. */
const longestDelayMs = 480_000;

export type Condition = NonNullable<DeadLetter["condition"]>;

/** Which limit an event has reached that has failed `attempts` times. */
export function exhausted(
  target: Pick<KeptTarget, "RetryPolicy">,
  { attempts, ingestedAt }: Pick<Delivery, "attempts" | "ingestedAt">,
  now: number,
): Condition | undefined {
  const { MaximumRetryAttempts: retries = mostRetries, MaximumEventAgeInSeconds: age = oldestEventS } =
    target.RetryPolicy ?? {};
  if (attempts > retries) return "MaximumRetryAttempts";
  return now - ingestedAt >= age * 1000 ? "MaximumEventAgeInSeconds" : undefined;
}

/** Pause before the next attempt, after so many. Between half and the whole of what doubles. */
export function delayAfter(attempts: number, random: Random): number {
  const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempts - 1, 20));
  return delay / 2 + random.below(Math.ceil(delay / 2));
}
