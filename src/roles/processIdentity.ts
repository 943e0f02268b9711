/** Which process a number means: after a crash or a reboot the same number may belong to somebody else. */
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot (Linux: `/proc/<pid>/stat`, field 22). Absent where it cannot be told. */
  startTicks?: string;
}

export function identify(pid: number): ProcessIdentity {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? { pid } : { pid, startTicks };
}

/** True when that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it runs and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  if (isZombie(identity.pid)) return false;
  const now = startTicksOf(identity.pid);
  return identity.startTicks === undefined || now === undefined || identity.startTicks === now;
}

/** proc(5): the name in parentheses may hold spaces and parentheses itself, so fields count from the last one. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function startTicksOf(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

function isZombie(pid: number): boolean {
  return statFields(pid)?.[0] === "Z";
}
