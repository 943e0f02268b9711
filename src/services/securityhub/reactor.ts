/**
 * What other services find, into the hubs that listen to them. Findings come as events; an event that comes again finds
 * a finding that is as new, and changes nothing.
 */
import type { ReactorContext } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { StaleFinding, type Imported } from "#engines/asff/importing.ts";
import { receptionOf, importFinding } from "./importing.ts";
import { integration } from "./products.ts";
import { asffOfGuardDuty, guardDutyPath, type GuardDutyJson } from "./sources/guardDuty.ts";
import { hubOf, scopeOf, types, type Place } from "./state.ts";

interface Source {
  path: string;
  /** The account that a finding is about; the administrator's copy of it is not imported a second time. */
  account(detail: unknown): string | undefined;
  convert(detail: unknown): Imported;
}

/** By source and detail type of the event; one row for each service that finds. */
const sources: Readonly<Record<string, Source>> = {
  "aws.guardduty GuardDuty Finding": {
    path: guardDutyPath,
    account: (detail) => (detail as GuardDutyJson).accountId,
    convert: (detail) => asffOfGuardDuty(detail as GuardDutyJson),
  },
};

interface ServiceEvent extends Place {
  source: string;
  "detail-type": string;
  detail: unknown;
}

const attempts = 10;

export async function importEvents(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  for (const { event } of events) {
    const given = event as unknown as Partial<ServiceEvent>;
    const source = sources[`${given.source} ${given["detail-type"]}`];
    if (!source || given.account === undefined || given.region === undefined) continue;
    if (source.account(given.detail) !== given.account) continue;
    await importEvent(given as ServiceEvent, source, ctx);
  }
}

async function importEvent(
  { account, region, detail }: ServiceEvent,
  source: Source,
  ctx: ReactorContext,
): Promise<void> {
  const place = { account, region };
  const sender = integration(source.path)!;
  for (let attempt = 1; ; attempt++) {
    const state = new UnitOfWork(ctx.store, scopeOf(place), () => ctx.random.uuid());
    if (!(await hubOf(state, place)) || !(await state.get(types.product, source.path))) return;
    const reception = await receptionOf(state, place);
    const writing = { state, random: ctx.random, now: ctx.clock.now() };
    const names = { productName: sender.name, companyName: sender.company };
    try {
      await importFinding(writing, place, reception, source.convert(detail), names);
      await ctx.store.commit(state.operations);
      return;
    } catch (error) {
      if (error instanceof StaleFinding) return;
      // A customer changed the finding at the same moment: decided anew on what is there now.
      if (!(error instanceof Conflict) || attempt === attempts) throw error;
    }
  }
}
