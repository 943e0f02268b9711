/** `node test/bench/policy.ts`: policy decisions per second of CPU on one core, twenty statements in scope. */
import { decisionsPerSecond } from "#policy/bench.ts";

/** CPU time rather than wall time, so that the answer does not depend on what else the machine is doing. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const perSecond = decisionsPerSecond(300_000, cpuMilliseconds);
process.stdout.write(`policy: ${Math.round(perSecond).toLocaleString("en")} decisions/s\n`);
