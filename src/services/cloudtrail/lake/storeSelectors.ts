/**
 * What a store takes in. Source: CloudTrail User Guide, "CloudTrail Lake event data stores": each store holds one
 * kind of event; categories that nothing here produces are refused rather than kept for nothing.
 */
import type { StoreKind } from "#engines/eventSql/schema.ts";
import { invalidSelectors } from "../errors.ts";
import { checkAdvanced, type AdvancedSelector } from "../selectors.ts";

/** CloudTrail API Reference, CreateEventDataStore: all management events when no selectors are given. */
export const defaultSelectors: AdvancedSelector[] = [
  { name: "Default management events", fields: [{ field: "eventCategory", equals: ["Management"] }] },
];

const unserved = new Set(["Insight", "ConfigurationItem", "Evidence", "NetworkActivity"]);

/** @throws InvalidEventSelectorsException */
export function kindOf(selectors: readonly AdvancedSelector[]): StoreKind {
  const categories = selectors.map(
    ({ fields }) => fields.find(({ field }) => field === "eventCategory")?.equals?.[0] ?? "",
  );
  const missing = categories.find((category) => unserved.has(category));
  if (missing !== undefined) throw invalidSelectors(`Events of the category ${missing} are not produced here.`);
  if (!categories.includes("ActivityAuditLog")) {
    checkAdvanced(selectors);
    return "events";
  }
  const [only] = selectors;
  if (selectors.length !== 1 || only!.fields.length !== 1 || only!.fields[0]!.equals?.length !== 1) {
    throw invalidSelectors(
      "An event data store for ActivityAuditLog events has one advanced event selector with eventCategory only.",
    );
  }
  return "activity";
}
