/** One request on its way through the rules. */
import type { Facilities, MatchDetail, RateMatch } from "./contract.ts";
import { type Slot, SlotCache, type SlotValues } from "./plan.ts";
import type { RequestView } from "./view.ts";

/** A compiled statement. It never throws. */
export type Check = (evaluation: Evaluation) => boolean;

export class Evaluation {
  readonly view: RequestView;
  readonly facilities: Facilities;
  /** Epoch milliseconds; one instant for the whole request. */
  readonly now: number;
  /** Fully qualified, in the order they were added. */
  readonly labels: string[] = [];
  readonly rates: RateMatch[] = [];
  readonly oversize = new Set<string>();
  /** Of the client's address, where a statement asked for it. */
  asn: number | undefined;
  /** What detectors found for the rule that is being looked at. */
  details: MatchDetail[] = [];
  readonly #slots: SlotCache;

  constructor(view: RequestView, facilities: Facilities) {
    this.view = view;
    this.facilities = facilities;
    this.now = facilities.clock.now();
    this.#slots = new SlotCache(view);
  }

  label(label: string): void {
    if (!this.labels.includes(label)) this.labels.push(label);
  }

  values(slot: Slot): SlotValues {
    const values = this.#slots.values(slot);
    if (values.extract.oversize !== undefined) this.oversize.add(values.extract.oversize);
    return values;
  }
}
