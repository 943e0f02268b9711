/**
 * Sessions that were ended before their time: by signing out of the console. A session itself never changes and is kept in
 * memory while it is used; that it has ended is written beside what else decides about principals of its account, and so
 * is known with the next request.
 */
import { globalRegion, type Operation, type Store } from "#store/contract.ts";

const typeOf = (account: string) => ({ account, region: globalRegion, service: "iam", type: "endedSession" }) as const;

/** Expired credentials are answered as expired for a day: so are ended ones. */
const afterlifeMs = 24 * 3_600_000;
const page = 1000;

/** @param account of the session's principal @param expiresAt when the session would have run out, epoch milliseconds */
export function endSession(account: string, accessKeyId: string, expiresAt: number): Operation {
  const key = { ...typeOf(account), id: accessKeyId };
  return { op: "put", key, value: {}, expiresAt: expiresAt + afterlifeMs };
}

export async function endedSessionsOf(store: Store, account: string): Promise<ReadonlySet<string>> {
  const ended = new Set<string>();
  let after: string | undefined;
  do {
    const found = await store.list({ ...typeOf(account), limit: page, ...(after === undefined ? {} : { after }) });
    for (const { key } of found.items) ended.add(key.id);
    after = found.next;
  } while (after !== undefined);
  return ended;
}
