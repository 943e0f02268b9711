import type { Connection } from "./state.ts";

/** A connection that waits for its first token is found by that. */
export function connectionIndexes({ state, uid }: Pick<Connection, "state" | "uid">): Record<string, string> {
  return { uid, ...(state === "AUTHORIZING" ? { waiting: uid } : {}) };
}
