/**
 * Start to ready, memory when idle, and what is written and used when nothing happens. Ratios are the targets divided by
 * what was measured.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { repository, startInstance } from "../instance.ts";
import { cpuOf, processTree, proportionalSize } from "./parts/processes.ts";
import { print, type Row } from "./parts/row.ts";

const targetMs = 2000;
const targetBytes = 300e6;
/** Long enough for what starts beside readiness to have started. */
const settleMs = 5000;

/** Long enough for leases to be renewed a few times. */
const idleMs = 30_000;
const targetWritten = 10e3;
const targetCpu = 0.02;
/** As the launcher sets it: modules come compiled out of the cache, for every role. */
const env = { NODE_COMPILE_CACHE: join(repository, ".cache/node") };

/** Bytes that a process has caused to be written to disks. */
async function writtenBy(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/io`, "utf8");
  return Number(/^write_bytes: (\d+)/m.exec(text)?.[1] ?? 0);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

async function idleRows(pids: readonly number[]): Promise<Row[]> {
  const read = async () => ({
    written: sum(await Promise.all(pids.map(writtenBy))),
    cpu: sum(await Promise.all(pids.map(cpuOf))),
  });
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const after = await read();
  const written = (after.written - before.written) / (idleMs / 1000);
  const cpu = (after.cpu - before.cpu) / idleMs;
  return [
    {
      name: "written to disk when idle, 10 kB/s",
      ratio: targetWritten / Math.max(1, written),
      detail: `${(written / 1000).toFixed(1)} kB/s`,
    },
    {
      name: "CPU of all processes when idle, 2 % of a core",
      ratio: targetCpu / cpu,
      detail: `${(cpu * 100).toFixed(1)} %`,
    },
  ];
}

export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  const times: number[] = [];
  for (const last of [false, false, true]) {
    const began = performance.now();
    const instance = await startInstance({ env });
    times.push(performance.now() - began);
    try {
      if (!last) continue;
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const pids = await processTree(instance.ready.pid);
      const each = await Promise.all(pids.map(proportionalSize));
      const total = sum(each);
      rows.push({
        name: "memory of all processes when idle (PSS), 300 MB",
        ratio: targetBytes / total,
        detail: `${(total / 1e6).toFixed(0)} MB in ${pids.length} processes: ${each.map((bytes) => (bytes / 1e6).toFixed(0)).join(", ")}`,
      });
      rows.push(...(await idleRows(pids)));
    } finally {
      await instance.stop();
    }
  }
  const best = Math.min(...times);
  rows.unshift({
    name: "first start to ready, 2 s",
    ratio: targetMs / best,
    detail: `${Math.round(best)} ms, best of ${times.map((time) => Math.round(time)).join(", ")}`,
  });
  return rows;
}

if (import.meta.main) print(await bench());
