/** Who listens on a TCP port. Linux only: /proc/net/tcp and the descriptors of every process (proc(5)). */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

export interface PortOwner {
  pid: number;
  command: string;
}

/** `undefined` when nobody does, or when it cannot be told from this account. */
export function portOwner(port: number): PortOwner | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const entry of list("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of list(`/proc/${entry}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${entry}/fd/${descriptor}`))?.[1];
      if (inode && inodes.has(inode)) return { pid: Number(entry), command: commandOf(Number(entry)) };
    }
  }
  return undefined;
}

/** Field 2 is `address:port` in hexadecimal, field 4 the state (0A: LISTEN), field 10 the inode of the socket. */
function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of read(table).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${wanted}`) && fields[3] === "0A" && fields[9]) inodes.add(fields[9]);
    }
  }
  return inodes;
}

/** The command line, shortened. Arguments may hold secrets of others, so only the first three words are shown. */
function commandOf(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`).split("\0").filter(Boolean);
  const shown = words.slice(0, 3).join(" ") || read(`/proc/${pid}/comm`).trim();
  return words.length > 3 ? `${shown} …` : shown;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
