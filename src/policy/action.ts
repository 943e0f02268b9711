/**
 * The Action and NotAction elements: `service:Operation`, compared without regard to case, with `*` and `?`
 * anywhere in the operation. Source: IAM User Guide, "IAM JSON policy elements: Action".
 */
import { compilePattern, hasWildcard, type Matcher } from "./wildcard.ts";

export interface ActionElement {
  readonly negated: boolean;
  /** As written. */
  readonly patterns: readonly string[];
  /** Services the element can match, lower case; undefined when it can match any. */
  readonly services: ReadonlySet<string> | undefined;
  /** @param action lower case */
  matches(action: string): boolean;
}

export function compileAction(patterns: readonly string[], negated: boolean): ActionElement {
  const exact = new Set<string>();
  const wild: Matcher[] = [];
  const services = new Set<string>();
  let anyService = negated;
  for (const pattern of patterns) {
    const lower = pattern.toLowerCase();
    const service = lower.split(":", 1)[0]!;
    if (hasWildcard(service)) anyService = true;
    services.add(service);
    if (hasWildcard(lower)) wild.push(compilePattern(lower));
    else exact.add(lower);
  }
  return {
    negated,
    patterns,
    services: anyService ? undefined : services,
    matches: (action) => {
      if (exact.has(action)) return !negated;
      for (const test of wild) {
        if (test(action)) return !negated;
      }
      return negated;
    },
  };
}
