/**
 * The delivery job: takes what is due, tries, and writes down how it went. It runs for as long as it may; what it was at
 * when it died is still due and is tried again by whoever comes next. So every message is delivered at least once.
 *
 * INVARIANT: deliveries of one FIFO subscription are tried one after the other, in order; the first that fails holds up
 * those behind it until it is delivered, set aside or given up.
 */
import type { JobContext } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { pause } from "#kernel/pause.ts";
import { Conflict, type Document, type DocumentKey } from "#store/contract.ts";
import { delayBefore, effectivePolicy } from "./deliveryPolicy.ts";
import { StatusLog } from "./deliveryStatus.ts";
import { HttpTarget } from "./httpTarget.ts";
import type { Outcome } from "./outcome.ts";
import type { SnsSettings } from "./parts.ts";
import { openContent } from "./sealing.ts";
import { Signers } from "./signer.ts";
import {
  putDelivery,
  scopeOf,
  serviceId,
  subscriptionId,
  timeText,
  types,
  type Delivery,
  type Message,
  type Subscription,
  type Topic,
} from "./state.ts";
import { Targets, type Job } from "./targets.ts";

const atOnce = 64;
/** Of one subscription at a time, so that a slow endpoint does not take every place. */
const perSubscription = 8;
const pageSize = 500;
/** Due deliveries looked at in one turn. */
const mostLooked = 10_000;
/** Deliveries of one FIFO subscription in a row, before others have their turn. */
const longestRun = 100;
/** Longest time without looking: for a clock that was moved. */
const dozeMs = 1000;
/** Between looks, so that a busy store is not asked without end. */
const restMs = 15;
/** After a failure of our own, which is nobody's attempt. */
const ownFailureMs = 2000;

export function deliveryJob(settings: SnsSettings): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    const http = new HttpTarget(settings.publicTargetsOnly);
    try {
      await new Deliveries(ctx, new Targets(new Signers(), http, settings)).run();
    } finally {
      await http.close();
    }
  };
}

class Deliveries {
  readonly #ctx: JobContext;
  readonly #targets: Targets;
  readonly #statusLog: StatusLog;
  readonly #running = new Map<string, Promise<void>>();
  readonly #lanes = new Map<string, number>();
  /** Subscriptions that have had enough for now, and until when. */
  readonly #resting = new Map<string, number>();
  /** Deliveries to a subscription in the current second, where its policy limits them. */
  readonly #rates = new Map<string, { second: number; count: number }>();

  constructor(ctx: JobContext, targets: Targets) {
    this.#ctx = ctx;
    this.#targets = targets;
    this.#statusLog = new StatusLog(ctx);
  }

  async run(): Promise<void> {
    const { store, signal } = this.#ctx;
    try {
      while (!signal.aborted) {
        const seen = await store.lastChange();
        const started = (await this.#startDue()) + (await this.#startLanes());
        if (started > 0 && this.#running.size < atOnce) continue;
        await Promise.race([store.waitForChange(seen, dozeMs), pause(dozeMs, signal), ...this.#running.values()]);
        await pause(restMs, signal);
      }
    } finally {
      await Promise.allSettled(this.#running.values());
    }
  }

  /** Looks past deliveries that have to wait for their endpoint, so that a slow one does not hide the others. */
  async #startDue(): Promise<number> {
    let started = 0;
    let looked = 0;
    let after: string | undefined;
    do {
      // Across accounts by design: one job delivers for all of them.
      const page = await this.#ctx.store.find<Delivery>({
        service: serviceId,
        type: types.delivery,
        index: "due",
        from: "",
        to: timeText(this.#ctx.clock.now() + 1),
        limit: pageSize,
        ...(after === undefined ? {} : { after }),
      });
      started += page.items.filter((document) => this.#start(document)).length;
      looked += page.items.length;
      after = page.next;
    } while (after !== undefined && this.#running.size < atOnce && looked < mostLooked);
    return started;
  }

  /** The first delivery of every FIFO subscription that has any: jumps from one to the next. */
  async #startLanes(): Promise<number> {
    let started = 0;
    let from = "";
    while (this.#running.size < atOnce) {
      const { items } = await this.#ctx.store.find<Delivery>({
        service: serviceId,
        type: types.delivery,
        index: "lane",
        from,
        limit: 1,
      });
      const [first] = items;
      if (!first) break;
      if (first.value.dueAt <= this.#ctx.clock.now() && this.#start(first)) started += 1;
      // "0" follows "/" in byte order.
      from = `${first.value.uuid}0`;
    }
    return started;
  }

  #start(document: Document<Delivery>): boolean {
    const { uuid, ordered } = document.value;
    const id = `${document.key.account}/${document.key.region}/${document.key.id}`;
    if (this.#running.has(id) || this.#running.size >= atOnce) return false;
    const busy = this.#lanes.get(uuid) ?? 0;
    if (busy >= (ordered ? 1 : perSubscription)) return false;
    if ((this.#resting.get(uuid) ?? 0) > this.#ctx.clock.now()) return false;
    this.#resting.delete(uuid);
    this.#lanes.set(uuid, busy + 1);
    const work = this.#work(document).finally(() => {
      this.#running.delete(id);
      const left = (this.#lanes.get(uuid) ?? 1) - 1;
      if (left > 0) this.#lanes.set(uuid, left);
      else this.#lanes.delete(uuid);
    });
    this.#running.set(id, work);
    return true;
  }

  /** Never rejects. */
  async #work(found: Document<Delivery>): Promise<void> {
    const { store, log, signal, clock } = this.#ctx;
    const { uuid, ordered } = found.value;
    try {
      let document = await store.get<Delivery>(found.key);
      for (let done = 0; document && done < longestRun && !signal.aborted; done++) {
        if (document.value.dueAt > clock.now() || (this.#resting.get(uuid) ?? 0) > clock.now()) return;
        await this.#deliver(document);
        if (!ordered) return;
        document = await this.#headOfLane(found);
      }
    } catch (error) {
      if (signal.aborted || error instanceof Conflict) return;
      log.error({ err: error, delivery: found.key.id }, "a delivery is left for later");
      await pause(ownFailureMs, signal);
    }
  }

  async #headOfLane({ key, value }: Document<Delivery>): Promise<Document<Delivery> | undefined> {
    const { items } = await this.#ctx.store.find<Delivery>({
      ...place(key),
      service: serviceId,
      type: types.delivery,
      index: "lane",
      from: `${value.uuid}/`,
      to: `${value.uuid}0`,
      limit: 1,
    });
    return items[0];
  }

  async #deliver(document: Document<Delivery>): Promise<void> {
    const job = await this.#jobOf(document);
    // Its subscription, its topic or its message is gone: there is nothing to deliver, and nobody to deliver it to.
    if (!job) return await this.#finish(document);
    const { delivery, subscription } = job;
    if (delivery.dead) {
      const outcome = await this.#targets.setAside(this.#ctx, job, subscription.deadLetterQueue!);
      return await this.#settleDead(document, job, outcome);
    }
    if (!this.#mayNow(job)) return;
    const outcome = await this.#targets.attempt(this.#ctx, job);
    if (outcome.ok) {
      await this.#finish(document);
      return await this.#statusLog.ended(job, outcome, delivery.attempts + 1);
    }
    // The role is being stopped: that is no attempt of the endpoint's.
    if (this.#ctx.signal.aborted) return;
    await this.#retry(document, job, outcome);
  }

  async #jobOf({ key, value: delivery }: Document<Delivery>): Promise<Job | undefined> {
    const { store } = this.#ctx;
    const at = { ...place(key), service: serviceId };
    const [topic, subscription, message] = await Promise.all([
      store.get<Topic>({ ...at, type: types.topic, id: delivery.topicName }),
      store.get<Subscription>({
        ...at,
        type: types.subscription,
        id: subscriptionId(delivery.topicName, delivery.uuid),
      }),
      delivery.kind === "Notification"
        ? store.get<Message>({ ...at, type: types.message, id: delivery.sequence })
        : undefined,
    ]);
    if (!topic) return undefined;
    if (delivery.kind !== "Notification") {
      const gone = delivery.kind === "UnsubscribeConfirmation" ? delivery.subscription : undefined;
      const asked = subscription?.value ?? gone;
      if (!asked || (delivery.kind === "SubscriptionConfirmation" && asked.confirmed)) return undefined;
      return { topic: topic.value, subscription: asked, delivery };
    }
    if (!message || !subscription || subscription.value.topicUid !== topic.value.uid) return undefined;
    const published = await openContent(this.#ctx, topic.value, message.value.messageId, message.value.content);
    return { topic: topic.value, subscription: subscription.value, delivery, message: message.value, published };
  }

  /** The throttle policy: whether the endpoint may have one more in this second. */
  #mayNow({ topic, subscription }: Job): boolean {
    const { maxReceivesPerSecond: most } = effectivePolicy(
      subscription.protocol,
      topic.deliveryPolicy,
      subscription.deliveryPolicy,
    );
    if (most === undefined) return true;
    const second = Math.floor(this.#ctx.clock.now() / 1000);
    const rate = this.#rates.get(subscription.uuid);
    if (rate?.second !== second) {
      if (this.#rates.size > 10_000) this.#rates.clear();
      this.#rates.set(subscription.uuid, { second, count: 1 });
      return true;
    }
    rate.count += 1;
    if (rate.count <= most) return true;
    this.#resting.set(subscription.uuid, (second + 1) * 1000);
    return false;
  }

  async #retry(document: Document<Delivery>, job: Job, outcome: Extract<Outcome, { ok: false }>): Promise<void> {
    const { topic, subscription, delivery } = job;
    const { retry } = effectivePolicy(subscription.protocol, topic.deliveryPolicy, subscription.deliveryPolicy);
    const attempts = delivery.attempts + 1;
    const delay = outcome.permanent ? undefined : delayBefore(attempts, retry);
    const failure = { code: outcome.code, message: outcome.message };
    if (delay !== undefined) {
      return await this.#again(document, { ...delivery, attempts, failure, dueAt: this.#ctx.clock.now() + delay });
    }
    this.#ctx.log.warn({ subscription: subscription.arn, code: outcome.code }, "a message could not be delivered");
    await this.#statusLog.ended(job, outcome, attempts);
    // A confirmation that cannot be asked for is not set aside: nobody has subscribed yet.
    if (subscription.deadLetterQueue === undefined || delivery.kind !== "Notification")
      return await this.#finish(document);
    await this.#again(document, { ...delivery, attempts: 0, failure, dead: true, dueAt: this.#ctx.clock.now() });
  }

  async #settleDead(document: Document<Delivery>, { subscription, delivery }: Job, outcome: Outcome): Promise<void> {
    if (outcome.ok) return await this.#finish(document);
    if (this.#ctx.signal.aborted) return;
    const attempts = delivery.attempts + 1;
    const delay = outcome.permanent
      ? undefined
      : delayBefore(attempts, effectivePolicy("sqs", undefined, undefined).retry);
    if (delay !== undefined)
      return await this.#again(document, { ...delivery, attempts, dueAt: this.#ctx.clock.now() + delay });
    this.#ctx.log.warn(
      { subscription: subscription.arn, queue: subscription.deadLetterQueue, code: outcome.code },
      "the dead-letter queue of a subscription does not take messages; the message is lost",
    );
    await this.#finish(document);
  }

  async #again({ key, version }: Document<Delivery>, delivery: Delivery): Promise<void> {
    const state = this.#unit(key);
    putDelivery(state, place(key), delivery, version);
    await this.#ctx.store.commit(state.operations);
  }

  /** Removes the delivery; with the last of its message, the message. */
  async #finish({ key, value, version }: Document<Delivery>): Promise<void> {
    const { store } = this.#ctx;
    const messageKey: DocumentKey = { ...place(key), service: serviceId, type: types.message, id: value.sequence };
    await store.commit([{ op: "delete", key, ifVersion: version }]);
    if (value.kind !== "Notification") return;
    const query = { ...place(key), service: serviceId, type: types.delivery, prefix: `${value.sequence}/`, limit: 1 };
    const { items } = await store.list(query);
    if (items.length === 0) await store.commit([{ op: "delete", key: messageKey }]);
  }

  #unit(key: DocumentKey): UnitOfWork {
    return new UnitOfWork(this.#ctx.store, scopeOf(place(key)), () => this.#ctx.random.uuid());
  }
}

function place({ account, region }: DocumentKey): { account: string; region: string } {
  return { account, region };
}
