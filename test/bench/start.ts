/** Start to ready, and memory when idle. Ratios are the targets (2 s, 300 MB) divided by what was measured. */
import { startInstance } from "../instance.ts";
import { processTree, proportionalSize } from "./parts/processes.ts";
import { print, type Row } from "./parts/row.ts";

const targetMs = 2000;
const targetBytes = 300e6;
/** Long enough for what starts beside readiness to have started. */
const settleMs = 5000;

export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  const times: number[] = [];
  for (const last of [false, false, true]) {
    const began = performance.now();
    const instance = await startInstance();
    times.push(performance.now() - began);
    try {
      if (!last) continue;
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const pids = await processTree(instance.ready.pid);
      const each = await Promise.all(pids.map(proportionalSize));
      const total = each.reduce((sum, bytes) => sum + bytes, 0);
      rows.push({
        name: "memory of all processes when idle (PSS), 300 MB",
        ratio: targetBytes / total,
        detail: `${(total / 1e6).toFixed(0)} MB in ${pids.length} processes: ${each.map((bytes) => (bytes / 1e6).toFixed(0)).join(", ")}`,
      });
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
