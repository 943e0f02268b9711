/**
 * Runs the services' jobs by the clock, each in one process at a time under a lease. A job that fails is logged
 * and tried again at its next turn; a job that crashes the process is taken over when its lease has run out.
 */
import { pause } from "#kernel/pause.ts";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";

/** A job that renews nothing for this long is taken for dead. */
const leaseMs = 30_000;
/** How often it is looked whether a job is due; jobs that follow a moved clock start within this. */
const tickMs = 250;

export interface RunnableJob {
  service: string;
  job: Job;
}

export function runJobs(jobs: readonly RunnableJob[], ctx: JobContext, owner: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const loops = jobs.map((each) => jobLoop(each, { ...ctx, signal: stopping.signal }, owner));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

async function jobLoop({ service, job }: RunnableJob, ctx: JobContext, owner: string): Promise<void> {
  const name = `job/${service}/${job.name}`;
  const log = ctx.log.child({ job: `${service}/${job.name}` });
  let due = ctx.clock.now();
  while (!ctx.signal.aborted) {
    if (ctx.clock.now() >= due) {
      due = ctx.clock.now() + job.everyMs;
      await runOnce(name, job, ctx, log, owner);
    }
    await pause(Math.min(tickMs, job.everyMs), ctx.signal);
  }
}

async function runOnce(name: string, job: Job, ctx: JobContext, log: Logger, owner: string): Promise<void> {
  let renewal: NodeJS.Timeout | undefined;
  try {
    const lease = await ctx.store.lease(name, owner, leaseMs);
    if (!lease) return;
    renewal = setInterval(() => void renew(ctx.store, name, owner, log), leaseMs / 3);
    try {
      await job.run(ctx);
    } finally {
      clearInterval(renewal);
      await ctx.store.releaseLease(lease);
    }
  } catch (error) {
    if (!ctx.signal.aborted) log.error({ err: error }, "job failed");
  }
}

async function renew(store: Store, name: string, owner: string, log: Logger): Promise<void> {
  try {
    await store.lease(name, owner, leaseMs);
  } catch (error) {
    log.warn({ err: error }, "lease not renewed");
  }
}
