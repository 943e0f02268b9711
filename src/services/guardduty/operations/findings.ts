/**
 * GetFindings, ListFindings, ArchiveFindings, UnarchiveFindings, UpdateFindingsFeedback.
 * Source: GuardDuty API Reference; User Guide, "Managing Amazon GuardDuty findings".
 */
import type { CallContext } from "#gateway/context.ts";
import { matches, numberOf, valuesAt } from "#engines/guard/criteria.ts";
import type { Document } from "#store/contract.ts";
import { requireCriteria, requireSortable } from "../criteria.ts";
import { outOfRange } from "../errors.ts";
import { findingJson, shownFinding } from "../findingJson.ts";
import { pageOf } from "../paging.ts";
import { findingIndexes } from "../publication.ts";
import type { Input, Output } from "../sdk.ts";
import { requireDetector, requireNoAdministrator, types, type StoredFinding } from "../state.ts";
import { findingsById, visibleFindings, type VisibleFinding } from "../visibleFindings.ts";

type Sort = Input<"ListFindings">["SortCriteria"];

/** Newest first unless it is asked for otherwise; equal ones by their ids, so that pages are stable. */
function sorted(findings: readonly VisibleFinding[], sort: Sort): VisibleFinding[] {
  const attribute = sort?.AttributeName;
  if (attribute !== undefined) requireSortable(attribute);
  const direction = (sort?.OrderBy ?? (attribute === undefined ? "DESC" : "ASC")) === "DESC" ? -1 : 1;
  const keyed = findings.map((each) => ({ each, key: valuesAt(each.json, attribute ?? "updatedAt")[0] }));
  const id = ({ json }: VisibleFinding) => String(json["id"]);
  keyed.sort((a, b) => direction * compare(a.key, b.key) || compare(id(a.each), id(b.each)));
  return keyed.map(({ each }) => each);
}

function compare(a: unknown, b: unknown): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  const [p, q] = [String(a ?? ""), String(b ?? "")];
  return p < q ? -1 : p > q ? 1 : 0;
}

export async function listFindings(input: Input<"ListFindings">, ctx: CallContext): Promise<Output<"ListFindings">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const criterion = requireCriteria(input.FindingCriteria?.Criterion);
  const found = (await visibleFindings(ctx, detector)).filter(({ json }) => matches(criterion, json));
  const { items, next } = pageOf(input, sorted(found, input.SortCriteria));
  return { FindingIds: items.map(({ json }) => String(json["id"])), ...next };
}

export async function getFindings(input: Input<"GetFindings">, ctx: CallContext): Promise<Output<"GetFindings">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const documents = (await findingsById(ctx, detector, input.FindingIds ?? [])).filter((each) => each !== undefined);
  if (input.SortCriteria === undefined) return { Findings: documents.map(({ value }) => shownFinding(value.finding)) };
  const visible = documents.map((document) => ({ document, json: findingJson(document.value.finding) }));
  return { Findings: sorted(visible, input.SortCriteria).map(({ document }) => shownFinding(document.value.finding)) };
}

export async function archiveFindings(
  input: Input<"ArchiveFindings">,
  ctx: CallContext,
): Promise<Output<"ArchiveFindings">> {
  await setArchived(input, ctx, true);
  return {};
}

export async function unarchiveFindings(
  input: Input<"UnarchiveFindings">,
  ctx: CallContext,
): Promise<Output<"UnarchiveFindings">> {
  await setArchived(input, ctx, false);
  return {};
}

async function setArchived(
  { DetectorId, FindingIds }: Pick<Input<"ArchiveFindings">, "DetectorId" | "FindingIds">,
  ctx: CallContext,
  archived: boolean,
): Promise<void> {
  const detector = await requireDetector(ctx, DetectorId);
  await requireNoAdministrator(ctx, archived ? "archive findings" : "unarchive findings");
  for (const document of requireFindings(await findingsById(ctx, detector, FindingIds ?? []))) {
    const { due: _pending, suppressed: _by, ...rest } = document.value;
    const service = { ...rest.finding.Service, Archived: archived };
    // An archived finding tells nobody of its updates.
    putFinding(ctx, document, { ...rest, finding: { ...rest.finding, Service: service } });
  }
}

export async function updateFindingsFeedback(
  input: Input<"UpdateFindingsFeedback">,
  ctx: CallContext,
): Promise<Output<"UpdateFindingsFeedback">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  for (const document of requireFindings(await findingsById(ctx, detector, input.FindingIds ?? []))) {
    const stored = document.value;
    const service = { ...stored.finding.Service, UserFeedback: input.Feedback };
    putFinding(ctx, document, { ...stored, finding: { ...stored.finding, Service: service } });
  }
  return {};
}

/** @throws BadRequestException when one of them is not there: nothing is changed then */
function requireFindings(documents: readonly (Document<StoredFinding> | undefined)[]): Document<StoredFinding>[] {
  if (documents.length === 0 || documents.some((document) => document === undefined)) throw outOfRange();
  return documents.filter((document) => document !== undefined);
}

function putFinding(ctx: CallContext, document: Document<StoredFinding>, value: StoredFinding): void {
  const { key, expiresAt } = document;
  ctx.state.put(types.finding, key.id, value, {
    at: { account: key.account },
    indexes: findingIndexes(value),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}
