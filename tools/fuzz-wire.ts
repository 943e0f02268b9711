/**
 * Attacks the HTTP front and the protocols with seeded hostile requests.
 *
 *   node tools/fuzz-wire.ts --requests 1000000 --seed 7 [--concurrency 32] [--endpoint http://127.0.0.1:4566]
 *
 * Without an endpoint it starts a server of its own and watches its memory too. Ends with 1 when anything went wrong;
 * `--only N` makes attempt N of a seed again.
 */
import { parseArgs } from "node:util";
import { Connection } from "./fuzz/client.ts";
import { launchTarget } from "./fuzz/launch.ts";
import { attemptNumber, fuzz } from "./fuzz/run.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    concurrency: { type: "string", default: "32" },
    endpoint: { type: "string" },
    only: { type: "string" },
  },
});
/** How much what is referred to may grow in the second half of a run, and how large the process may be. */
const growthLimit = 32 << 20;
const rssLimit = 768 << 20;

const target = values.endpoint === undefined ? await launchTarget() : undefined;
const endpoint = new URL(values.endpoint ?? `http://127.0.0.1:${target?.port}`);
const at = { host: endpoint.hostname, port: Number(endpoint.port || 80) };
const seed = Number(values.seed);

if (values.only !== undefined) {
  const made = attemptNumber({ seed, slow: target !== undefined }, Number(values.only));
  process.stdout.write(`${made.kind}\n${JSON.stringify(made.bytes.toString("latin1", 0, 4000))}\n`);
  const outcome = await new Connection(at.host, at.port).attempt(made.bytes, {
    finish: made.finish,
    head: made.head === true,
    timeout: 5000,
  });
  process.stdout.write(`${JSON.stringify(outcome)}\n${target?.internal.join("\n") ?? ""}\n`);
  await target?.stop();
  process.exit(0);
}

const report = await fuzz({
  ...at,
  seed,
  requests: Number(values.requests),
  concurrency: Number(values.concurrency),
  timeout: 5_000,
  slow: target !== undefined,
  strict: target !== undefined,
  ...(target === undefined ? {} : { memory: () => target.memory() }),
  progress: (done) => process.stderr.write(`${done}\r`),
});
const grown = (report.memoryAfter?.live ?? 0) - (report.memoryBefore?.live ?? 0);
process.stdout.write(`${JSON.stringify({ ...report, internal: target?.internal }, null, 2)}\n`);
const bad =
  report.failureCount > 0 ||
  (target?.internal.length ?? 0) > 0 ||
  target?.exited === true ||
  grown > growthLimit ||
  (report.memoryAfter?.rss ?? 0) > rssLimit;
await target?.stop();
process.exit(bad ? 1 : 0);
