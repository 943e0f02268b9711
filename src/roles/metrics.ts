/** Prometheus metrics of one process. Those of all processes are gathered by `metricsGathering.ts`. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { CallMetrics } from "#gateway/runtime.ts";

export function roleRegistry(role: string): Registry {
  const registry = new Registry();
  // Several api processes are told apart by their ids.
  registry.setDefaultLabels({ role, pid: String(process.pid) });
  return registry;
}

/** Adds what is known of every process: event-loop lag, memory, garbage collection, open handles. It costs while it is watched. */
export function watchProcess(registry: Registry): void {
  if (!registry.getSingleMetric("process_cpu_seconds_total")) collectDefaultMetrics({ register: registry });
}

export interface ApiMetrics extends CallMetrics {
  readonly registry: Registry;
}

export function apiMetrics(): ApiMetrics {
  const registry = roleRegistry("api");
  watchProcess(registry);
  const calls = new Counter({
    name: "jikimi_calls_total",
    help: "Served calls by service, operation and outcome",
    labelNames: ["service", "operation", "outcome"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "jikimi_call_duration_seconds",
    help: "Time from the first byte of a request to its answer",
    labelNames: ["service"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  // Looking a series up by its labels costs more than counting. Names of operations are the models', so these are few.
  const counts = new Map<string, ReturnType<typeof calls.labels>>();
  const countOf = (service: string, operation: string, outcome: string) => {
    const name = `${service}:${operation}:${outcome}`;
    let count = counts.get(name);
    if (!count) counts.set(name, (count = calls.labels(service, operation, outcome)));
    return count;
  };
  const durations = new Map<string, ReturnType<typeof duration.labels>>();
  const durationOf = (service: string) => {
    let found = durations.get(service);
    if (!found) durations.set(service, (found = duration.labels(service)));
    return found;
  };
  return {
    registry,
    served(service, operation, outcome, seconds) {
      countOf(service, operation, outcome).inc();
      durationOf(service).observe(seconds);
    },
  };
}

/** What the jobs role tells of its work. Names are `<service>.<reactor>` and `<service>/<job>`. */
export interface WorkMetrics {
  /** Events that a reactor has handled, and how old the last of them was by the installation's clock. */
  handled(reactor: string, events: number, ageSeconds: number): void;
  /** One run of a job that did not throw. */
  ran(job: string, seconds: number): void;
  failed(work: "reactor" | "job", name: string): void;
}

export const noMetrics: WorkMetrics = { handled() {}, ran() {}, failed() {} };

export function workMetrics(registry: Registry): WorkMetrics {
  const registers = [registry];
  const events = new Counter({
    name: "jikimi_reactor_events_total",
    help: "Events that a reactor has handled",
    labelNames: ["reactor"],
    registers,
  });
  const age = new Gauge({
    name: "jikimi_reactor_event_age_seconds",
    help: "Age of the last event that a reactor has handled, at the time it was handled",
    labelNames: ["reactor"],
    registers,
  });
  const seconds = new Counter({
    name: "jikimi_job_seconds_total",
    help: "Time that a job has run",
    labelNames: ["job"],
    registers,
  });
  const runs = new Counter({
    name: "jikimi_job_runs_total",
    help: "Runs of a job that did not fail",
    labelNames: ["job"],
    registers,
  });
  const failures = new Counter({
    name: "jikimi_work_failures_total",
    help: "Batches of events and runs of jobs that failed and are tried again",
    labelNames: ["work", "name"],
    registers,
  });
  return {
    handled(reactor, count, ageSeconds) {
      events.inc({ reactor }, count);
      age.set({ reactor }, Math.max(0, ageSeconds));
    },
    ran(job, taken) {
      runs.inc({ job });
      seconds.inc({ job }, taken);
    },
    failed: (work, name) => failures.inc({ work, name }),
  };
}
