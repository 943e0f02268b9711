/**
 * Sending, finding and changing findings. Source: Security Hub API Reference, BatchImportFindings, GetFindings,
 * BatchUpdateFindings, UpdateFindings, GetFindingHistory.
 */
import { compileFilters, FilterError, type Filters, type Finding } from "#engines/asff/filters.ts";
import { filterField, valuesAt } from "#engines/asff/filterFields.ts";
import type { HubFinding } from "#engines/asff/finding.ts";
import { StaleFinding, type Imported } from "#engines/asff/importing.ts";
import { applyUpdate, type CustomerUpdate } from "#engines/asff/updating.ts";
import { faultOf, faultOfShared } from "#engines/asff/validate.ts";
import type { CallContext } from "#gateway/context.ts";
import { perCall } from "#gateway/perCall.ts";
import { invalidInput } from "../errors.ts";
import { importFinding, receptionOf, write } from "../importing.ts";
import { tokens } from "../paging.ts";
import { ownProduct } from "../products.ts";
import type { AwsSecurityFinding, HubHandlers, Input } from "../sdk.ts";
import {
  each,
  findingKey,
  requireHub,
  scopeOf,
  types,
  type HistoryEntry,
  type Place,
  type StoredFinding,
} from "../state.ts";
import { audienceOf, viewOf } from "../view.ts";

/** "The number of findings … up to 100" of one call. */
const mostAtOnce = 100;

export const findingHandlers: HubHandlers = {
  async BatchImportFindings(input, ctx) {
    await requireHub(ctx);
    const given = (input.Findings ?? []) as unknown as Imported[];
    if (given.length < 1 || given.length > mostAtOnce)
      throw invalidInput(`1 to ${mostAtOnce} findings can be imported`);
    const reception = await receptionOf(ctx.state, ctx);
    const own = ownProduct(ctx);
    const failed: { Id: string; ErrorCode: string; ErrorMessage: string }[] = [];
    for (const finding of given) {
      const fault = faultOf(finding) ?? faultOfSender(ctx, own.arn, finding);
      const refuse = (ErrorMessage: string) =>
        failed.push({ Id: String(finding["Id"]), ErrorCode: "InvalidInput", ErrorMessage });
      if (fault !== undefined) {
        refuse(fault);
        continue;
      }
      try {
        await importFinding(ctx, ctx, reception, finding, { productName: own.name, companyName: own.company });
      } catch (error) {
        if (!(error instanceof StaleFinding)) throw error;
        refuse(error.message);
      }
    }
    return { SuccessCount: given.length - failed.length, FailedCount: failed.length, FailedFindings: failed };
  },

  async GetFindings(input, ctx) {
    await requireHub(ctx);
    const matches = compiled(input.Filters as Filters | undefined);
    const found: Found[] = [];
    for (const place of await viewOf(ctx)) {
      for await (const { finding } of each<StoredFinding>(ctx.state, types.finding, place)) {
        if (matches(finding, ctx.now)) found.push(positioned(finding, input.SortCriteria));
      }
    }
    found.sort((a, b) => compareFound(a, b, input.SortCriteria));
    const after = tokens.read(input.NextToken);
    const start = after === undefined ? 0 : indexAfter(found, after, input.SortCriteria);
    const end = start + (input.MaxResults ?? mostAtOnce);
    const last = found[end - 1];
    return {
      Findings: found.slice(start, end).map(({ finding }) => finding as unknown as AwsSecurityFinding),
      ...(end < found.length && last ? { NextToken: tokens.write(JSON.stringify([last.sort, last.key])) } : {}),
    };
  },

  async BatchUpdateFindings(input, ctx) {
    await requireHub(ctx);
    const { FindingIdentifiers: identifiers = [], ...rest } = input;
    if (identifiers.length < 1 || identifiers.length > mostAtOnce) {
      throw invalidInput(`1 to ${mostAtOnce} findings can be updated`);
    }
    const update = rest as CustomerUpdate;
    const fault = faultOfShared(rest as Record<string, unknown>, "");
    if (fault !== undefined) throw invalidInput(fault);
    const done: { Id: string; ProductArn: string }[] = [];
    const UnprocessedFindings = [];
    for (const { Id = "", ProductArn = "" } of identifiers) {
      const identifier = { Id, ProductArn };
      if (await change(ctx, identifier, (kept, at) => applyUpdate(kept, update, at))) done.push(identifier);
      else {
        UnprocessedFindings.push({
          FindingIdentifier: identifier,
          ErrorCode: "FindingNotFound",
          ErrorMessage: "The finding was not found",
        });
      }
    }
    return { ProcessedFindings: done, UnprocessedFindings };
  },

  /** "UpdateFindings is a deprecated operation"; it changes what the filters match. */
  async UpdateFindings(input, ctx) {
    await requireHub(ctx);
    const matches = compiled(input.Filters as Filters | undefined);
    if (input.Note === undefined && input.RecordState === undefined)
      throw invalidInput("Note or RecordState is needed");
    for await (const { finding } of each<StoredFinding>(ctx.state, types.finding, ctx)) {
      if (!matches(finding, ctx.now)) continue;
      await change(ctx, finding, (kept, at) => {
        const noted = input.Note
          ? applyUpdate(kept, { Note: input.Note as { Text: string; UpdatedBy: string } }, at)
          : kept;
        if (input.RecordState === undefined) return noted;
        return { ...noted, finding: { ...noted.finding, RecordState: input.RecordState, ProcessedAt: at } };
      });
    }
    return {};
  },

  async GetFindingHistory(input, ctx) {
    await requireHub(ctx);
    const { Id = "", ProductArn = "" } = input.FindingIdentifier ?? {};
    const key = findingKey(ProductArn, Id);
    const holder = await holderOf(ctx, key);
    if (!holder) return { Records: [] };
    const [from, to] = [input.StartTime?.getTime() ?? 0, input.EndTime?.getTime() ?? Number.MAX_SAFE_INTEGER];
    const entries: HistoryEntry[] = [];
    for await (const entry of each<HistoryEntry>(ctx.state, types.history, holder, `${key}/`)) {
      if (entry.at >= from && entry.at <= to) entries.push(entry);
    }
    entries.reverse();
    const start = Number(tokens.read(input.NextToken) ?? 0);
    const end = start + (input.MaxResults ?? mostAtOnce);
    return {
      Records: entries.slice(start, end).map(({ at, created, source, changes }) => ({
        FindingIdentifier: { Id, ProductArn },
        UpdateTime: new Date(at),
        FindingCreated: created,
        UpdateSource: source,
        Updates: changes,
      })),
      ...(end < entries.length ? { NextToken: tokens.write(String(end)) } : {}),
    };
  },
};

/** @throws InvalidInputException */
export function compiled(filters: Filters | undefined): (finding: Finding, now: number) => boolean {
  try {
    return compileFilters(filters);
  } catch (error) {
    throw error instanceof FilterError ? invalidInput(error.message) : error;
  }
}

/** An account sends findings about itself, under its own product. */
function faultOfSender(ctx: CallContext, own: string, finding: Imported): string | undefined {
  if (finding["ProductArn"] !== own) return `Invalid parameter 'ProductArn': this account sends findings as ${own}`;
  return finding["AwsAccountId"] === ctx.account
    ? undefined
    : "Invalid parameter 'AwsAccountId': must be the account that sends the finding";
}

/** Changes a finding that the caller sees; whether it is there. */
async function change(
  ctx: CallContext,
  { Id, ProductArn }: { Id: string; ProductArn: string },
  by: (kept: StoredFinding, at: string) => StoredFinding,
): Promise<boolean> {
  const key = findingKey(ProductArn, Id);
  const holder = await holderOf(ctx, key);
  if (!holder) return false;
  const before = (await ctx.state.get<StoredFinding>(types.finding, key, scopeOf(holder)))!.value;
  const after = by(before, new Date(ctx.now).toISOString());
  const { principal } = ctx;
  const Identity = "arn" in principal ? principal.arn : ctx.account;
  const audience = await oncePerCall(ctx, `audience ${holder.account} ${holder.region}`, () =>
    audienceOf(ctx.state, holder),
  );
  write(ctx, holder, audience, key, before, after, { Type: "BATCH_UPDATE_FINDINGS", Identity });
  return true;
}

const asked = perCall(() => new Map<string, Promise<readonly Place[]>>());

/** A call changes up to a hundred findings of the same few accounts. */
function oncePerCall(ctx: CallContext, what: string, ask: () => Promise<readonly Place[]>): Promise<readonly Place[]> {
  const known = asked(ctx);
  const places = known.get(what) ?? ask();
  known.set(what, places);
  return places;
}

/** The account and Region, among those that the caller sees, whose finding it is. */
export async function holderOf(ctx: CallContext, key: string): Promise<Place | undefined> {
  for (const place of await oncePerCall(ctx, "view", () => viewOf(ctx))) {
    if (await ctx.state.get(types.finding, key, scopeOf(place))) return place;
  }
  return undefined;
}

type SortCriteria = Input<"GetFindings">["SortCriteria"];
type SortValue = string | number | null;

interface Found {
  finding: HubFinding;
  key: string;
  /** What it is sorted by, in the order of the criteria. */
  sort: SortValue[];
}

/** @throws InvalidInputException for a field that is none */
function positioned(finding: HubFinding, criteria: SortCriteria): Found {
  const sort = (criteria ?? []).map(({ Field = "" }): SortValue => {
    const path = filterField(Field)?.path ?? Field.split(".");
    const [value] = valuesAt(finding, path);
    return typeof value === "number" || typeof value === "string" ? value : null;
  });
  return { finding, key: findingKey(finding.ProductArn, finding.Id), sort };
}

function compareFound(a: Pick<Found, "sort" | "key">, b: Pick<Found, "sort" | "key">, criteria: SortCriteria): number {
  for (const [index, { SortOrder }] of (criteria ?? []).entries()) {
    const order = compareValues(a.sort[index] ?? null, b.sort[index] ?? null);
    if (order !== 0) return SortOrder === "desc" ? -order : order;
  }
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** Numbers as numbers, text as text, what is absent first. */
function compareValues(a: SortValue, b: SortValue): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

/** Where the page after a finding begins, also when that finding is gone by now. @throws InvalidInputException */
function indexAfter(found: readonly Found[], position: string, criteria: SortCriteria): number {
  let at: unknown;
  try {
    at = JSON.parse(position);
  } catch {
    at = undefined;
  }
  if (!Array.isArray(at) || !Array.isArray(at[0]) || typeof at[1] !== "string") {
    throw invalidInput("Invalid parameter 'NextToken'");
  }
  const last = { sort: at[0] as SortValue[], key: at[1] };
  const index = found.findIndex((each) => compareFound(each, last, criteria) > 0);
  return index < 0 ? found.length : index;
}
