/** What the processes of an installation cost, read from /proc. */
import { readFile } from "node:fs/promises";
import type { Instance } from "../../instance.ts";

/** Process ids of an installation: the supervisor, its roles and what those have started. */
export async function processTree(root: number): Promise<number[]> {
  const children = await readFile(`/proc/${root}/task/${root}/children`, "utf8").catch(() => "");
  const below = await Promise.all(children.trim().split(" ").filter(Boolean).map(Number).map(processTree));
  return [root, ...below.flat()];
}

/** Milliseconds of CPU that a process has used, of all its threads; in steps of 10. */
export async function cpuOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(") ") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Proportional set size in bytes: memory that several processes share counts once. */
export async function proportionalSize(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** CPU of a process and of all that it has started, in milliseconds. */
export async function cpuOfTree(root: number): Promise<number> {
  const pids = await processTree(root);
  const each = await Promise.all(pids.map(cpuOf));
  return each.reduce((sum, milliseconds) => sum + milliseconds, 0);
}

/** CPU of the whole installation so far, in milliseconds. */
export async function cpuOfInstance(instance: Instance): Promise<number> {
  return await cpuOfTree(instance.ready.pid);
}
