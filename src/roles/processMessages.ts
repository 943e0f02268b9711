/** What a supervisor and the process of a role say to each other over the IPC channel of `fork`. */
import type { RoleConfig } from "./role.ts";

export type ToRole = { type: "start"; config: RoleConfig } | { type: "stop" };

export type FromRole =
  /** The role can take its configuration. */
  | { type: "waiting" }
  | { type: "ready"; ready: Record<string, unknown> }
  /** It cannot start. `code` is the error's, e.g. EADDRINUSE. */
  | { type: "failed"; code?: string; message: string }
  | { type: "stopped" };

export function isToRole(message: unknown): message is ToRole {
  return hasType(message, ["start", "stop"]);
}

export function isFromRole(message: unknown): message is FromRole {
  return hasType(message, ["waiting", "ready", "failed", "stopped"]);
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
