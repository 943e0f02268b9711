/** Prometheus metrics of one role, served at `/_jikimi/metrics`. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { CallMetrics } from "#gateway/runtime.ts";

export interface RoleMetrics extends CallMetrics {
  render(): Promise<string>;
  readonly contentType: string;
  outboxAge(seconds: number): void;
  consumerLag(group: string, partition: number, events: number): void;
}

export function createMetrics(role: string): RoleMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  // Event-loop lag, memory, garbage collection, open handles.
  collectDefaultMetrics({ register: registry });
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
  const outbox = new Gauge({
    name: "jikimi_outbox_oldest_seconds",
    help: "Age of the oldest event that has not been relayed",
    registers: [registry],
  });
  const lag = new Gauge({
    name: "jikimi_consumer_lag_events",
    help: "Events a consumer group has not handled yet",
    labelNames: ["group", "partition"],
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
    served(service, operation, outcome, seconds) {
      countOf(service, operation, outcome).inc();
      durationOf(service).observe(seconds);
    },
    outboxAge: (seconds) => outbox.set(seconds),
    consumerLag: (group, partition, events) => lag.set({ group, partition: String(partition) }, events),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
