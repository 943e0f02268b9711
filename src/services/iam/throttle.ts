/**
 * Slowing down who guesses passwords: after five attempts without success each further one has to wait twice as
 * long, up to a quarter of an hour. Names that do not exist are slowed down the same way, so that waiting tells
 * nothing. Source: NIST SP 800-63B, section 5.2.2 (rate limiting).
 */
import { createHash } from "node:crypto";
import type { IamState } from "./state.ts";

const freeAttempts = 5;
const firstWaitMs = 1000;
const longestWaitMs = 15 * 60_000;
/** Attempts are forgotten when there was none for this long. */
const memoryMs = 3_600_000;

/** Names are hashed: a mistyped password in the name field must not be stored. */
function idOf(name: string): string {
  return `sign-in/${createHash("sha256").update(name.toLowerCase()).digest("hex")}`;
}

/**
 * Counts an attempt before it is looked at, so that parallel guesses are counted too.
 * @returns milliseconds to wait, 0: go ahead
 */
export async function countAttempt(state: IamState, name: string, now: number): Promise<number> {
  const id = idOf(name);
  const before = (await state.get("throttle", id)) ?? { failures: 0, notBefore: 0 };
  if (before.notBefore > now) return before.notBefore - now;
  const failures = before.failures + 1;
  const over = failures - freeAttempts;
  const wait = over < 0 ? 0 : Math.min(firstWaitMs * 2 ** Math.min(over, 20), longestWaitMs);
  state.put("throttle", id, { failures, notBefore: now + wait }, { expiresAt: now + wait + memoryMs });
  return 0;
}

/**
 * Whether this is the first attempt of a waiting time: that one is told in the trail, so that nobody who goes on guessing
 * stays unseen, and nobody fills it.
 */
export async function isFirstOfWait(state: IamState, name: string): Promise<boolean> {
  const id = idOf(name);
  const before = await state.get("throttle", id);
  if (!before || before.toldOf === before.notBefore) return false;
  state.put("throttle", id, { ...before, toldOf: before.notBefore }, { expiresAt: before.notBefore + memoryMs });
  return true;
}

/** After success, and when an administrator sets a new password. */
export function forgetAttempts(state: IamState, name: string): void {
  state.delete("throttle", idOf(name), "any");
}
