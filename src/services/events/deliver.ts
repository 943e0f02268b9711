/** The delivery job: tries what is due, and writes down how it went. The loop around it is `#gateway/deliveries.ts`. */
import { timeText } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { deadLetter, type DeadLetter } from "#engines/delivery/deadLetter.ts";
import type { JobContext } from "#gateway/context.ts";
import { runDeliveries, type DeliveryKind, type Plan } from "#gateway/deliveries.ts";
import type { Document, Operation } from "#store/contract.ts";
import { busArn } from "./bus.ts";
import { openEvent } from "./contents.ts";
import { eventText } from "./event.ts";
import { HttpCalls } from "./httpCalls.ts";
import { inputFor, InvalidInput } from "./inputs.ts";
import type { MetricName } from "./metrics.ts";
import { delivered, failed, outcomeOf, type Failure, type Outcome } from "#engines/delivery/outcome.ts";
import type { Parts } from "./parts.ts";
import { RateLimits } from "./rateLimits.ts";
import { afterFailure, dueAfterRefusedBurial, exhausted } from "#engines/delivery/retries.ts";
import { eventsPrincipal, serviceId, types, type Delivery, type KeptTarget, type Rule } from "./state.ts";
import { rowOf } from "./targetKinds.ts";
import { toApiDestination } from "./targets/apiDestination.ts";
import { toBus } from "./targets/bus.ts";
import type { Attempt } from "./targets/clients.ts";
import { toLogGroup } from "./targets/logGroup.ts";
import { setAside, toQueue } from "./targets/queue.ts";
import { toTopic } from "./targets/topic.ts";

const reportMs = 1_000;

export function deliveryJob(parts: Parts): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    const http = new HttpCalls(parts.settings);
    try {
      await runDeliveries(ctx, new Deliveries(ctx, parts, http));
    } finally {
      await http.close();
    }
  };
}

class Deliveries implements DeliveryKind<Delivery> {
  readonly service = serviceId;
  readonly type = types.delivery;
  readonly #ctx: JobContext;
  readonly #parts: Parts;
  readonly #http: HttpCalls;
  readonly #limits: RateLimits;
  #reportedAt = 0;

  constructor(ctx: JobContext, parts: Parts, http: HttpCalls) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#http = http;
    this.#limits = new RateLimits(ctx.clock);
  }

  async beforeLook(): Promise<void> {
    await this.#parts.book.refresh(this.#ctx.store);
    await this.#report();
  }

  async plan(document: Document<Delivery>): Promise<Plan> {
    const { key, value } = document;
    const found = await this.#find(document);
    const row = found && rowOf(found.target.Arn ?? "");
    return {
      lane: `${value.bus}/${value.rule ?? ""}/${value.target ?? ""}`,
      most: value.dead ? Infinity : (row?.atOnce ?? 1),
      mayNow: async () => {
        if (value.dead || row?.kind !== "apiDestination") return true;
        const free = await this.#limits.take(this.#ctx.store, key, found!.target.Arn!);
        if (!free) this.#count(document, "ThrottledRules");
        return free;
      },
      run: () => this.#deliver(document, found),
    };
  }

  /** The rule and the target as they are now. */
  async #find({ key, value }: Document<Delivery>): Promise<{ rule: Rule; target: KeptTarget } | undefined> {
    if (value.rule === undefined) return undefined;
    const rules = await this.#parts.book.of(this.#ctx.store, { ...key, name: value.bus });
    const rule = rules.rules.get(value.rule);
    const target = rule?.targets.find(({ Id }) => Id === value.target);
    return rule && target ? { rule, target } : undefined;
  }

  async #deliver(document: Document<Delivery>, found: { rule: Rule; target: KeptTarget } | undefined): Promise<void> {
    const { value } = document;
    if (value.dead) return await this.#bury(document, value.dead, found);
    // Its rule or its target is gone: there is nobody to deliver it to.
    if (!found) return await this.#finish(document);
    const { rule, target } = found;
    const condition =
      value.attempts === 0 ? undefined : exhausted(target.RetryPolicy, ageOf(value), this.#ctx.clock.now());
    if (condition) {
      const dead = deadLetter(failed("UNKNOWN", ""), value.attempts, condition);
      return await this.#giveUp(document, target, dead);
    }
    if (value.attempts === 0) {
      this.#count(document, "Invocations");
      this.#count(document, "IngestionToInvocationStartLatency", Math.max(0, this.#ctx.clock.now() - value.ingestedAt));
    } else {
      this.#count(document, "RetryInvocationAttempts");
    }
    this.#count(document, "InvocationAttempts");
    const outcome = await this.#attempt(document, rule, target);
    if (outcome.ok) {
      this.#count(document, "SuccessfulInvocationAttempts");
      return await this.#finish(document);
    }
    // The role is being stopped: that is no attempt of the target's.
    if (this.#ctx.signal.aborted) return;
    await this.#retry(document, target, outcome);
  }

  async #attempt({ key, value: delivery }: Document<Delivery>, rule: Rule, target: KeptTarget): Promise<Outcome> {
    const place = { account: key.account, region: key.region };
    try {
      const event = await this.#open(place, delivery);
      const facts = { event, ruleArn: rule.arn, ruleName: rule.name, ingestedAt: delivery.ingestedAt };
      const attempt: Attempt = { place, rule, target, delivery, event, input: inputFor(target, facts) };
      return await this.#send(attempt);
    } catch (error) {
      if (error instanceof InvalidInput) return failed("INVALID_JSON", error.message, true);
      if (error instanceof AwsError) return outcomeOf(error);
      throw error;
    }
  }

  async #send(attempt: Attempt): Promise<Outcome> {
    const ctx = this.#ctx;
    switch (rowOf(attempt.target.Arn ?? "")?.kind) {
      case "queue":
        await toQueue(ctx, attempt);
        return delivered();
      case "topic":
        await toTopic(ctx, attempt);
        return delivered();
      case "logGroup":
        return await toLogGroup(ctx, attempt);
      case "bus":
        return await toBus(ctx, attempt);
      case "apiDestination":
        return await toApiDestination(ctx, this.#http, attempt);
      case undefined:
        return failed("NO_RESOURCE", "The target is of no kind that is served.", true);
    }
  }

  #open(place: { account: string; region: string }, { bus, content }: Delivery) {
    const arn = busArn({ ...place, name: bus });
    const { kms } = this.#ctx.asService(eventsPrincipal, { ...place, sourceArn: arn });
    return openEvent(this.#ctx, this.#parts.sealer, kms, arn, content);
  }

  async #retry(document: Document<Delivery>, target: KeptTarget, failure: Failure): Promise<void> {
    const { clock, random } = this.#ctx;
    const attempts = document.value.attempts + 1;
    const tried = { ...document, value: { ...document.value, attempts } };
    const next = afterFailure(failure, target.RetryPolicy, ageOf(tried.value), clock.now(), random);
    if ("dueAt" in next) await this.#again(tried, { ...tried.value, dueAt: next.dueAt });
    else await this.#giveUp(tried, target, next.dead);
  }

  async #giveUp(document: Document<Delivery>, target: KeptTarget, dead: DeadLetter): Promise<void> {
    this.#count(document, "FailedInvocations");
    if (target.DeadLetterConfig?.Arn === undefined) {
      this.#ctx.log.warn(
        { rule: document.value.rule, target: target.Arn, code: dead.code },
        "an event could not be delivered; it is lost",
      );
      return await this.#finish(document);
    }
    await this.#again(document, { ...document.value, attempts: 0, dueAt: this.#ctx.clock.now(), dead });
  }

  async #bury(
    document: Document<Delivery>,
    dead: DeadLetter,
    found: { rule: Rule; target: KeptTarget } | undefined,
  ): Promise<void> {
    const { key, value } = document;
    const place = { account: key.account, region: key.region };
    const rules = await this.#parts.book.of(this.#ctx.store, { ...place, name: value.bus });
    const queue = value.rule === undefined ? rules.bus?.deadLetterQueue : found?.target.DeadLetterConfig?.Arn;
    if (queue === undefined) return await this.#finish(document);
    const about = found
      ? { sourceArn: found.rule.arn, ruleArn: found.rule.arn, targetArn: found.target.Arn! }
      : { sourceArn: busArn({ ...place, name: value.bus }) };
    try {
      await setAside(this.#ctx, place, queue, about, { dead }, await this.#bodyOf(place, value));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const attempts = value.attempts + 1;
      const { clock, random } = this.#ctx;
      const dueAt = dueAfterRefusedBurial(outcomeOf(error), attempts, clock.now(), random);
      if (dueAt !== undefined) return await this.#again(document, { ...value, attempts, dueAt });
      this.#count(document, "InvocationsFailedToBeSentToDlq");
      this.#ctx.log.warn({ queue, code: error.code }, "a dead-letter queue does not take events; the event is lost");
      return await this.#finish(document);
    }
    this.#count(document, "InvocationsSentToDlq");
    this.#count(document, "DeadLetterInvocations");
    await this.#finish(document);
  }

  /** The event as it was; one that cannot be read goes as it is kept, for whoever may use the key again. */
  async #bodyOf(place: { account: string; region: string }, delivery: Delivery): Promise<string> {
    try {
      return eventText(await this.#open(place, delivery));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return JSON.stringify(delivery.content);
    }
  }

  async #again({ key, version }: Document<Delivery>, value: Delivery): Promise<void> {
    const indexes = { due: timeText(value.dueAt) };
    await this.#ctx.store.commit([{ op: "put", key, value, ifVersion: version, indexes }]);
  }

  async #finish({ key, version }: Document<Delivery>): Promise<void> {
    await this.#ctx.store.commit([{ op: "delete", key, ifVersion: version }]);
  }

  #count({ key, value }: Document<Delivery>, name: MetricName, by?: number): void {
    this.#parts.metrics.count({ account: key.account, region: key.region }, value.bus, value.rule, name, by);
  }

  async #report(): Promise<void> {
    const now = performance.now();
    if (now - this.#reportedAt < reportMs) return;
    this.#reportedAt = now;
    const operations: Operation[] = this.#parts.metrics.take(this.#ctx);
    if (operations.length > 0) await this.#ctx.store.commit(operations);
  }
}

const ageOf = ({ attempts, ingestedAt }: Delivery) => ({ attempts, startedAt: ingestedAt });
