/**
 * The findings that a detector shows: its own, and those of the members of its account.
 * INVARIANT: reading beyond the caller's account goes by the `member` documents of the caller alone, which exist only
 * with the member's consent or the organization's.
 */
import { membersOf, type Member } from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { findingJson } from "./findingJson.ts";
import { types, type Detector, type StoredFinding } from "./state.ts";

export interface VisibleFinding {
  document: Document<StoredFinding>;
  json: Record<string, unknown>;
}

/** The detectors whose findings are shown: the account's own first. */
async function visibleDetectors(ctx: CallContext, detector: Detector): Promise<Detector[]> {
  const accounts = await associatedMembers(ctx);
  const members = await Promise.all(
    accounts.map(({ account }) => ctx.state.get<Detector>(types.detector, types.detector, { account })),
  );
  return [detector, ...members.flatMap((document) => (document ? [document.value] : []))];
}

export async function associatedMembers(ctx: CallContext): Promise<Member[]> {
  const members = await membersOf(ctx.state, ctx.account);
  return members.filter(({ status }) => status === "Enabled" || status === "Disabled");
}

export async function visibleFindings(ctx: CallContext, detector: Detector): Promise<VisibleFinding[]> {
  const found: VisibleFinding[] = [];
  for (const { account, id } of await visibleDetectors(ctx, detector)) {
    let after: string | undefined;
    do {
      const query = { prefix: `${id}/`, limit: 1000, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<StoredFinding>(types.finding, query, { account });
      for (const document of page.items) found.push({ document, json: findingJson(document.value.finding) });
      after = page.next;
    } while (after !== undefined);
  }
  return found;
}

/** By finding ids; `undefined` where there is none to be seen. */
export async function findingsById(
  ctx: CallContext,
  detector: Detector,
  ids: readonly string[],
): Promise<(Document<StoredFinding> | undefined)[]> {
  const detectors = await visibleDetectors(ctx, detector);
  const found = new Map<string, Document<StoredFinding>>();
  for (const { account, id } of detectors) {
    const wanted = ids.filter((each) => !found.has(each));
    if (wanted.length === 0) break;
    const documents = await ctx.state.getMany<StoredFinding>(
      types.finding,
      wanted.map((each) => `${id}/${each}`),
      { account },
    );
    wanted.forEach((each, index) => {
      const document = documents[index];
      if (document) found.set(each, document);
    });
  }
  return ids.map((id) => found.get(id));
}
