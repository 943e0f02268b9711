/** What one process keeps in memory. */
import type { EventsSettings } from "./httpCalls.ts";
import { Metrics } from "./metrics.ts";
import { RuleBook } from "./ruleBook.ts";
import { Sealer } from "./sealing.ts";

export interface Parts {
  settings: EventsSettings;
  book: RuleBook;
  sealer: Sealer;
  /** Of deliveries; matching reports its own with the deliveries it makes. */
  metrics: Metrics;
}

export function newParts(settings: EventsSettings): Parts {
  return { settings, book: new RuleBook(), sealer: new Sealer(), metrics: new Metrics() };
}
