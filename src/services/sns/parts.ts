/** What the operations of one process share, and what the installation has set. */
import { Lanes } from "#gateway/lanes.ts";
import { Sequences } from "#kernel/sequences.ts";
import { Filters } from "./filterPolicy.ts";
import { Sealer } from "./sealing.ts";

export interface SnsSettings {
  /** `smtp://user:password@host:port`, `smtps://…`; without it no e-mail subscription is accepted. */
  smtpUrl?: string;
  /** Refuses deliveries to loopback, private and link-local addresses. */
  publicTargetsOnly: boolean;
}

export interface Parts {
  settings: SnsSettings;
  lanes: Lanes;
  sequences: Sequences;
  filters: Filters;
  sealer: Sealer;
}

export function newParts(settings: SnsSettings): Parts {
  return { settings, lanes: new Lanes(), sequences: new Sequences(), filters: new Filters(), sealer: new Sealer() };
}
