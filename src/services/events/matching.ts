/**
 * From the stream to deliveries: every event is held against the rules and archives of its bus, and what follows is
 * committed before the event counts as handled.
 */
import { timeText } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { ReactorContext } from "#gateway/context.ts";
import type { Reactor } from "#gateway/service.ts";
import type { Document, Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { busArn, ruleOfArn } from "./bus.ts";
import { openEvent, sealEvent } from "./contents.ts";
import { envelopeOf, eventsStream, eventText, type BusEvent, type Content, type Envelope } from "./event.ts";
import { Metrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import type { BusRules } from "./ruleBook.ts";
import {
  eventsPrincipal,
  scopeOf,
  types,
  type Archive,
  type Archived,
  type ArchiveHour,
  type Delivery,
  type Rule,
} from "./state.ts";

/** Events whose consequences are one batch: it is held in memory and locked as a whole. */
const sliceSize = 50;
const hourMs = 3_600_000;

export function matchReactor(parts: Parts): Reactor {
  return {
    name: "rules",
    stream: eventsStream,
    async handle(events, ctx) {
      await parts.book.refresh(ctx.store);
      for (let start = 0; start < events.length; start += sliceSize) {
        const slice = new Slice(parts, ctx);
        for (const stored of events.slice(start, start + sliceSize)) await slice.add(stored);
        await slice.commit();
      }
    },
  };
}

/** An event whose key cannot be used: nobody can read it, and nobody can match it. */
interface Unreadable {
  failure: AwsError;
}

class Slice {
  readonly #parts: Parts;
  readonly #ctx: ReactorContext;
  readonly #operations: Operation[] = [];
  readonly #archived: { archive: Archive; key: Document["key"]; value: Archived; bytes: number; time: string }[] = [];
  readonly #metrics = new Metrics();
  #partition = 0;

  constructor(parts: Parts, ctx: ReactorContext) {
    this.#parts = parts;
    this.#ctx = ctx;
  }

  async add(stored: StoredEvent): Promise<void> {
    this.#partition = stored.partition;
    const envelope = envelopeOf(stored.event, stored.time);
    if (!envelope) {
      this.#ctx.log.warn({ event: stored.id }, "what came as an event is none; it is left out");
      return;
    }
    const rules = await this.#parts.book.of(this.#ctx.store, envelope.bus);
    const event = await this.#read(envelope);
    if ("failure" in event) return this.#putUnreadable(stored.id, envelope, rules, event.failure);
    const matched = rules.matching(event);
    for (const rule of new Set([...matched.rules, ...scheduledRule(rules, envelope)])) {
      if (envelope.onlyRules && !envelope.onlyRules.includes(rule.arn)) continue;
      this.#putDeliveries(stored.id, envelope, rule);
    }
    for (const archive of matched.archives) await this.#archive(stored.id, envelope, archive, event);
  }

  async commit(): Promise<void> {
    const { store } = this.#ctx;
    // An event that comes again after a crash is in its archive already, and is not counted again.
    const known = await store.getMany(this.#archived.map(({ key }) => key));
    const fresh = this.#archived.filter((_, i) => known[i] === undefined);
    const hours = await this.#hours(fresh);
    const operations = [
      ...this.#operations,
      ...fresh.map(({ key, value, time }): Operation => ({ op: "put", key, value, ifVersion: 0, indexes: { time } })),
      ...hours,
      ...this.#metrics.take(this.#ctx),
    ];
    if (operations.length > 0) await store.commit(operations);
  }

  async #read(envelope: Envelope): Promise<BusEvent | Unreadable> {
    const { content, bus } = envelope;
    if ("event" in content) return content.event;
    try {
      return await openEvent(this.#ctx, this.#parts.sealer, this.#kms(envelope), busArn(bus), content);
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      return { failure: error };
    }
  }

  #kms({ bus }: Envelope) {
    return this.#ctx.asService(eventsPrincipal, { ...bus, sourceArn: busArn(bus) }).kms;
  }

  #putDeliveries(streamId: string, envelope: Envelope, rule: Rule): void {
    const { bus } = envelope;
    this.#metrics.count(bus, bus.name, rule.name, "MatchedEvents");
    this.#metrics.count(bus, bus.name, rule.name, "TriggeredRules");
    for (const { Id = "" } of rule.targets) {
      this.#putDelivery(streamId, envelope, { rule: rule.name, target: Id });
    }
  }

  #putDelivery(streamId: string, envelope: Envelope, more: Pick<Delivery, "rule" | "target" | "dead">): void {
    const { bus, content, ingestedAt, traceHeader, forwardedFrom } = envelope;
    const dueAt = this.#ctx.clock.now();
    const value: Delivery = {
      bus: bus.name,
      content,
      ingestedAt,
      ...(traceHeader === undefined ? {} : { traceHeader }),
      ...(forwardedFrom === undefined ? {} : { forwardedFrom }),
      attempts: 0,
      dueAt,
      ...more,
    };
    const id = [streamId, bus.name, more.rule ?? "", more.target ?? ""].join("/");
    this.#operations.push({
      op: "put",
      key: { ...scopeOf(bus), type: types.delivery, id },
      value,
      indexes: { due: timeText(dueAt) },
    });
  }

  /** Source: EventBridge User Guide, "Using dead-letter queues to capture encrypted event errors". */
  #putUnreadable(streamId: string, envelope: Envelope, rules: BusRules, failure: AwsError): void {
    if (rules.bus?.deadLetterQueue === undefined) {
      this.#ctx.log.warn(
        { bus: busArn(envelope.bus), code: failure.code },
        "an event could not be decrypted; it is lost",
      );
      return;
    }
    const dead = { code: "SDK_CLIENT_ERROR", message: failure.message, retries: 0 };
    this.#putDelivery(streamId, envelope, { dead });
  }

  async #archive(streamId: string, envelope: Envelope, archive: Archive, event: BusEvent): Promise<void> {
    const at = this.#ctx.clock.now();
    let content: Content = envelope.content;
    if (archive.kmsKeyId !== undefined) {
      const key = { kmsKeyId: archive.kmsKeyId, busArn: archive.busArn };
      try {
        content = await sealEvent(this.#ctx, this.#parts.sealer, this.#kms(envelope), key, event);
      } catch (error) {
        if (!(error instanceof AwsError) || error.status >= 500) throw error;
        this.#ctx.log.warn({ archive: archive.arn, code: error.code }, "an event could not be archived under its key");
        return;
      }
    }
    const id = `${archive.uid}/${timeText(at)}/${streamId}`;
    this.#archived.push({
      archive,
      key: { ...scopeOf(envelope.bus), type: types.archived, id },
      value: { content, at },
      bytes: Buffer.byteLength(eventText(event)),
      time: `${archive.uid}/${timeText(Date.parse(event.time))}`,
    });
  }

  /** Counters by hour and partition, which one process writes at a time. */
  async #hours(
    fresh: readonly { archive: Archive; key: Document["key"]; value: Archived; bytes: number }[],
  ): Promise<Operation[]> {
    const sums = new Map<string, { key: Document["key"]; hour: ArchiveHour }>();
    for (const { archive, key, value, bytes } of fresh) {
      const at = Math.floor(value.at / hourMs) * hourMs;
      const id = `${archive.uid}/${timeText(at)}/${this.#partition}`;
      const sum = sums.get(id) ?? {
        key: { ...key, type: types.archiveHour, id },
        hour: { at, events: 0, bytes: 0 },
      };
      sum.hour.events += 1;
      sum.hour.bytes += bytes;
      sums.set(id, sum);
    }
    const all = [...sums.values()];
    const before = await this.#ctx.store.getMany<ArchiveHour>(all.map(({ key }) => key));
    return all.map(({ key, hour }, i): Operation => {
      const earlier = before[i];
      const events = hour.events + (earlier?.value.events ?? 0);
      const bytes = hour.bytes + (earlier?.value.bytes ?? 0);
      return { op: "put", key, value: { ...hour, events, bytes }, ifVersion: earlier?.version ?? 0 };
    });
  }
}

/** A schedule fires its own rule, whatever patterns say. */
function scheduledRule(rules: BusRules, { scheduledBy }: Envelope): Rule[] {
  const name = scheduledBy === undefined ? undefined : ruleOfArn(scheduledBy)?.name;
  const rule = name === undefined ? undefined : rules.rules.get(name);
  return rule && rule.state !== "DISABLED" ? [rule] : [];
}
