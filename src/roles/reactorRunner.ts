/**
 * Feeds the services' reactors from the stream: partitions are leased, offsets are committed after the events
 * have been handled, so every event is handled at least once. A reactor that fails sees the same events again,
 * after a pause that grows; the ones behind it wait, because order within a key is kept.
 */
import { pause } from "#kernel/pause.ts";
import type { Logger } from "#kernel/log.ts";
import { LeaseLost, type PartitionLease, type Stream } from "#stream/contract.ts";
import type { ReactorContext } from "#gateway/context.ts";
import type { Reactor } from "#gateway/service.ts";
import { LeaseKeeper, leaseMs } from "./leaseKeeper.ts";
import { noMetrics, type WorkMetrics } from "./metrics.ts";
import { SharedReads } from "./sharedReads.ts";

const batchSize = 1000;
/** How often a partition without events is read again, in case nobody could say that there are some. */
const idleMs = 15_000;
/** How often a partition that another process has is asked for. */
const standByMs = leaseMs / 3;
const longestPauseMs = 10_000;
/** Pause after a batch that was not full: what comes in meanwhile is handled, and written, together. */
const gatherMs = 200;

export interface RunnableReactor {
  service: string;
  reactor: Reactor;
}

export function runReactors(
  reactors: readonly RunnableReactor[],
  stream: Stream,
  ctx: ReactorContext,
  owner: string,
  keeper: LeaseKeeper = new LeaseKeeper(ctx.log),
  metrics: WorkMetrics = noMetrics,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const context = { ...ctx, signal: stopping.signal };
  const reads = new SharedReads(stream);
  const loops = reactors.flatMap(({ service, reactor }) =>
    Array.from({ length: stream.partitions }, (_, partition) => {
      const group = `${service}.${reactor.name}`;
      return new PartitionLoop(group, reactor, partition, {
        stream,
        reads,
        ctx: context,
        owner,
        keeper,
        metrics,
      }).run();
    }),
  );
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

interface Surroundings {
  stream: Stream;
  reads: SharedReads;
  ctx: ReactorContext;
  owner: string;
  keeper: LeaseKeeper;
  metrics: WorkMetrics;
}

class PartitionLoop {
  readonly #group: string;
  readonly #reactor: Reactor;
  readonly #partition: number;
  readonly #stream: Stream;
  readonly #reads: SharedReads;
  readonly #ctx: ReactorContext;
  readonly #owner: string;
  readonly #keeper: LeaseKeeper;
  readonly #metrics: WorkMetrics;
  readonly #log: Logger;

  constructor(group: string, reactor: Reactor, partition: number, around: Surroundings) {
    this.#group = group;
    this.#reactor = reactor;
    this.#partition = partition;
    this.#stream = around.stream;
    this.#reads = around.reads;
    this.#ctx = around.ctx;
    this.#owner = around.owner;
    this.#keeper = around.keeper;
    this.#metrics = around.metrics;
    this.#log = around.ctx.log.child({ reactor: group, partition });
  }

  async run(): Promise<void> {
    let failures = 0;
    while (!this.#ctx.signal.aborted) {
      try {
        const lease = await this.#take();
        if (!lease) {
          await pause(standByMs, this.#ctx.signal);
          continue;
        }
        await this.#consume(lease);
        failures = 0;
      } catch (error) {
        if (this.#ctx.signal.aborted) return;
        if (!(error instanceof LeaseLost)) {
          this.#metrics.failed("reactor", this.#group);
          this.#log.error({ err: error }, "reactor failed");
        }
        failures++;
        await pause(Math.min(longestPauseMs, 50 * 2 ** failures), this.#ctx.signal);
      }
    }
  }

  #take(): Promise<PartitionLease | undefined> {
    return this.#stream.lease(this.#reactor.stream, this.#group, this.#partition, this.#owner, leaseMs);
  }

  async #consume(first: PartitionLease): Promise<void> {
    let lease: PartitionLease | undefined = first;
    const end = this.#keeper.keep(async () => {
      lease = await this.#take();
    });
    const { stream } = this.#reactor;
    // Whatever was lost may have been emptied: offsets may mean other events.
    this.#reads.forget(stream, this.#partition);
    try {
      let offset = await this.#stream.committed(stream, this.#group, this.#partition);
      while (!this.#ctx.signal.aborted) {
        if (!lease) throw new LeaseLost(first);
        const events = await this.#reads.read(stream, this.#partition, offset, batchSize);
        if (events.length === 0) {
          await untilAborted(this.#stream.wait(stream, this.#partition, offset, idleMs), this.#ctx.signal);
          continue;
        }
        await this.#reactor.handle(events, this.#ctx);
        const last = events.at(-1)!;
        this.#metrics.handled(this.#group, events.length, (this.#ctx.clock.now() - last.time) / 1000);
        offset = last.offset;
        await this.#stream.commit(lease, offset);
        if (events.length < batchSize) await pause(gatherMs, this.#ctx.signal);
      }
    } finally {
      end();
      await this.#stream.release(lease ?? first).catch(() => {
        // It runs out by itself.
      });
    }
  }
}

/** Settles as `work` does, or resolves when the signal is aborted: stopping does not wait for the next event. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) stop();
  });
}
