/** `node test/bench/policy.ts`: policy decisions per second on one core, twenty statements in scope. */
import { decisionsPerSecond } from "#policy/bench.ts";

const perSecond = decisionsPerSecond(300_000, () => performance.now());
process.stdout.write(`policy: ${Math.round(perSecond).toLocaleString("en")} decisions/s\n`);
