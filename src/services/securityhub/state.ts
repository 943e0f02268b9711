/**
 * Every document of Security Hub. They live in their account and Region.
 *
 * | type | id | what |
 * |---|---|---|
 * | hub | `hub` | the subscription of the account in the Region |
 * | finding | hash of product and finding id | a finding; index `updated`: when it last changed |
 * | history | `<finding>/<time>/<unique>` | one change of a finding |
 * | product | product's path | a provider whose findings are taken |
 * | insight, rule | unique id | custom insights, automation rules |
 * | actionTarget | its customer's id | custom actions |
 * | aggregator | `aggregator` | in the one Region of the account that sees findings of others |
 * | organization | `organization` | of a delegated administrator: which accounts join by themselves |
 *
 * Members, administrators and invitations are `#gateway/administration.ts`, enrolment is `#gateway/enrolment.ts`.
 */
import { createHash } from "node:crypto";
import { partitionOf } from "#kernel/arn.ts";
import type { CallContext, State } from "#gateway/context.ts";
import type { Scope } from "#store/contract.ts";
import type { AutomationRule } from "#engines/asff/automation.ts";
import type { FieldChange } from "#engines/asff/history.ts";
import type { Kept } from "#engines/asff/importing.ts";
import type { Filters } from "#engines/asff/filters.ts";
import { notSubscribed } from "./errors.ts";

export const serviceId = "securityhub";
export const servicePrincipal = "securityhub.amazonaws.com";
export const eventsStream = "events";

export const types = {
  hub: "hub",
  finding: "finding",
  history: "history",
  product: "product",
  insight: "insight",
  rule: "rule",
  actionTarget: "actionTarget",
  aggregator: "aggregator",
  organization: "organization",
} as const;

const dayMs = 24 * 3_600_000;

/** "Active findings that haven't been updated in the past 90 days, archived findings in the past 30 days." */
export const keptMs = { ACTIVE: 90 * dayMs, ARCHIVED: 30 * dayMs } as const;
/** "History … for the past 90 days." Source: GetFindingHistory. */
export const historyKeptMs = 90 * dayMs;

export interface Place {
  account: string;
  region: string;
}

export interface Hub extends Place {
  arn: string;
  /** Epoch milliseconds. */
  subscribedAt: number;
  tags: Record<string, string>;
}

export type StoredFinding = Kept;

export interface HistoryEntry {
  at: number;
  created: boolean;
  source: { Type: "BATCH_UPDATE_FINDINGS" | "BATCH_IMPORT_FINDINGS"; Identity: string };
  changes: FieldChange[];
}

/** `product`, by its path, e.g. `aws/guardduty`. */
export interface ProductSubscription {
  path: string;
}

export interface Insight {
  id: string;
  arn: string;
  name: string;
  filters: Filters;
  groupBy: string;
  createdAt: number;
}

export interface StoredRule extends AutomationRule {
  id: string;
  RuleName: string;
  Description: string;
  createdAt: number;
  updatedAt: number;
  createdBy: string;
  tags: Record<string, string>;
}

/** What is sent on to EventBridge is sent under its ARN. */
export interface ActionTarget {
  id: string;
  arn: string;
  name: string;
  description: string;
  createdAt: number;
}

export interface Aggregator {
  arn: string;
  home: string;
  mode: "ALL_REGIONS" | "ALL_REGIONS_EXCEPT_SPECIFIED" | "SPECIFIED_REGIONS" | "NO_REGIONS";
  regions: string[];
}

export interface OrganizationSettings {
  autoEnable: boolean;
  /** Accounts that were in the organization when it was switched on: they are not new. */
  knownAccounts: string[];
}

export function scopeOf({ account, region }: Place): Scope {
  return { account, region, service: serviceId };
}

export function arnOf({ account, region }: Place, resource: string): string {
  return `arn:${partitionOf(region)}:securityhub:${region}:${account}:${resource}`;
}

/** Under which a finding is kept: unique within its account and Region, whatever providers put into their ids. */
export function findingKey(productArn: string, id: string): string {
  return createHash("sha256").update(`${productArn}\0${id}`).digest("hex").slice(0, 40);
}

/** Sorts as the number does. */
export const pad = (milliseconds: number): string => String(milliseconds).padStart(15, "0");

export async function hubOf(state: State, place: Place): Promise<Hub | undefined> {
  return (await state.get<Hub>(types.hub, types.hub, scopeOf(place)))?.value;
}

/** @throws InvalidAccessException when the account has no hub in the Region */
export async function requireHub(ctx: CallContext): Promise<Hub> {
  const hub = await hubOf(ctx.state, ctx);
  if (!hub) throw notSubscribed(ctx.account);
  return hub;
}

/** Every document of a type, page by page. */
export async function* each<T>(state: State, type: string, place: Place, prefix?: string): AsyncGenerator<T> {
  let after: string | undefined;
  do {
    const query = { ...(prefix === undefined ? {} : { prefix }), ...(after === undefined ? {} : { after }) };
    const page = await state.list<T>(type, query, scopeOf(place));
    for (const { value } of page.items) yield value;
    after = page.next;
  } while (after !== undefined);
}
