/** The bill of a month: what was counted, times the prices in force. Reads only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AwsError } from "#kernel/errors.ts";
import type { Document, Store } from "#store/contract.ts";
import { accountBill, type AccountBill, type Usage } from "#engines/ledger/bill.ts";
import { billedUnits, keyHours, monthOf, monthRange, startedHours, type KeyLife } from "#engines/ledger/hours.ts";
import { InvalidPrices, listPrices, pricesIn, pricesOver, type PriceTable } from "#engines/ledger/prices.ts";
import { requestClasses } from "#engines/ledger/requestClasses.ts";
import { rotationsOf, types as kmsTypes, type DeletedKeyDocument, type KeyDocument } from "../services/kms/state.ts";
import type { UsageDocument } from "../services/kms/usage.ts";
import { serviceId, types, type ClusterDocument, type HsmDocument, type RequestsDocument } from "./ledgerState.ts";

/** A key that nobody has used for so long is pointed out. */
const idleDays = 30;
const dayMs = 86_400_000;
const pageSize = 1_000;

export interface LedgerReport {
  /** `2026-11`, UTC. */
  month: string;
  /** Up to when it is counted; epoch milliseconds. */
  until: number;
  prices: { asOf: string; sources: readonly string[]; freeRequestsPerMonth: number; edited: boolean };
  accounts: LedgerAccount[];
  totalUsd: number;
}

export interface LedgerAccount extends AccountBill {
  account: string;
  /** Customer managed keys that are not scheduled for deletion, and what they cost a month from now on. */
  keys: { count: number; monthlyUsd: number };
  /** Customer managed keys without a use for 30 days, the longest idle first. */
  unusedKeys: UnusedKey[];
}

export interface UnusedKey {
  arn: string;
  state: string;
  createdAt: number;
  /** Absent: never. */
  lastUsedAt?: number;
  idleDays: number;
  monthlyUsd: number;
}

/** File of an operator's own prices in the data folder: members of `src/engines/ledger/prices.json`, those that differ. */
export const pricesFile = "prices.json";

export interface LedgerQuestion {
  store: Store;
  dataDir: string;
  now: number;
  /** The present month unless given. */
  month?: string | undefined;
  /** Every account unless given. */
  accounts?: readonly string[];
}

/** @throws AwsError InvalidRequest for what is no month, InvalidPriceTable for a file that cannot be read */
export async function ledgerReport({ store, dataDir, now, month, accounts }: LedgerQuestion): Promise<LedgerReport> {
  const asked = month ?? monthOf(now);
  const range = monthRange(asked);
  if (!range) throw new AwsError("InvalidRequest", "month must be a month of UTC, e.g. 2026-11.", 400);
  const until = Math.min(now, range.to);
  const { table, edited } = await pricesOf(dataDir);
  const scopes = accounts ?? [undefined];
  const usages = new Usages();
  for (const account of scopes) {
    await countRequests(store, usages, asked, account);
    await countModules(store, usages, { from: range.from, to: until }, account);
  }
  const keys = new Map<string, LivingKey[]>();
  for (const account of scopes) await countKeys(store, usages, { from: range.from, to: until }, keys, account);
  const bills: LedgerAccount[] = [];
  for (const account of usages.accounts(accounts)) {
    const living = keys.get(account) ?? [];
    bills.push({
      account,
      ...accountBill(usages.of(account), table, range.to - range.from),
      keys: { count: living.length, monthlyUsd: sum(living.map((key) => monthlyUsd(key, table))) },
      unusedKeys: await unusedKeys(store, living, table, now),
    });
  }
  return {
    month: asked,
    until,
    prices: { asOf: table.asOf, sources: table.sources, freeRequestsPerMonth: table.freeRequestsPerMonth, edited },
    accounts: bills,
    totalUsd: sum(bills.map(({ totalUsd }) => totalUsd)),
  };
}

async function pricesOf(dataDir: string): Promise<{ table: PriceTable; edited: boolean }> {
  let text: string;
  try {
    text = await readFile(join(dataDir, pricesFile), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { table: listPrices, edited: false };
    throw error;
  }
  try {
    return { table: pricesOver(listPrices, JSON.parse(text)), edited: true };
  } catch (error) {
    if (!(error instanceof InvalidPrices || error instanceof SyntaxError)) throw error;
    throw new AwsError("InvalidPriceTable", `${pricesFile} in the data folder: ${error.message}.`, 409);
  }
}

/** Usage by account and Region. */
class Usages {
  readonly #byAccount = new Map<string, Map<string, Usage>>();

  at(account: string, region: string): Usage {
    const regions = this.#byAccount.get(account) ?? new Map<string, Usage>();
    this.#byAccount.set(account, regions);
    const usage = regions.get(region) ?? { keyHours: 0, requests: {}, hsmHours: {} };
    regions.set(region, usage);
    return usage;
  }

  of(account: string): ReadonlyMap<string, Usage> {
    return this.#byAccount.get(account) ?? new Map();
  }

  /** Those that were asked for, whether they used anything or not; all that did otherwise. */
  accounts(asked: readonly string[] | undefined): readonly string[] {
    return asked ?? [...this.#byAccount.keys()].toSorted();
  }
}

async function* every<T>(
  store: Store,
  service: string,
  type: string,
  { account, prefix }: { account?: string | undefined; prefix?: string },
): AsyncGenerator<Document<T>> {
  let after: string | undefined;
  do {
    const page = await store.list<T>({
      service,
      type,
      limit: pageSize,
      ...(account === undefined ? {} : { account }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
    });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

async function countRequests(store: Store, usages: Usages, month: string, account?: string): Promise<void> {
  const wanted = { account, prefix: `${month}/` };
  for await (const { key, value } of every<RequestsDocument>(store, serviceId, types.requests, wanted)) {
    const { requests } = usages.at(key.account, key.region);
    for (const of of requestClasses) {
      if (value.counts[of]) requests[of] = (requests[of] ?? 0) + value.counts[of];
    }
  }
}

interface Range {
  from: number;
  to: number;
}

async function countModules(store: Store, usages: Usages, range: Range, account?: string): Promise<void> {
  for await (const { key, value } of every<HsmDocument>(store, serviceId, types.hsm, { account })) {
    const hours = startedHours(value.from, value.to ?? Infinity, range);
    if (hours === 0) continue;
    const cluster = await store.get<ClusterDocument>({ ...key, type: types.cluster, id: value.clusterId });
    const of = cluster?.value.hsmType ?? "unknown";
    const usage = usages.at(key.account, key.region);
    usage.hsmHours = { ...usage.hsmHours, [of]: (usage.hsmHours[of] ?? 0) + hours };
  }
}

interface LivingKey {
  document: KeyDocument;
  life: KeyLife;
}

async function countKeys(
  store: Store,
  usages: Usages,
  range: Range,
  living: Map<string, LivingKey[]>,
  account?: string,
): Promise<void> {
  for await (const { key, value } of every<KeyDocument>(store, "kms", kmsTypes.key, { account })) {
    if (value.manager !== "CUSTOMER") continue;
    const { createdAt, deletionScheduledAt } = value;
    // Scheduled before the time was written down: it has cost nothing since, and that is all that is known.
    const endedAt = deletionScheduledAt ?? (isScheduled(value) ? createdAt : undefined);
    const life: KeyLife = { createdAt, rotations: rotationsOf(value), ...(endedAt === undefined ? {} : { endedAt }) };
    usages.at(key.account, key.region).keyHours += keyHours(life, range);
    if (endedAt !== undefined) continue;
    const held = living.get(key.account) ?? [];
    living.set(key.account, held);
    held.push({ document: value, life });
  }
  for await (const { key, value } of every<DeletedKeyDocument>(store, "kms", kmsTypes.deleted, { account })) {
    const { createdAt, rotations, deletionScheduledAt: endedAt } = value;
    usages.at(key.account, key.region).keyHours += keyHours({ createdAt, rotations, endedAt }, range);
  }
}

const isScheduled = ({ state }: KeyDocument): boolean =>
  state === "PendingDeletion" || state === "PendingReplicaDeletion" || state === "Deleting";

function monthlyUsd({ document, life }: LivingKey, table: PriceTable): number {
  return billedUnits(life) * pricesIn(table, document.region).keyMonth;
}

/** The same facts as GetKeyLastUsage's. */
async function unusedKeys(
  store: Store,
  living: readonly LivingKey[],
  table: PriceTable,
  now: number,
): Promise<UnusedKey[]> {
  const uses = await store.getMany<UsageDocument>(
    living.map(({ document: { account, region, keyId } }) => ({
      account,
      region,
      service: "kms",
      type: kmsTypes.usage,
      id: keyId,
    })),
  );
  return living
    .map((key, index): UnusedKey => {
      const { arn, state, createdAt } = key.document;
      const lastUsedAt = uses[index]?.value.at;
      return {
        arn,
        state,
        createdAt,
        ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
        idleDays: Math.floor((now - (lastUsedAt ?? createdAt)) / dayMs),
        monthlyUsd: monthlyUsd(key, table),
      };
    })
    .filter((key) => key.idleDays >= idleDays)
    .toSorted((a, b) => b.idleDays - a.idleDays);
}

function sum(values: readonly number[]): number {
  return Math.round(values.reduce((total, value) => total + value, 0) * 1e6) / 1e6;
}
