/** What `jikimi findings` shows: GuardDuty's findings of every account and Region. */
import type { Store } from "#store/contract.ts";
import { everyFinding } from "../services/guardduty/operatorView.ts";
import { asffOfGuardDuty, type GuardDutyJson } from "../services/securityhub/sources/guardDuty.ts";
import type { AdminFindings } from "./adminContract.ts";

export async function findings(store: Store, query: URLSearchParams): Promise<AdminFindings> {
  const found = await everyFinding(store, { archived: query.get("archived") === "true" });
  if (query.get("format") !== "asff") return { findings: found };
  return { findings: found.map((finding) => ({ ...asffOfGuardDuty(finding as unknown as GuardDutyJson) })) };
}
