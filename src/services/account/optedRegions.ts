/**
 * Which opt-in Regions an account has opened. What the gateway asks with every call in one of them is kept in memory.
 * Source: AWS Account Management, "Enable or disable AWS Regions in your account".
 *
 * INVARIANT: a call in a Region that its account has not opened is refused as if its credentials did not exist there.
 */
import type { IdentitySource } from "#gateway/identity.ts";
import type { State } from "#gateway/context.ts";
import type { Logger } from "#kernel/log.ts";
import { optInRegions } from "#kernel/regions.ts";
import { globalRegion, type Store } from "#store/contract.ts";
import { FollowedCache } from "#store/followedCache.ts";

const service = "account";
const type = "region";
const scopeOf = (account: string) => ({ account, region: globalRegion, service });

/** By name. One that was never opened has none. */
interface OptedRegion {
  enabled: boolean;
}

/** Names of the opt-in Regions that the account has opened. */
export async function openedRegions(state: State, account: string): Promise<Set<string>> {
  const names = [...optInRegions];
  const documents = await state.getMany<OptedRegion>(type, names, scopeOf(account));
  return new Set(names.filter((_, i) => documents[i]?.value.enabled));
}

export async function setRegion(state: State, account: string, name: string, enabled: boolean): Promise<void> {
  await state.get(type, name, scopeOf(account));
  state.put<OptedRegion>(type, name, { enabled }, { at: scopeOf(account) });
}

/** `own`: the Region of the installation is open to everybody, whichever it is. */
export function createRegionIdentity(options: {
  store: Store;
  log: Logger;
  own: string;
  monotonic?: () => number;
}): Pick<IdentitySource, "regionEnabled"> & { close(): void } {
  const { store, log, own, monotonic = () => performance.now() } = options;
  const cache = new FollowedCache({
    store,
    log,
    monotonic,
    what: "Regions",
    stale: ({ key }) => (key.service === service && key.type === type ? { account: key.account } : undefined),
  });
  const shelf = cache.shelf<boolean>("enabled");
  return {
    regionEnabled(account, region) {
      if (!optInRegions.has(region) || region === own) return Promise.resolve(true);
      const load = async () =>
        (await store.get<OptedRegion>({ ...scopeOf(account), type, id: region }))?.value.enabled ?? false;
      return cache.through(shelf, `${account}/${region}`, load, (value) => ({ account, value }));
    },
    close: () => cache.close(),
  };
}
