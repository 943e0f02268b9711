/** Policy decisions per second of CPU on one core, twenty statements in scope. There is nothing to compare it with. */
import { decisionsPerSecond } from "#policy/bench.ts";
import { print, type Row } from "./parts/row.ts";

/** CPU time rather than wall time, so that the answer does not depend on what else the machine is doing. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export async function bench(): Promise<Row[]> {
  const perSecond = decisionsPerSecond(300_000, cpuMilliseconds);
  const detail = `${Math.round(perSecond).toLocaleString("en")} decisions/s`;
  return [{ name: "policy, twenty statements in scope", ratio: Number.NaN, detail }];
}

if (import.meta.main) print(await bench());
