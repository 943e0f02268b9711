/**
 * When a page should look again: which services of one's own account have changed something since. It says that, and
 * nothing of what; whoever wants to see it asks the service, and is authorized there. Polling the services instead
 * would fill the account's trail with a page's own questions.
 */
import type { ChangeFeed } from "#gateway/context.ts";

/** Changes looked through at once. */
const batch = 1000;
/** A single wait on the feed; several make one answer. */
const dozeMs = 2000;
/** Longest that a page waits for an answer: well below what proxies and browsers give up at. */
const patienceMs = 20_000;

export interface Changed {
  /** Where to go on. */
  sequence: number;
  services: string[];
}

/** @param after absent: from now on */
export async function changedSince(
  feed: ChangeFeed,
  account: string,
  services: ReadonlySet<string>,
  after: number | undefined,
  signal: AbortSignal,
): Promise<Changed> {
  let sequence = after ?? (await feed.lastChange());
  const until = performance.now() + patienceMs;
  const found = new Set<string>();
  if (after === undefined) return { sequence, services: [] };
  for (;;) {
    const changes = await feed.changes(sequence, batch);
    for (const change of changes) {
      sequence = change.sequence;
      if (change.key.account === account && services.has(change.key.service)) found.add(change.key.service);
    }
    if (found.size > 0 || performance.now() > until || signal.aborted) return { sequence, services: [...found] };
    if (changes.length < batch) await feed.waitForChange(sequence, dozeMs);
  }
}
