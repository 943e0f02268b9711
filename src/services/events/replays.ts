import { timeText } from "#kernel/clock.ts";
import { type Replay } from "./state.ts";

/** A replay that has something to do is found by that. */
export function replayIndexes({ state, startedAt }: Pick<Replay, "state" | "startedAt">): Record<string, string> {
  const active = state === "STARTING" || state === "RUNNING" || state === "CANCELLING";
  return active ? { active: timeText(startedAt) } : {};
}
