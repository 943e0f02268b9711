/**
 * What an installation must do for itself: documents that have run out are removed, and events that every
 * consumer has handled are let go of. Runs as jobs, so in one process at a time and again after a crash.
 */
import type { Job } from "#gateway/service.ts";
import type { Stream } from "#stream/contract.ts";
import type { RunnableJob } from "./jobRunner.ts";
import type { RunnableReactor } from "./reactorRunner.ts";

const expireEveryMs = 30_000;
const trimEveryMs = 5 * 60_000;
const batch = 1_000;
/** Handled events are kept this long, so that a consumer that is added later, or mended, can read them again. */
const replayMs = 7 * 24 * 3600_000;

export function housekeeping(stream: Stream, reactors: readonly RunnableReactor[]): RunnableJob[] {
  return [expire, trim(stream, reactors)].map((job) => ({ service: "installation", job }));
}

const expire: Job = {
  name: "expire",
  everyMs: expireEveryMs,
  async run({ store, signal }) {
    while (!signal.aborted && (await store.expire(batch)) === batch);
  },
};

function trim(stream: Stream, reactors: readonly RunnableReactor[]): Job {
  const groups = new Map<string, string[]>();
  for (const { service, reactor } of reactors) {
    groups.set(reactor.stream, [...(groups.get(reactor.stream) ?? []), `${service}.${reactor.name}`]);
  }
  return {
    name: "trim",
    everyMs: trimEveryMs,
    async run({ clock, signal }) {
      for (const [name, consumers] of groups) {
        while (!signal.aborted && (await stream.trim(name, consumers, clock.now() - replayMs)) > 0);
      }
    },
  };
}
