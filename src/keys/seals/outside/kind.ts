/**
 * A seal whose root is kept by something outside: wrapped there, and unwrapped there at each start. Runs in the helper
 * process (`helper.ts`), which ends when it is done: neither the api role nor the key holder speaks to anything.
 */
export interface OutsideKind {
  /** What is kept in the keyring, in clear, so that `unwrap` can be asked. @throws OutsideFailure */
  wrap(root: Uint8Array, parameters: Parameters): Promise<Parameters>;
  /** The root; the caller zeroes it. @throws OutsideFailure */
  unwrap(parameters: Parameters): Promise<Buffer>;
}

export type Parameters = Readonly<Record<string, unknown>>;

/** Why it did not work, in words for an operator; no secrets. */
export class OutsideFailure extends Error {}

/** Asking again would make it worse: a token locks after a few wrong PINs. */
export class FinalFailure extends OutsideFailure {}

export function textOf(parameters: Parameters, name: string): string {
  const value = parameters[name];
  if (typeof value !== "string" || value === "") throw new OutsideFailure(`the keyring has no ${name} of its seal`);
  return value;
}

/** Credentials of whoever the outside is asked as; from the environment, and in no file of ours. */
export function sealCredentials(env: NodeJS.ProcessEnv): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const accessKeyId = env["JIKIMI_SEAL_ACCESS_KEY_ID"];
  const secretAccessKey = env["JIKIMI_SEAL_SECRET_ACCESS_KEY"];
  const sessionToken = env["JIKIMI_SEAL_SESSION_TOKEN"];
  if (!accessKeyId || !secretAccessKey) {
    throw new OutsideFailure("JIKIMI_SEAL_ACCESS_KEY_ID and JIKIMI_SEAL_SECRET_ACCESS_KEY are not set");
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
