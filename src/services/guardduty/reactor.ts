/**
 * From the audit stream to findings.
 *
 * INVARIANT: every event is counted once. Findings, what they publish, and how far the partition has been read are one
 * batch; an event that comes again lies behind what has been read. Events of an account are in one partition, in order.
 */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { Conflict, type Document, type DocumentKey, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { isByService, type CallRecord } from "#engines/guard/callRecord.ts";
import { matches } from "#engines/guard/criteria.ts";
import { detect } from "#engines/guard/detect.ts";
import type { Knowledge, PasswordPolicy } from "#engines/guard/detection.ts";
import { defaultPasswordPolicy, passwordPolicyAfter } from "#engines/guard/detections/passwordPolicy.ts";
import { readBucket, type BucketReading } from "./bucketDetails.ts";
import { isEnabled } from "./features.ts";
import { idOf, withOccurrence, type Occurrence } from "./finding.ts";
import { findingJson } from "./findingJson.ts";
import { findingIndexes, publishing, scheduled } from "./publication.ts";
import {
  detectorArn,
  findingRetentionMs,
  installationAccount,
  scopeOf,
  serviceId,
  servicePrincipal,
  types,
  type Detector,
  type KnownPasswordPolicy,
  type Progress,
  type StoredFinding,
} from "./state.ts";
import { SurroundingsReader, type Surroundings } from "./surroundings.ts";

/** Events that are written together at most. */
const chunkSize = 100;
const attempts = 10;

/**
 * Services without a Region: their events are filed under one, and analysed in every Region that has a detector.
 * Source: GuardDuty User Guide, "How GuardDuty handles AWS CloudTrail global events".
 */
const globalSources = new Set([
  "iam.amazonaws.com",
  "organizations.amazonaws.com",
  "account.amazonaws.com",
  "cloudfront.amazonaws.com",
  "route53.amazonaws.com",
  "globalaccelerator.amazonaws.com",
  "health.amazonaws.com",
  "support.amazonaws.com",
]);

/** The root user signs in at one place; whoever else at the Region of the console. */
function isGlobal({ eventSource, userIdentity }: AuditRecord): boolean {
  return globalSources.has(eventSource) || (eventSource === "signin.amazonaws.com" && userIdentity["type"] === "Root");
}

/** The reactor; it keeps the entries of lists from one batch to the next. */
export function detecting(): (events: readonly StoredEvent[], ctx: ReactorContext) => Promise<void> {
  const reader = new SurroundingsReader();
  return async (events, ctx) => {
    const detectors = await detectorsOf(reader, ctx, events);
    if (detectors.size === 0) return;
    for (let start = 0; start < events.length; start += chunkSize) {
      await analyse(reader, ctx, detectors, events.slice(start, start + chunkSize));
    }
  };
}

/** Enabled detectors of the accounts that the events are of; most accounts may have none. */
async function detectorsOf(
  reader: SurroundingsReader,
  ctx: ReactorContext,
  events: readonly StoredEvent[],
): Promise<Map<string, Detector[]>> {
  const found = new Map<string, Detector[]>();
  for (const account of new Set(events.map(({ event }) => (event as AuditRecord).recipientAccountId))) {
    const enabled = (await reader.detectors(ctx.store, account)).filter((detector) => detector.enabled);
    if (enabled.length > 0) found.set(account, enabled);
  }
  return found;
}

async function analyse(
  reader: SurroundingsReader,
  ctx: ReactorContext,
  detectors: ReadonlyMap<string, readonly Detector[]>,
  events: readonly StoredEvent[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const chunk = new Chunk(reader, ctx, events[0]!.partition);
    await chunk.open();
    for (const event of events) await chunk.take(event, detectors);
    try {
      await chunk.commit(events);
      return;
    } catch (error) {
      // Somebody archived a finding, or another holder of the partition was faster: decided anew on what is there now.
      if (!(error instanceof Conflict) || attempt === attempts) throw error;
    }
  }
}

interface Held<T> {
  key: DocumentKey;
  version: number;
  value: T | undefined;
}

/** Some events of a partition, and what they change. */
class Chunk {
  readonly #reader: SurroundingsReader;
  readonly #ctx: ReactorContext;
  readonly #progressKey: DocumentKey;
  #progress: Document<Progress> | undefined;
  readonly #surroundings = new Map<string, Surroundings>();
  readonly #findings = new Map<string, Held<StoredFinding> & { surroundings: Surroundings }>();
  readonly #policies = new Map<string, Held<KnownPasswordPolicy> & { changed: boolean }>();
  readonly #buckets = new Map<string, BucketReading>();

  constructor(reader: SurroundingsReader, ctx: ReactorContext, partition: number) {
    this.#reader = reader;
    this.#ctx = ctx;
    this.#progressKey = {
      account: installationAccount,
      region: "aws-global",
      service: serviceId,
      type: types.progress,
      id: String(partition),
    };
  }

  /** Reads how far the partition has come. */
  async open(): Promise<void> {
    this.#progress = await this.#ctx.store.get<Progress>(this.#progressKey);
  }

  async take({ event, offset, time }: StoredEvent, detectors: ReadonlyMap<string, readonly Detector[]>): Promise<void> {
    const read = this.#progress?.value;
    // A stream that was made anew counts from the start: its events are younger than what has been read.
    if (read !== undefined && offset <= read.offset && time <= read.time) return;
    const record = event as AuditRecord;
    for (const detector of detectors.get(record.recipientAccountId) ?? []) {
      if (detector.region !== record.awsRegion && !isGlobal(record)) continue;
      if (Date.parse(record.eventTime) + 1000 <= detector.enabledAt) continue;
      await this.#look(detector, record);
    }
  }

  async #look(detector: Detector, record: CallRecord): Promise<void> {
    // Nothing is ever found in what services do for others; to skip it here saves reading what surrounds it.
    if (isByService(record)) return;
    const surroundings = await this.#surroundingsOf(detector);
    const holding = surroundings.lists.filter(({ addresses }) => addresses.has(record.sourceIPAddress));
    const policy = await this.#policyOf(detector, record);
    const knowledge: Knowledge = {
      s3DataEvents: isEnabled(detector.features, "S3_DATA_EVENTS"),
      threatListOf: () => holding.find(({ trusted }) => !trusted)?.name,
      passwordPolicy: policy ?? defaultPasswordPolicy,
    };
    // "If you include the same IP on both a trusted IP list and threat list it will be processed by the trusted IP list first."
    if (holding.some(({ trusted }) => trusted)) return;
    for (const detection of detect(record, knowledge)) await this.#record(surroundings, { record, detection });
  }

  async #record(surroundings: Surroundings, { record, detection }: Occurrence): Promise<void> {
    const { detector, audience, suppressions } = surroundings;
    const reading = detection.bucket === undefined ? undefined : await this.#bucket(detector, detection.bucket);
    if (detection.holds && !detection.holds(reading?.blocks ?? {})) return;
    if (detection.trailBucket !== undefined && !(await this.#isOfTrail(detector, detection.trailBucket))) return;
    const occurrence: Occurrence = { record, detection, ...(reading ? { bucket: reading.detail } : {}) };
    const held = await this.#finding(surroundings, idOf(detector, occurrence));
    const now = this.#ctx.clock.now();
    const { finding, suppressed: _before, ...rest } = withOccurrence(detector, held.value, occurrence, now);
    const json = findingJson(finding);
    const suppressed = suppressions.some(({ criterion }) => matches(criterion, { ...json, service: unarchived(json) }));
    // What happens again after it was archived is news: the finding is current again and goes out at once.
    const returned = held.value?.finding.Service!.Archived === true && !suppressed;
    const { publishedAt, ...unpublished } = rest;
    const stored: StoredFinding = {
      ...(returned || publishedAt === undefined ? unpublished : { ...unpublished, publishedAt }),
      finding: { ...finding, Service: { ...finding.Service, Archived: suppressed } },
      ...(suppressed ? { suppressed } : {}),
    };
    held.value = scheduled(stored, audience, now);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const { store, clock, random } = this.#ctx;
    const now = clock.now();
    const operations: Operation[] = [];
    for (const held of this.#findings.values()) {
      if (held.value === undefined) continue;
      let stored = held.value;
      if (stored.due !== undefined && stored.due <= now) {
        operations.push(...publishing(stored, held.surroundings.audience, now, random));
        const { due: _sent, ...rest } = stored;
        stored = { ...rest, publishedAt: now };
      }
      operations.push({
        op: "put",
        key: held.key,
        value: stored,
        ifVersion: held.version,
        indexes: findingIndexes(stored),
        expiresAt: now + findingRetentionMs,
      });
    }
    for (const { key, version, value, changed } of this.#policies.values()) {
      if (changed) operations.push({ op: "put", key, value, ifVersion: version });
    }
    if (operations.length === 0) return;
    // The latest time there is: writers' clocks differ, and what comes again must not look younger than this.
    const times = events.map(({ time }) => time);
    const value: Progress = {
      offset: events.at(-1)!.offset,
      time: Math.max(this.#progress?.value.time ?? 0, ...times),
    };
    operations.push({ op: "put", key: this.#progressKey, value, ifVersion: this.#progress?.version ?? 0 });
    await store.commit(operations);
  }

  async #surroundingsOf(detector: Detector): Promise<Surroundings> {
    const name = `${detector.account}/${detector.region}`;
    const known = this.#surroundings.get(name);
    if (known) return known;
    const read = await this.#reader.read(this.#ctx.store, detector);
    this.#surroundings.set(name, read);
    return read;
  }

  async #finding(surroundings: Surroundings, id: string): Promise<Held<StoredFinding>> {
    const { detector } = surroundings;
    const key = { ...scopeOf(detector), type: types.finding, id: `${detector.id}/${id}` };
    const name = `${detector.account}/${detector.region}/${id}`;
    let held = this.#findings.get(name);
    if (!held) {
      const document = await this.#ctx.store.get<StoredFinding>(key);
      held = { key, version: document?.version ?? 0, value: document?.value, surroundings };
      this.#findings.set(name, held);
    }
    return held;
  }

  /** The password policy before the event, and takes note of the one after it. */
  async #policyOf(detector: Detector, record: CallRecord): Promise<PasswordPolicy | undefined> {
    const after = passwordPolicyAfter(record);
    if (after === undefined) return undefined;
    const name = `${detector.account}/${detector.region}`;
    let held = this.#policies.get(name);
    if (!held) {
      const key = { ...scopeOf(detector), type: types.passwordPolicy, id: "policy" };
      const document = await this.#ctx.store.get<KnownPasswordPolicy>(key);
      held = { key, version: document?.version ?? 0, value: document?.value, changed: false };
      this.#policies.set(name, held);
    }
    const before = held.value;
    if (record.errorCode === undefined) {
      held.value = after;
      held.changed = true;
    }
    return before;
  }

  async #isOfTrail(detector: Detector, bucket: string): Promise<boolean> {
    const { account, region } = detector;
    const where = { account, region, sourceArn: detectorArn(detector) };
    const { trailList } = await this.#ctx.asService(servicePrincipal, where).cloudtrail.DescribeTrails({});
    return trailList?.some(({ S3BucketName }) => S3BucketName === bucket) === true;
  }

  async #bucket(detector: Detector, bucket: string): Promise<BucketReading> {
    const name = `${detector.account}/${bucket}`;
    let reading = this.#buckets.get(name);
    if (!reading) this.#buckets.set(name, (reading = await readBucket(this.#ctx, detector, bucket)));
    return reading;
  }
}

/** Filters look at a finding as it would be shown: current. */
function unarchived(json: Record<string, unknown>): Record<string, unknown> {
  return { ...(json["service"] as Record<string, unknown>), archived: false };
}
