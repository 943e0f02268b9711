/** Findings of every account and Region, as whoever owns the installation sees them. */
import type { Store } from "#store/contract.ts";
import { findingJson } from "./findingJson.ts";
import { serviceId, types, type Detector, type StoredFinding } from "./state.ts";

/** As JSON, the gravest first. Cross-account by design: asked by the operator alone. */
export async function everyFinding(
  store: Store,
  { archived }: { archived: boolean },
): Promise<Record<string, unknown>[]> {
  const detectors = await everyDocument<Detector>(store, types.detector);
  const current = new Set(detectors.map(({ id }) => id));
  const findings = (await everyDocument<StoredFinding>(store, types.finding))
    .map(({ finding }) => finding)
    .filter(({ Service }) => current.has(Service!.DetectorId!) && (archived || Service!.Archived !== true));
  findings.sort((a, b) => b.Severity! - a.Severity! || (a.UpdatedAt! < b.UpdatedAt! ? 1 : -1));
  return findings.map(findingJson);
}

async function everyDocument<T>(store: Store, type: string): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const page = await store.list<T>({
      service: serviceId,
      type,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return found;
}
