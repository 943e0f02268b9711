/**
 * The delivery job: takes what is due, tries, and writes down how it went. It runs for as long as it may; what it was at
 * when it died is still due and is tried again by whoever comes next. So every event is delivered at least once.
 */
import { AwsError } from "#kernel/errors.ts";
import { pause } from "#kernel/pause.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { busArn } from "./bus.ts";
import { openEvent } from "./contents.ts";
import { eventText } from "./event.ts";
import { HttpCalls } from "./httpCalls.ts";
import { inputFor, InvalidInput } from "./inputs.ts";
import type { MetricName } from "./metrics.ts";
import { delivered, failed, outcomeOf, type Failure, type Outcome } from "#engines/delivery/outcome.ts";
import type { Parts } from "./parts.ts";
import { RateLimits } from "./rateLimits.ts";
import { delayAfter, exhausted } from "#engines/delivery/retries.ts";
import {
  eventsPrincipal,
  serviceId,
  timeText,
  types,
  type DeadLetter,
  type Delivery,
  type KeptTarget,
  type Rule,
} from "./state.ts";
import { rowOf } from "./targetKinds.ts";
import { toApiDestination } from "./targets/apiDestination.ts";
import { toBus } from "./targets/bus.ts";
import type { Attempt } from "./targets/clients.ts";
import { toLogGroup } from "./targets/logGroup.ts";
import { setAside, toQueue } from "./targets/queue.ts";
import { toTopic } from "./targets/topic.ts";

const atOnce = 64;
const pageSize = 500;
/** Due deliveries looked at in one turn. */
const mostLooked = 10_000;
/** Longest time without looking: for a clock that was moved. */
const dozeMs = 1_000;
/** Between looks, so that a busy store is not asked without end. */
const restMs = 10;
/** After a failure of our own, which is nobody's attempt. */
const ownFailureMs = 2_000;
const reportMs = 1_000;
/** Of a dead-letter queue that does not take it. */
const mostDeadAttempts = 5;

export function deliveryJob(parts: Parts): (ctx: JobContext) => Promise<void> {
  return async (ctx) => {
    const http = new HttpCalls(parts.settings);
    try {
      await new Deliveries(ctx, parts, http).run();
    } finally {
      await http.close();
    }
  };
}

class Deliveries {
  readonly #ctx: JobContext;
  readonly #parts: Parts;
  readonly #http: HttpCalls;
  readonly #limits: RateLimits;
  readonly #running = new Map<string, Promise<void>>();
  readonly #lanes = new Map<string, number>();
  #reportedAt = 0;

  constructor(ctx: JobContext, parts: Parts, http: HttpCalls) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#http = http;
    this.#limits = new RateLimits(ctx.clock);
  }

  async run(): Promise<void> {
    const { store, signal } = this.#ctx;
    try {
      while (!signal.aborted) {
        const seen = await store.lastChange();
        await this.#parts.book.refresh(store);
        const started = await this.#startDue();
        await this.#report();
        if (started > 0 && this.#running.size < atOnce) continue;
        await Promise.race([store.waitForChange(seen, dozeMs), pause(dozeMs, signal), ...this.#running.values()]);
        await pause(restMs, signal);
      }
    } finally {
      await Promise.allSettled(this.#running.values());
    }
  }

  /** Looks past deliveries that have to wait for their target, so that a slow one does not hide the others. */
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
      for (const document of page.items) if (await this.#start(document)) started += 1;
      looked += page.items.length;
      after = page.next;
    } while (after !== undefined && this.#running.size < atOnce && looked < mostLooked);
    return started;
  }

  async #start(document: Document<Delivery>): Promise<boolean> {
    const { key, value } = document;
    const id = `${key.account}/${key.region}/${key.id}`;
    if (this.#running.has(id) || this.#running.size >= atOnce) return false;
    const found = await this.#find(document);
    const lane = `${key.account}/${key.region}/${value.bus}/${value.rule ?? ""}/${value.target ?? ""}`;
    const row = found && rowOf(found.target.Arn ?? "");
    const busy = this.#lanes.get(lane) ?? 0;
    if (!value.dead && busy >= (row?.atOnce ?? 1)) return false;
    if (!value.dead && row?.kind === "apiDestination") {
      const free = await this.#limits.take(this.#ctx.store, key, found!.target.Arn!);
      if (!free) {
        this.#count(document, "ThrottledRules");
        return false;
      }
    }
    this.#lanes.set(lane, busy + 1);
    const work = this.#work(document, found).finally(() => {
      this.#running.delete(id);
      const left = (this.#lanes.get(lane) ?? 1) - 1;
      if (left > 0) this.#lanes.set(lane, left);
      else this.#lanes.delete(lane);
    });
    this.#running.set(id, work);
    return true;
  }

  /** The rule and the target as they are now. */
  async #find({ key, value }: Document<Delivery>): Promise<{ rule: Rule; target: KeptTarget } | undefined> {
    if (value.rule === undefined) return undefined;
    const rules = await this.#parts.book.of(this.#ctx.store, { ...key, name: value.bus });
    const rule = rules.rules.get(value.rule);
    const target = rule?.targets.find(({ Id }) => Id === value.target);
    return rule && target ? { rule, target } : undefined;
  }

  /** Never rejects. */
  async #work(document: Document<Delivery>, found: { rule: Rule; target: KeptTarget } | undefined): Promise<void> {
    const { log, signal } = this.#ctx;
    try {
      await this.#deliver(document, found);
    } catch (error) {
      if (signal.aborted || error instanceof Conflict) return;
      log.error({ err: error, delivery: document.key.id }, "a delivery is left for later");
      await pause(ownFailureMs, signal);
    }
  }

  async #deliver(document: Document<Delivery>, found: { rule: Rule; target: KeptTarget } | undefined): Promise<void> {
    const { value } = document;
    if (value.dead) return await this.#bury(document, value.dead, found);
    // Its rule or its target is gone: there is nobody to deliver it to.
    if (!found) return await this.#finish(document);
    const { rule, target } = found;
    const condition =
      value.attempts === 0 ? undefined : exhausted(target.RetryPolicy, ageOf(value), this.#ctx.clock.now());
    if (condition) return await this.#giveUp(document, target, failed("UNKNOWN", "", true), condition);
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
        return delivered;
      case "topic":
        await toTopic(ctx, attempt);
        return delivered;
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

  async #retry(document: Document<Delivery>, target: KeptTarget, outcome: Failure): Promise<void> {
    const now = this.#ctx.clock.now();
    const attempts = document.value.attempts + 1;
    const tried = { ...document, value: { ...document.value, attempts } };
    if (outcome.permanent) return await this.#giveUp(tried, target, outcome);
    const condition = exhausted(target.RetryPolicy, ageOf(tried.value), now);
    if (condition) return await this.#giveUp(tried, target, outcome, condition);
    await this.#again(tried, { ...tried.value, dueAt: now + delayAfter(attempts, this.#ctx.random) });
  }

  async #giveUp(
    document: Document<Delivery>,
    target: KeptTarget,
    { code, message }: Failure,
    condition?: DeadLetter["condition"],
  ): Promise<void> {
    this.#count(document, "FailedInvocations");
    if (target.DeadLetterConfig?.Arn === undefined) {
      this.#ctx.log.warn(
        { rule: document.value.rule, target: target.Arn, code },
        "an event could not be delivered; it is lost",
      );
      return await this.#finish(document);
    }
    const retries = Math.max(0, document.value.attempts - 1);
    const dead: DeadLetter = { code, message, retries, ...(condition === undefined ? {} : { condition }) };
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
      const outcome = outcomeOf(error);
      const attempts = value.attempts + 1;
      if (!outcome.permanent && attempts < mostDeadAttempts) {
        const dueAt = this.#ctx.clock.now() + delayAfter(attempts, this.#ctx.random);
        return await this.#again(document, { ...value, attempts, dueAt });
      }
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
