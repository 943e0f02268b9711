/**
 * Runs the services' jobs by the clock, each in one process at a time under a lease. A job that fails is logged
 * and tried again at its next turn; a job that crashes the process is taken over when its lease has run out.
 */
import { pause } from "#kernel/pause.ts";
import type { Logger } from "#kernel/log.ts";
import type { Lease, Store } from "#store/contract.ts";
import type { Clock } from "#kernel/clock.ts";
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
  const log = ctx.log.child({ job: `${service}/${job.name}` });
  const hold = new Hold(ctx.store, ctx.clock, `job/${service}/${job.name}`, owner);
  let due = ctx.clock.now();
  while (!ctx.signal.aborted) {
    if (ctx.clock.now() >= due) {
      due = ctx.clock.now() + job.everyMs;
      await runOnce(job, ctx, log, hold);
    }
    await pause(Math.min(tickMs, job.everyMs), ctx.signal);
  }
  await hold.release().catch((error: unknown) => log.warn({ err: error }, "lease not released"));
}

async function runOnce(job: Job, ctx: JobContext, log: Logger, hold: Hold): Promise<void> {
  try {
    if (!(await hold.take())) return;
    const renewal = setInterval(() => {
      hold.take().catch((error: unknown) => log.warn({ err: error }, "lease not renewed"));
    }, leaseMs / 3);
    try {
      await job.run(ctx);
    } finally {
      clearInterval(renewal);
    }
  } catch (error) {
    if (!ctx.signal.aborted) log.error({ err: error }, "job failed");
  }
}

/**
 * A lease that is kept from run to run and renewed after a third of its time: a job that runs twice a second writes
 * nothing twice a second.
 */
class Hold {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #owner: string;
  #lease: Lease | undefined;

  constructor(store: Store, clock: Clock, name: string, owner: string) {
    this.#store = store;
    this.#clock = clock;
    this.#name = name;
    this.#owner = owner;
  }

  /** True when this process holds the lease, for at least half of its time to come. */
  async take(): Promise<boolean> {
    // By the installation's clock, as the store judges it: a clock that was moved ends leases.
    const left = (this.#lease?.expiresAt ?? 0) - this.#clock.now();
    if (left > (leaseMs * 2) / 3) return true;
    this.#lease = await this.#store.lease(this.#name, this.#owner, leaseMs);
    return this.#lease !== undefined;
  }

  async release(): Promise<void> {
    if (this.#lease) await this.#store.releaseLease(this.#lease);
    this.#lease = undefined;
  }
}
