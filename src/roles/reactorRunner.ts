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

const leaseMs = 15_000;
const batchSize = 500;
/** Shorter than a third of the lease, which is renewed in between. */
const idleMs = 4_000;
const longestPauseMs = 10_000;
/** Pause after a batch that was not full: what comes in meanwhile is handled, and written, together. */
const gatherMs = 100;

export interface RunnableReactor {
  service: string;
  reactor: Reactor;
}

export function runReactors(
  reactors: readonly RunnableReactor[],
  stream: Stream,
  ctx: ReactorContext,
  owner: string,
  onLag: (group: string, partition: number, events: number) => void = () => {},
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const loops = reactors.flatMap(({ service, reactor }) =>
    Array.from({ length: stream.partitions }, (_, partition) =>
      new PartitionLoop(
        `${service}.${reactor.name}`,
        reactor,
        partition,
        stream,
        { ...ctx, signal: stopping.signal },
        owner,
        onLag,
      ).run(),
    ),
  );
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

class PartitionLoop {
  readonly #group: string;
  readonly #reactor: Reactor;
  readonly #partition: number;
  readonly #stream: Stream;
  readonly #ctx: ReactorContext;
  readonly #owner: string;
  readonly #onLag: (group: string, partition: number, events: number) => void;
  readonly #log: Logger;

  constructor(
    group: string,
    reactor: Reactor,
    partition: number,
    stream: Stream,
    ctx: ReactorContext,
    owner: string,
    onLag: (group: string, partition: number, events: number) => void,
  ) {
    this.#group = group;
    this.#reactor = reactor;
    this.#partition = partition;
    this.#stream = stream;
    this.#ctx = ctx;
    this.#owner = owner;
    this.#onLag = onLag;
    this.#log = ctx.log.child({ reactor: group, partition });
  }

  async run(): Promise<void> {
    let failures = 0;
    while (!this.#ctx.signal.aborted) {
      try {
        const lease = await this.#take();
        if (!lease) {
          await pause(leaseMs / 3, this.#ctx.signal);
          continue;
        }
        await this.#consume(lease);
        failures = 0;
      } catch (error) {
        if (this.#ctx.signal.aborted) return;
        if (!(error instanceof LeaseLost)) this.#log.error({ err: error }, "reactor failed");
        failures++;
        await pause(Math.min(longestPauseMs, 50 * 2 ** failures), this.#ctx.signal);
      }
    }
  }

  #take(): Promise<PartitionLease | undefined> {
    return this.#stream.lease(this.#reactor.stream, this.#group, this.#partition, this.#owner, leaseMs);
  }

  async #consume(first: PartitionLease): Promise<void> {
    let lease = first;
    let renewedAt = performance.now();
    let offset = await this.#stream.committed(this.#reactor.stream, this.#group, this.#partition);
    try {
      while (!this.#ctx.signal.aborted) {
        if (performance.now() - renewedAt > leaseMs / 3) {
          const renewed = await this.#take();
          if (!renewed) throw new LeaseLost(lease);
          lease = renewed;
          renewedAt = performance.now();
        }
        const events = await this.#stream.read(this.#reactor.stream, this.#partition, offset, batchSize);
        this.#onLag(this.#group, this.#partition, events.length);
        if (events.length === 0) {
          const wait = this.#stream.wait(this.#reactor.stream, this.#partition, offset, idleMs);
          // Stopping does not wait for the next event.
          await Promise.race([wait, pause(idleMs, this.#ctx.signal)]);
          continue;
        }
        await this.#reactor.handle(events, this.#ctx);
        offset = events.at(-1)!.offset;
        await this.#stream.commit(lease, offset);
        if (events.length < batchSize) await pause(gatherMs, this.#ctx.signal);
      }
    } finally {
      await this.#stream.release(lease).catch(() => {
        // It runs out by itself.
      });
    }
  }
}
