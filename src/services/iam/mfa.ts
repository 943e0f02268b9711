/** Checking codes of MFA devices: for EnableMFADevice and ResyncMFADevice here, for sign-in and STS elsewhere. */
import { AwsError } from "#kernel/errors.ts";
import type { Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { transact, type IamState, type MfaDevice } from "./state.ts";
import { countAttempt, forgetAttempts } from "./throttle.ts";
import { matchCode, matchConsecutive, timeStep } from "./totp.ts";

const purpose = "iam-mfa-seed";
/** Steps to each side that a single code may be off: one, as RFC 6238 section 5.2 recommends at most. */
const signInWindow = 1;
/** Enabling and resynchronizing accept a device clock that is this many steps (here: an hour) off. */
const resyncWindow = 120;

export async function protectSeed(keys: KeyHolder, serial: string, seed: Uint8Array): Promise<string> {
  return Buffer.from(await keys.protect(purpose, serial, seed)).toString("base64");
}

async function revealSeed(keys: KeyHolder, device: MfaDevice): Promise<Uint8Array> {
  return keys.reveal(purpose, device.serial, Buffer.from(device.seed, "base64"));
}

/**
 * Two consecutive codes: proof that the device holds the seed, and how its clock differs from ours.
 * @throws InvalidAuthenticationCode
 */
export async function synchronize(
  keys: KeyHolder,
  device: MfaDevice,
  first: string,
  second: string,
  now: number,
): Promise<Pick<MfaDevice, "drift" | "lastStep">> {
  const current = timeStep(now);
  const seed = await revealSeed(keys, device);
  const step = matchConsecutive(seed, first, second, current, resyncWindow, device.lastStep);
  if (step === undefined) {
    throw new AwsError("InvalidAuthenticationCode", "Authentication code for device is not valid.", 403);
  }
  // The second code is the one the device shows now, or has just shown.
  return { drift: Math.abs(step + 1 - current) <= signInWindow ? 0 : step + 1 - current, lastStep: step + 1 };
}

/** Accepts a code once: stages the device with its new last step. False: wrong, used before, or not this owner's. */
export async function acceptCode(
  state: IamState,
  keys: KeyHolder,
  owner: string,
  serial: string,
  code: string,
  now: number,
): Promise<boolean> {
  const device = await state.get("mfaDevice", serial);
  if (device?.owner !== owner) return false;
  const seed = await revealSeed(keys, device);
  const step = matchCode(seed, code, timeStep(now) + device.drift, signInWindow, device.lastStep);
  if (step === undefined) return false;
  state.put("mfaDevice", serial, { ...device, lastStep: step });
  return true;
}

export interface TotpCheck {
  store: Store;
  keys: KeyHolder;
  random: Random;
  account: string;
  /** Unique id of the user, or the account id for the root user. */
  owner: string;
  serial: string;
  code: string;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * For STS (`TokenCode`): true when the code is the owner's device's, now, for the first time. Two concurrent
 * uses of one code: exactly one is true, because the new last step is compare-and-set. Guessing slows down as it
 * does for passwords; while it has to wait, every code is refused.
 */
export async function verifyTotp(check: TotpCheck): Promise<boolean> {
  if (!/^\d{6}$/.test(check.code)) return false;
  const { store, random, account, keys, owner, serial, code, now } = check;
  const attempts = `mfa ${serial}`;
  const wait = await transact(store, random, account, (state) => countAttempt(state, attempts, now));
  if (wait > 0) return false;
  return transact(store, random, account, async (state) => {
    const accepted = await acceptCode(state, keys, owner, serial, code, now);
    if (accepted) forgetAttempts(state, attempts);
    return accepted;
  });
}
