/** Insights: how many findings have which value. Source: Security Hub User Guide, "Insights"; at most 100 results. */
import { filterField, valuesAt } from "./filterFields.ts";
import type { Finding } from "./filters.ts";

const mostResults = 100;

/** By what findings can be grouped: every filter that compares text or a date. */
export function isGroupable(attribute: string): boolean {
  return ["string", "ip", "date"].includes(filterField(attribute)?.kind ?? "");
}

/** Most frequent first; a finding counts once for each value it has. */
export function groupBy(findings: Iterable<Finding>, attribute: string): { value: string; count: number }[] {
  const { path } = filterField(attribute)!;
  const counts = new Map<string, number>();
  for (const finding of findings) {
    for (const value of new Set(valuesAt(finding, path).map(String))) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, mostResults);
}
