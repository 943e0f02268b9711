/** `GET /_jikimi/ledger`: for the operator, of every account; for who signs the request, of what is on their bill. */
import type { Runtime } from "#gateway/runtime.ts";
import { globalRegion } from "#store/contract.ts";
import { ledgerReport, type LedgerReport } from "./ledgerReport.ts";
import type { OwnOperations } from "./ownApi.ts";

export function operatorLedger(runtime: Runtime, dataDir: string, query: URLSearchParams): Promise<LedgerReport> {
  return ledgerReport({
    store: runtime.store,
    dataDir,
    now: runtime.clock.now(),
    month: query.get("month") ?? undefined,
  });
}

/**
 * `jikimi:GetLedger`. A member's account sees its own; the management account of an organization pays for all of its
 * members and sees them. Source: AWS Billing User Guide, "Consolidated billing for AWS Organizations".
 */
export function ledgerOperations(runtime: Runtime, dataDir: string): OwnOperations {
  return {
    "GET /_jikimi/ledger": {
      name: "GetLedger",
      providerOnly: false,
      async answer({ month }, ctx) {
        const paysFor = (await ctx.identity.organization(ctx.account))?.managementAccount === ctx.account;
        const accounts = paysFor ? await membersOf(runtime, ctx.account) : [ctx.account];
        return { ...(await ledgerReport({ store: runtime.store, dataDir, now: ctx.now, month, accounts })) };
      },
    },
  };
}

async function membersOf({ store }: Runtime, payer: string): Promise<string[]> {
  const members: string[] = [];
  let after: string | undefined;
  do {
    const at = { account: payer, region: globalRegion, service: "organizations", type: "member" };
    const page = await store.list<unknown>({ ...at, limit: 1_000, ...(after === undefined ? {} : { after }) });
    members.push(...page.items.map(({ key }) => key.id));
    after = page.next;
  } while (after !== undefined);
  return members;
}
