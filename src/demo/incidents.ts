/**
 * What somebody with too many rights does in the account: the root user is used for daily work, logging is stopped, a
 * bucket is opened. Each is a real call; what is found, is found by the detector.
 */
import { pause } from "#kernel/pause.ts";
import { type Api, ApiError, type ApiTarget } from "./client.ts";
import type { Stage } from "./setup.ts";

export interface RootUser {
  email: string;
  password: string;
}

/** Signs in as a browser does. @throws Error */
export async function signIn(endpoint: string, { email, password }: RootUser): Promise<ApiTarget["credentials"]> {
  const answer = await fetch(new URL("/_jikimi/console/api/sign-in", endpoint), {
    method: "POST",
    headers: { "content-type": "application/json", "user-agent": "Mozilla/5.0 (demonstration)" },
    body: JSON.stringify({ kind: "root", email, password }),
  });
  const { outcome, view } = (await answer.json()) as {
    outcome: string;
    view?: { credentials: ApiTarget["credentials"] };
  };
  if (!view) throw new Error(`the root user could not sign in: ${outcome}`);
  return view.credentials;
}

const gapMs = 8_000;

/** One after the other, with time between them to look. */
export async function happen(root: Api, administrator: Api, stage: Stage, signal: AbortSignal): Promise<void> {
  const steps: (() => Promise<unknown>)[] = [
    () => root.s3("GET", "/"),
    () => administrator.json("cloudtrail", "StopLogging", { Name: stage.trail }),
    () => administrator.json("cloudtrail", "StartLogging", { Name: stage.trail }),
    () => administrator.s3("DELETE", `/${stage.bucket}`, { publicAccessBlock: "" }),
  ];
  for (const step of steps) {
    if (signal.aborted) return;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    await pause(gapMs, signal);
  }
}
