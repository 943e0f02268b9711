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
    const own = scopeOf(detector);
    const link = await store.get<AdministratorLink>({
      ...own,
      type: administrationTypes.administrator,
      id: administrationTypes.administrator,
    });
    const administrator = link?.value.status === "Enabled" ? link.value.account : undefined;
    const ruling = administrator === undefined ? own : { ...own, account: administrator };
    const above = administrator === undefined ? detector : ((await this.#detector(store, ruling)) ?? detector);
    const prefix = `${above.id}/`;
    const filters = await store.list<Filter>({ ...ruling, type: types.filter, prefix, limit: 200 });
    const audience = above === detector ? [detector] : [detector, above];
    const destinations = await Promise.all(
      audience.map(async ({ account, id }) => {
        const query = { ...own, account, type: types.destination, prefix: `${id}/`, limit: 100 };
        const { items } = await store.list<Destination>(query);
        return items.map(({ value }) => ({ account, destination: value }));
      }),
    );
    return {
      detector,
      audience: {
        account: detector.account,
        region: detector.region,
        frequency: above.frequency,
        ...(administrator === undefined ? {} : { administrator }),
        destinations: destinations.flat(),
      },
      suppressions: filters.items
        .map(({ value }) => value)
        .filter(({ action }) => action === "ARCHIVE")
        .toSorted((a, b) => a.rank - b.rank),
      lists: await this.#lists(store, scopeOf(above), prefix),
    };
  }

  async #detector(store: Store, scope: ReturnType<typeof scopeOf>): Promise<Detector | undefined> {
    return (await store.get<Detector>({ ...scope, type: types.detector, id: types.detector }))?.value;
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
