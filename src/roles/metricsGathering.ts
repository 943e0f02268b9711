/**
 * The metrics of all processes of an installation, from whichever of them is asked: each answers for itself on a socket in
 * the data folder, and does nothing for it until it is asked.
 */
import { readdir, rm } from "node:fs/promises";
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, type Registry } from "prom-client";
import type { Logger } from "#kernel/log.ts";
import { watchProcess } from "./metrics.ts";
import { dataPaths } from "./role.ts";
import { askUnix } from "./unixClient.ts";
import { serveUnix } from "./unixServer.ts";

/** A process that does not answer in this time is left out. Milliseconds. */
const patienceMs = 1_000;

const route = "/_jikimi/metrics.json";
const socketName = /^metrics\.(\d+)$/;

type Metrics = MetricObjectWithValues<MetricValue<string>>[];

/**
 * Answers for this process from now on; it is watched from the first question. A process without it works all the same.
 * @param registry asked each time, since a role may begin anew
 */
export async function serveMetrics(
  dataDir: string,
  registry: () => Registry,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  const metrics = async (): Promise<unknown> => {
    const current = registry();
    watchProcess(current);
    return await current.getMetricsAsJSON();
  };
  const routes = { [`GET ${route}`]: metrics };
  try {
    return await serveUnix(dataPaths.metricsSocket(dataDir, process.pid), routes, log);
  } catch (error) {
    log.warn({ err: error }, "the metrics of this process cannot be asked for");
    return { close: async () => {} };
  }
}

/** Prometheus text of this process and of all others that answer. */
export async function gatherMetrics(dataDir: string, own: Registry): Promise<string> {
  const folder = dataPaths.runFolder(dataDir);
  const pids = (await readdir(folder).catch(() => [])).flatMap((name) => {
    const pid = Number(socketName.exec(name)?.[1] ?? process.pid);
    return pid === process.pid ? [] : [pid];
  });
  const others = await Promise.all(pids.map((pid) => metricsOf(dataPaths.metricsSocket(dataDir, pid))));
  const all = [(await own.getMetricsAsJSON()) as Metrics, ...others.flatMap((each) => (each ? [each] : []))];
  // Each series is of one process, so the sum of its values is the value, also where a sum over processes means nothing.
  const series = all.flatMap((metrics) => metrics.map((metric) => ({ ...metric, aggregator: "sum" as const })));
  return await AggregatorRegistry.aggregate(series.map((metric) => [metric])).metrics();
}

/** `undefined` when nobody answers; what a process that was killed left behind is removed. */
async function metricsOf(path: string): Promise<Metrics | undefined> {
  try {
    return JSON.parse((await askUnix(path, "GET", route, undefined, patienceMs)).text) as Metrics;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") await rm(path, { force: true });
    return undefined;
  }
}
