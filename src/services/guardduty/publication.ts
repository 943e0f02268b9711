/**
 * Where findings go beyond the API: EventBridge, of the account and of its administrator, and the buckets of publishing
 * destinations. A new finding goes out with the commit that makes it; later occurrences are gathered for as long as the
 * detector's FindingPublishingFrequency says.
 * Sources: GuardDuty User Guide, "Processing GuardDuty findings with Amazon EventBridge" (event format, "notification
 * frequency"), "Exporting generated findings to Amazon S3 buckets".
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Operation } from "#store/contract.ts";
import { findingJson } from "./findingJson.ts";
import {
  eventsStream,
  pad,
  scopeOf,
  types,
  type Destination,
  type Frequency,
  type PendingExport,
  type StoredFinding,
} from "./state.ts";

const frequencies: Readonly<Record<Frequency, number>> = {
  FIFTEEN_MINUTES: 15 * 60_000,
  ONE_HOUR: 3_600_000,
  SIX_HOURS: 6 * 3_600_000,
};

/** Who hears of the findings of a detector. */
export interface Audience {
  account: string;
  region: string;
  frequency: Frequency;
  /** The administrator of the account, if it has one. */
  administrator?: string;
  /** Of the account and of the administrator, with the account whose they are. */
  destinations: readonly { account: string; destination: Destination }[];
}

/** The finding, due at once when it is new or has come back, at the end of its interval otherwise. */
export function scheduled(stored: StoredFinding, audience: Pick<Audience, "frequency">, now: number): StoredFinding {
  const { due: _replaced, ...rest } = stored;
  if (stored.finding.Service!.Archived === true) return rest;
  if (stored.publishedAt === undefined) return { ...rest, due: now };
  return { ...rest, due: Math.max(now, stored.publishedAt + frequencies[audience.frequency]) };
}

/** What is written when a finding goes out now; the finding itself is marked by the caller. */
export function publishing(stored: StoredFinding, audience: Audience, now: number, random: Random): Operation[] {
  const json = findingJson(stored.finding);
  const buses = [audience.account, ...(audience.administrator === undefined ? [] : [audience.administrator])];
  return [
    ...buses.map((account): Operation => {
      const id = random.uuid();
      const event = {
        version: "0",
        id,
        "detail-type": "GuardDuty Finding",
        source: "aws.guardduty",
        account,
        time: isoSeconds(now),
        region: audience.region,
        resources: [],
        detail: json,
      };
      return { op: "append", stream: eventsStream, key: account, id, event };
    }),
    ...audience.destinations.map(({ account, destination }): Operation => {
      const value: PendingExport = { line: JSON.stringify(json), account: audience.account, at: now };
      const id = `${destination.detector}/${destination.id}/${pad(now)}/${random.uuid()}`;
      return {
        op: "put",
        key: { ...scopeOf({ account, region: audience.region }), type: types.pendingExport, id },
        value,
      };
    }),
  ];
}

/** Index rows of a finding: `due`, by which the job finds what has to go out. */
export function findingIndexes(stored: StoredFinding): Record<string, string> {
  return stored.due === undefined ? {} : { due: pad(stored.due) };
}
