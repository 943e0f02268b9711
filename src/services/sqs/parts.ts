/** What the operations of one process share: keys in memory, order among calls, waiting receivers. */
import { Arrivals } from "./arrivals.ts";
import { Lanes } from "#gateway/lanes.ts";
import { Sequences } from "#kernel/sequences.ts";
import { Claims } from "./claims.ts";
import { InFlightCounts } from "./inFlight.ts";
import { Sealer } from "./sealing.ts";

export interface Parts {
  sealer: Sealer;
  arrivals: Arrivals;
  claims: Claims;
  lanes: Lanes;
  sequences: Sequences;
  inFlight: InFlightCounts;
}

export function newParts(): Parts {
  return {
    sealer: new Sealer(),
    arrivals: new Arrivals(),
    claims: new Claims(),
    lanes: new Lanes(),
    sequences: new Sequences(),
    inFlight: new InFlightCounts(),
  };
}
