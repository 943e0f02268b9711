/**
 * Runs the services' jobs by the clock, each in one process at a time under a lease. A job that fails is logged
 * and tried again at its next turn; a job that crashes the process is taken over when its lease has run out.
 */
import type { Logger } from "#kernel/log.ts";
import type { Lease } from "#store/contract.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { LeaseKeeper, leaseMs } from "./leaseKeeper.ts";
import { noMetrics, type WorkMetrics } from "./metrics.ts";

/** How often it is looked which jobs are due, at least; jobs that follow a moved clock start within this. */
const tickMs = 250;

export interface RunnableJob {
  service: string;
  job: Job;
}

export function runJobs(
  jobs: readonly RunnableJob[],
  ctx: JobContext,
  owner: string,
  keeper: LeaseKeeper = new LeaseKeeper(ctx.log),
  metrics: WorkMetrics = noMetrics,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const turns = jobs.map((each) => new Turns(each, { ...ctx, signal: stopping.signal }, owner, keeper, metrics));
  const tick = (): void => {
    for (const turn of turns) turn.look();
  };
  const timer = setInterval(tick, Math.min(tickMs, ...jobs.map(({ job }) => job.everyMs)));
  tick();
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(turns.map((turn) => turn.stop()));
    },
  };
}

/** The turns of one job: never two at a time. */
class Turns {
  readonly #job: Job;
  readonly #ctx: JobContext;
  readonly #log: Logger;
  readonly #hold: Hold;
  readonly #name: string;
  readonly #metrics: WorkMetrics;
  #due: number;
  #running: Promise<void> | undefined;

  constructor(
    { service, job }: RunnableJob,
    ctx: JobContext,
    owner: string,
    keeper: LeaseKeeper,
    metrics: WorkMetrics,
  ) {
    this.#job = job;
    this.#ctx = ctx;
    this.#name = `${service}/${job.name}`;
    this.#metrics = metrics;
    this.#log = ctx.log.child({ job: this.#name });
    this.#hold = new Hold(ctx, `job/${this.#name}`, owner, keeper);
    this.#due = ctx.clock.now();
  }

  /** Starts the job if it is due and not under way. */
  look(): void {
    const now = this.#ctx.clock.now();
    if (this.#running || now < this.#due) return;
    this.#due = now + this.#job.everyMs;
    this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  async #run(): Promise<void> {
    try {
      if (!(await this.#hold.take())) return;
      const started = performance.now();
      await this.#job.run(this.#ctx);
      this.#metrics.ran(this.#name, (performance.now() - started) / 1000);
    } catch (error) {
      if (this.#ctx.signal.aborted) return;
      this.#metrics.failed("job", this.#name);
      this.#log.error({ err: error }, "job failed");
    }
  }

  async stop(): Promise<void> {
    await this.#running;
    await this.#hold.release().catch((error: unknown) => this.#log.warn({ err: error }, "lease not released"));
  }
}

/** A lease that is kept from run to run: a job that runs twice a second writes nothing twice a second. */
class Hold {
  readonly #ctx: JobContext;
  readonly #name: string;
  readonly #owner: string;
  readonly #keeper: LeaseKeeper;
  #lease: Lease | undefined;
  #let: (() => void) | undefined;

  constructor(ctx: JobContext, name: string, owner: string, keeper: LeaseKeeper) {
    this.#ctx = ctx;
    this.#name = name;
    this.#owner = owner;
    this.#keeper = keeper;
  }

  /** True when this process holds the lease, for at least a third of its time to come. */
  async take(): Promise<boolean> {
    // By the installation's clock, as the store judges it: a clock that was moved ends leases.
    const left = (this.#lease?.expiresAt ?? 0) - this.#ctx.clock.now();
    if (left < leaseMs / 3) await this.#renew();
    return this.#lease !== undefined;
  }

  async #renew(): Promise<void> {
    this.#lease = await this.#ctx.store.lease(this.#name, this.#owner, leaseMs);
    if (this.#lease) this.#let ??= this.#keeper.keep(() => this.#renew());
    else this.#letGo();
  }

  #letGo(): void {
    this.#let?.();
    this.#let = undefined;
  }

  async release(): Promise<void> {
    this.#letGo();
    if (this.#lease) await this.#ctx.store.releaseLease(this.#lease);
    this.#lease = undefined;
  }
}
