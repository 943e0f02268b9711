/**
 * Everything that decides what becomes of an event in a detector: its features, the lists and filters in force, who
 * hears of its findings. In an account with an administrator the administrator's lists and filters are in force.
 * Source: GuardDuty User Guide, "Relationship between GuardDuty administrator and member accounts".
 */
import { AddressSet } from "#engines/guard/addressSet.ts";
import { administrationTypes, type AdministratorLink } from "#gateway/administration.ts";
import type { Store } from "#store/contract.ts";
import type { Audience } from "./publication.ts";
import {
  scopeOf,
  types,
  type Destination,
  type Detector,
  type EntityList,
  type Filter,
  type ListPart,
} from "./state.ts";

export interface ActiveList {
  name: string;
  trusted: boolean;
  addresses: AddressSet;
}

export interface Surroundings {
  detector: Detector;
  audience: Audience;
  /** Those that archive, in the order of their ranks. */
  suppressions: readonly Filter[];
  /** In the order of their creation. */
  lists: readonly ActiveList[];
}

/** The detector of the administrator, or the account's own where it has none. */
export async function rulingOver(store: Store, detector: Detector): Promise<Detector> {
  const own = scopeOf(detector);
  const { administrator } = administrationTypes;
  const link = await store.get<AdministratorLink>({ ...own, type: administrator, id: administrator });
  if (link?.value.status !== "Enabled") return detector;
  const key = { ...own, account: link.value.account, type: types.detector, id: types.detector };
  return (await store.get<Detector>(key))?.value ?? detector;
}

/** Who hears of a detector's findings. */
export async function audienceOf(store: Store, detector: Detector, ruling: Detector): Promise<Audience> {
  const told = ruling === detector ? [detector] : [detector, ruling];
  const destinations = await Promise.all(
    told.map(async ({ account, region, id }) => {
      const query = { ...scopeOf({ account, region }), type: types.destination, prefix: `${id}/`, limit: 100 };
      const { items } = await store.list<Destination>(query);
      return items.map(({ value }) => ({ account, destination: value }));
    }),
  );
  return {
    account: detector.account,
    region: detector.region,
    frequency: ruling.frequency,
    ...(ruling === detector ? {} : { administrator: ruling.account }),
    destinations: destinations.flat(),
  };
}

/**
 * Reads surroundings from the store; keeps the entries of lists, which are large and never change under one
 * generation.
 */
export class SurroundingsReader {
  readonly #addresses = new Map<string, AddressSet>();

  /** Detectors of an account in every Region. */
  async detectors(store: Store, account: string): Promise<Detector[]> {
    const { items } = await store.list<Detector>({ account, service: "guardduty", type: types.detector, limit: 100 });
    return items.map(({ value }) => value);
  }

  async read(store: Store, detector: Detector): Promise<Surroundings> {
    const ruling = await rulingOver(store, detector);
    const query = { ...scopeOf(ruling), type: types.filter, prefix: `${ruling.id}/`, limit: 200 };
    const { items } = await store.list<Filter>(query);
    return {
      detector,
      audience: await audienceOf(store, detector, ruling),
      suppressions: items
        .map(({ value }) => value)
        .filter(({ action }) => action === "ARCHIVE")
        .toSorted((a, b) => a.rank - b.rank),
      lists: await this.#lists(store, scopeOf(ruling), `${ruling.id}/`),
    };
  }

  async #lists(store: Store, scope: ReturnType<typeof scopeOf>, prefix: string): Promise<ActiveList[]> {
    const { items } = await store.list<EntityList>({ ...scope, type: types.list, prefix, limit: 200 });
    const active = items
      .map(({ value }) => value)
      .filter(({ status }) => status === "ACTIVE")
      .toSorted((a, b) => a.createdAt - b.createdAt);
    return await Promise.all(
      active.map(async (list) => ({
        name: list.name,
        trusted: list.kind === "ipset" || list.kind === "trustedentityset",
        addresses: await this.#addressesOf(store, scope, prefix, list),
      })),
    );
  }

  async #addressesOf(
    store: Store,
    scope: ReturnType<typeof scopeOf>,
    prefix: string,
    list: EntityList,
  ): Promise<AddressSet> {
    const name = `${prefix}${list.id}/${list.generation}`;
    const kept = this.#addresses.get(name);
    if (kept) return kept;
    const { items } = await store.list<ListPart>({ ...scope, type: types.entries, prefix: `${name}/`, limit: 1000 });
    const set = new AddressSet(items.flatMap(({ value }) => value.addresses));
    // INVARIANT: bounded; a list that is read anew takes the place of its older generations.
    for (const key of this.#addresses.keys()) if (key.startsWith(`${prefix}${list.id}/`)) this.#addresses.delete(key);
    if (this.#addresses.size >= 100) this.#addresses.clear();
    this.#addresses.set(name, set);
    return set;
  }
}
