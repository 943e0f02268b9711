/**
 * The delivery job: tries what is due, and writes down how it went. The loop around it is `#gateway/deliveries.ts`.
 *
 * INVARIANT: deliveries of one FIFO subscription are tried one after the other, in order; the first that fails holds up
 * those behind it until it is delivered, set aside or given up.
 */
import type { JobContext } from "#gateway/context.ts";
import { runDeliveries, type DeliveryKind, type Plan } from "#gateway/deliveries.ts";
import { UnitOfWork } from "#gateway/state.ts";
import type { Document, DocumentKey } from "#store/contract.ts";
import { delayBefore, effectivePolicy } from "./deliveryPolicy.ts";
import { StatusLog } from "./deliveryStatus.ts";
import { HttpTarget } from "./httpTarget.ts";
import type { Failure, Outcome } from "#engines/delivery/outcome.ts";
import type { SnsSettings } from "./parts.ts";
import { openContent } from "./sealing.ts";
import { Signers } from "./signer.ts";
import {
  putDelivery,
  scopeOf,
  serviceId,
  subscriptionId,
  types,
  type Delivery,
  type Message,
  type Subscription,
  type Topic,
} from "./state.ts";
import { Targets, type Job } from "./targets.ts";

/** Of one subscription at a time, so that a slow endpoint does not take every place. */
const perSubscription = 8;
/** Deliveries of one FIFO subscription in a row, before others have their turn. */
const longestRun = 100;
export function deliveryJob(settings: SnsSettings): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    const http = new HttpTarget(settings.publicTargetsOnly);
    try {
      await runDeliveries(ctx, new Deliveries(ctx, new Targets(new Signers(), http, settings)));
    } finally {
      await http.close();
    }
  };
}

class Deliveries implements DeliveryKind<Delivery> {
  readonly service = serviceId;
  readonly type = types.delivery;
  readonly #ctx: JobContext;
  readonly #targets: Targets;
  readonly #statusLog: StatusLog;
  /** Subscriptions that have had enough for now, and until when. */
  readonly #resting = new Map<string, number>();
  /** Deliveries to a subscription in the current second, where its policy limits them. */
  readonly #rates = new Map<string, { second: number; count: number }>();

  constructor(ctx: JobContext, targets: Targets) {
    this.#ctx = ctx;
    this.#targets = targets;
    this.#statusLog = new StatusLog(ctx);
  }

  /** The first delivery of every FIFO subscription that has any: jumps from one to the next. */
  async *further(): AsyncIterable<Document<Delivery>> {
    let from = "";
    for (;;) {
      const { items } = await this.#ctx.store.find<Delivery>({
        service: serviceId,
        type: types.delivery,
        index: "lane",
        from,
        limit: 1,
      });
      const [first] = items;
      if (!first) return;
      if (first.value.dueAt <= this.#ctx.clock.now()) yield first;
      // "0" follows "/" in byte order.
      from = `${first.value.uuid}0`;
    }
  }

  plan(document: Document<Delivery>): Plan {
    const { uuid, ordered } = document.value;
    return {
      lane: uuid,
      most: ordered ? 1 : perSubscription,
      mayNow: () => !this.#rests(uuid),
      run: () => (ordered ? this.#runLane(document) : this.#deliver(document)),
    };
  }

  #rests(uuid: string): boolean {
    if ((this.#resting.get(uuid) ?? 0) > this.#ctx.clock.now()) return true;
    this.#resting.delete(uuid);
    return false;
  }

  async #runLane(first: Document<Delivery>): Promise<void> {
    const { signal, clock } = this.#ctx;
    let document: Document<Delivery> | undefined = first;
    for (let done = 0; document && done < longestRun && !signal.aborted; done++) {
      if (document.value.dueAt > clock.now() || this.#rests(first.value.uuid)) return;
      await this.#deliver(document);
      document = await this.#headOfLane(first);
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

  async #retry(document: Document<Delivery>, job: Job, outcome: Failure): Promise<void> {
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
