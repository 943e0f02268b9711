/**
 * Runs what a service has to deliver: takes what is due, tries it, and goes on for as long as it may. What it was at when
 * it died is still due and is tried again by whoever comes next, so everything is delivered at least once.
 *
 * A delivery is a document with an index `due`: `timeText` of when it is to be tried next. Each belongs to a lane (the
 * target it is for), which is no wider than its target bears, so that a slow target does not take every place.
 */
import { timeText } from "#kernel/clock.ts";
import { pause } from "#kernel/pause.ts";
import { Conflict, type Document } from "#store/contract.ts";
import type { JobContext } from "./context.ts";

export interface DeliveryKind<T> {
  service: string;
  /** Of the documents. */
  type: string;
  /** Before each look at what is due. */
  beforeLook?(): Promise<void>;
  /** What is due and not found by the index `due`. */
  further?(): AsyncIterable<Document<T>>;
  /** The delivery's place, and what is to be done. */
  plan(document: Document<T>): Plan | Promise<Plan>;
}

export interface Plan {
  lane: string;
  /** Deliveries of the lane at the same time. */
  most: number;
  /** Asked when there is a place for it: whether its target may be called now. */
  mayNow?(): boolean | Promise<boolean>;
  /** Delivers, and writes down how that went. What it throws is nobody's attempt. */
  run(): Promise<void>;
}

const atOnce = 64;
const pageSize = 500;
/** Due deliveries looked at in one turn. */
const mostLooked = 10_000;
/** Longest time without looking: for a clock that was moved. */
const dozeMs = 1_000;
/** Between looks, so that a busy store is not asked without end. */
const restMs = 10;
/** After a failure of our own. */
const ownFailureMs = 2_000;

/** Ends when the job is told to, and what it was at has ended. */
export async function runDeliveries<T>(ctx: JobContext, kind: DeliveryKind<T>): Promise<void> {
  await new Deliveries(ctx, kind).run();
}

class Deliveries<T> {
  readonly #ctx: JobContext;
  readonly #kind: DeliveryKind<T>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #lanes = new Map<string, number>();
  /** What has ended since the page was read that is being looked at: as it is there, it is no more. */
  readonly #ended = new Set<string>();

  constructor(ctx: JobContext, kind: DeliveryKind<T>) {
    this.#ctx = ctx;
    this.#kind = kind;
  }

  async run(): Promise<void> {
    const { store, signal } = this.#ctx;
    try {
      while (!signal.aborted) {
        const seen = await store.lastChange();
        await this.#kind.beforeLook?.();
        const started = (await this.#startDue()) + (await this.#startFurther());
        if (started > 0 && !this.#full()) continue;
        await Promise.race([store.waitForChange(seen, dozeMs), pause(dozeMs, signal), ...this.#running.values()]);
        await pause(restMs, signal);
      }
    } finally {
      await Promise.allSettled(this.#running.values());
    }
  }

  #full(): boolean {
    return this.#running.size >= atOnce;
  }

  /** Looks past deliveries that have to wait for their target, so that a slow one does not hide the others. */
  async #startDue(): Promise<number> {
    let started = 0;
    let looked = 0;
    let after: string | undefined;
    do {
      this.#ended.clear();
      // Across accounts by design: one job delivers for all of them.
      const page = await this.#ctx.store.find<T>({
        service: this.#kind.service,
        type: this.#kind.type,
        index: "due",
        from: "",
        to: timeText(this.#ctx.clock.now() + 1),
        limit: pageSize,
        ...(after === undefined ? {} : { after }),
      });
      for (const document of page.items) if (await this.#start(document)) started += 1;
      looked += page.items.length;
      after = page.next;
    } while (after !== undefined && !this.#full() && looked < mostLooked);
    return started;
  }

  async #startFurther(): Promise<number> {
    let started = 0;
    for await (const document of this.#kind.further?.() ?? []) {
      if (await this.#start(document)) started += 1;
      if (this.#full()) break;
    }
    return started;
  }

  async #start(document: Document<T>): Promise<boolean> {
    const { account, region, id: name } = document.key;
    const id = `${account}/${region}/${name}`;
    if (this.#running.has(id) || this.#ended.has(id) || this.#full()) return false;
    const plan = await this.#kind.plan(document);
    const lane = `${account}/${region}/${plan.lane}`;
    const busy = this.#lanes.get(lane) ?? 0;
    if (busy >= plan.most || (plan.mayNow && !(await plan.mayNow()))) return false;
    // What ended in the meantime has made place: what is counted is as it is now.
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
    const work = this.#work(document, plan).finally(() => {
      this.#running.delete(id);
      this.#ended.add(id);
      const left = (this.#lanes.get(lane) ?? 1) - 1;
      if (left > 0) this.#lanes.set(lane, left);
      else this.#lanes.delete(lane);
    });
    this.#running.set(id, work);
    return true;
  }

  /** Never rejects. */
  async #work({ key }: Document<T>, plan: Plan): Promise<void> {
    const { log, signal } = this.#ctx;
    try {
      await plan.run();
    } catch (error) {
      if (signal.aborted || error instanceof Conflict) return;
      log.error({ err: error, service: key.service, delivery: key.id }, "a delivery is left for later");
      await pause(ownFailureMs, signal);
    }
  }
}
