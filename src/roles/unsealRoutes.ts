/**
 * Opening the seal from the console. While it is sealed nobody can sign in, so whoever brings what opens it is asked for
 * nothing else: a passphrase, or one share at a time, in a box that only the key holder reads.
 *
 * INVARIANT: an api process takes one attempt at a time, and pauses after one that failed, whoever made it: guessing is as
 * slow as argon2id for one guesser a process, however many there are.
 */
import type { Clock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { SealState } from "#keys/contract.ts";
import { consolePath } from "./consoleFiles.ts";
import type { Routes } from "./routes.ts";
import type { SealGroup } from "./sealGroup.ts";
import { readBoxes } from "./sealRoutes.ts";

const api = `${consolePath}api`;

/** Kinds of seal that somebody opens, by what is asked of them. */
const asked: Readonly<Record<string, "passphrase" | "share">> = { passphrase: "passphrase", shamir: "share" };

const pauseMs = 2_000;

export function unsealRoutes(group: SealGroup, clock: Clock): Routes {
  let busy = false;
  let pausedUntil = 0;
  return {
    [`GET ${api}/seal`]: async () => shown(await group.state(), group),
    [`POST ${api}/unseal`]: async (_query, body) => {
      const boxes = readBoxes(body);
      if (!boxes) throw new AwsError("InvalidRequest", "boxes are missing.", 400);
      const state = await group.state();
      if (!state.sealed) throw new AwsError("NotSealed", "It is open.", 409);
      if (!asked[state.seal]) {
        throw new AwsError("NotAsked", `Nobody opens a seal of kind ${state.seal}: what keeps it is asked.`, 409);
      }
      const waitMs = pausedUntil - clock.now();
      if (busy || waitMs > 0) throw tooMany(Math.max(waitMs, 1000));
      busy = true;
      try {
        return await shown(await group.offer({ boxes }), group);
      } catch (error) {
        if (!(error instanceof AwsError) || error.code !== "SealError") throw error;
        pausedUntil = clock.now() + pauseMs;
        throw new AwsError("SealError", `${error.message}.`, 403);
      } finally {
        busy = false;
      }
    },
  };
}

async function shown(state: SealState, group: SealGroup): Promise<Record<string, unknown>> {
  const wants = asked[state.seal];
  if (!state.sealed || !wants) return { ...state };
  return { ...state, wants, publicKeys: await group.publicKeys() };
}

function tooMany(ms: number): AwsError {
  const seconds = String(Math.ceil(ms / 1000));
  const message = `Another attempt has just been made. Try again in ${seconds} seconds.`;
  return new AwsError("TooManyAttempts", message, 429, { headers: { "retry-after": seconds } });
}
