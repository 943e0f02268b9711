/**
 * Findings into the hub of an account: merged with what is there, put through its rules, written with their history and
 * the event that tells of them. The same for what is sent through the API and for what other services found.
 * Sources: Security Hub User Guide, "BatchImportFindings for finding providers", "EventBridge event types for Security
 * Hub" (Security Hub Findings - Imported: one event for each finding that is new or updated).
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { State } from "#gateway/context.ts";
import { compileRules, type Automation } from "#engines/asff/automation.ts";
import { changesBetween } from "#engines/asff/history.ts";
import { importInto, type HubFacts, type Imported } from "#engines/asff/importing.ts";
import {
  each,
  eventsStream,
  findingKey,
  historyKeptMs,
  keptMs,
  pad,
  scopeOf,
  types,
  type HistoryEntry,
  type Place,
  type StoredFinding,
  type StoredRule,
} from "./state.ts";
import { audienceOf, ruleMakerOf } from "./view.ts";

/** Where changes are staged. */
export interface Writing {
  state: State;
  random: Random;
  /** Epoch milliseconds. */
  now: number;
}

export type Sender = Pick<HubFacts, "productName" | "companyName">;

/** What is asked once for all findings of an account that are imported together. */
export interface Reception {
  /** The rules that they go through. */
  automation: Automation;
  /** The buses that hear of them. */
  audience: readonly Place[];
}

export async function receptionOf(state: State, place: Place): Promise<Reception> {
  const rules: StoredRule[] = [];
  const maker = await ruleMakerOf(state, place);
  for await (const rule of each<StoredRule>(state, types.rule, maker)) rules.push(rule);
  return { automation: compileRules(rules), audience: await audienceOf(state, place) };
}

/** @throws StaleFinding when what is there is as new */
export async function importFinding(
  writing: Writing,
  place: Place,
  { automation, audience }: Reception,
  given: Imported,
  sender: Sender,
): Promise<void> {
  const { state, now } = writing;
  const key = findingKey(String(given["ProductArn"]), String(given["Id"]));
  const at = new Date(now).toISOString();
  const before = (await state.get<StoredFinding>(types.finding, key, scopeOf(place)))?.value;
  const imported = importInto(before, given, { region: place.region, processedAt: at, ...sender });
  const after = automation(imported, now, at);
  const identity = String(given["ProductArn"]);
  write(writing, place, audience, key, before, after, { Type: "BATCH_IMPORT_FINDINGS", Identity: identity });
}

/** Puts a finding that has changed, its history, and the event about it. */
export function write(
  { state, random, now }: Writing,
  place: Place,
  audience: readonly Place[],
  key: string,
  before: StoredFinding | undefined,
  after: StoredFinding,
  source: HistoryEntry["source"],
): void {
  const at = scopeOf(place);
  state.put(types.finding, key, after, { at, expiresAt: now + keptMs[after.finding.RecordState] });
  const changes = before ? changesBetween(before.finding, after.finding) : [];
  if (!before || changes.length > 0) {
    const entry: HistoryEntry = { at: now, created: !before, source, changes };
    const id = `${key}/${pad(now)}/${random.uuid()}`;
    state.put(types.history, id, entry, { at, version: "any", expiresAt: now + historyKeptMs });
  }
  for (const bus of audience) {
    state.emit(eventsStream, bus.account, importedEvent(bus, after, now, random.uuid()));
  }
}

function importedEvent({ account, region }: Place, { finding }: StoredFinding, now: number, id: string) {
  return {
    version: "0",
    id,
    "detail-type": "Security Hub Findings - Imported",
    source: "aws.securityhub",
    account,
    time: isoSeconds(now),
    region,
    resources: [`${finding.ProductArn}/${finding.Id}`],
    detail: { findings: [finding] },
  };
}
