/** What a supervisor and the process of a role say to each other over the IPC channel of `fork`. */
import type { RoleConfig } from "./role.ts";

export type ToRole =
  /** `kept`: what an earlier process of this role asked to be kept for the next one. */
  { type: "start"; config: RoleConfig; kept?: Uint8Array } | { type: "stop" };

export type FromRole =
  /** The role can take its configuration. */
  | { type: "waiting" }
  | { type: "ready"; ready: Record<string, unknown> }
  /** It cannot start. `code` is the error's, e.g. EADDRINUSE. */
  | { type: "failed"; code?: string; message: string }
  /** A role that starts only when it is needed is needed now. */
  | { type: "want"; role: string }
  /** Held in the supervisor's memory, nowhere else, and handed to the next process of this role. */
  | { type: "keep"; value: Uint8Array }
  | { type: "stopped" };

export function isToRole(message: unknown): message is ToRole {
  return hasType(message, ["start", "stop"]);
}

export function isFromRole(message: unknown): message is FromRole {
  return hasType(message, ["waiting", "ready", "failed", "want", "keep", "stopped"]);
}

function hasType(message: unknown, types: readonly string[]): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    typeof message.type === "string" &&
    types.includes(message.type)
  );
}
