/**
 * The rules and archives of every bus that events come to, in memory, as indexes over their patterns. An event that
 * nothing matches costs one look.
 *
 * INVARIANT: after `refresh`, what was committed before it is known: rules are read anew when the change feed says that
 * something of their account and Region has changed.
 */
import { parsePattern, PatternError } from "#engines/eventPattern/pattern.ts";
import { PatternIndex } from "#engines/eventPattern/patternIndex.ts";
import type { Change, Store } from "#store/contract.ts";
import type { BusAddress } from "./bus.ts";
import { isReadOnlyManagementEvent, type BusEvent } from "./event.ts";
import { defaultBus, scopeOf, serviceId, types, type Archive, type Bus, type Place, type Rule } from "./state.ts";

const watched: ReadonlySet<string> = new Set([types.bus, types.rule, types.archive]);
const page = 500;
/** Further behind, everything is dropped and read as it is asked for. */
const mostBehind = 5_000;
const mostBuses = 5_000;

export interface BusRules {
  bus: Bus | undefined;
  rules: ReadonlyMap<string, Rule>;
  archives: ReadonlyMap<string, Archive>;
  matching(event: BusEvent): { rules: Rule[]; archives: Archive[] };
}

export class RuleBook {
  readonly #buses = new Map<string, Promise<BusRules>>();
  #after: number | undefined;
  #refreshing: Promise<void> = Promise.resolve();

  /** One at a time: a later caller's look at the feed comes after an earlier one's. */
  refresh(store: Store): Promise<void> {
    const next = this.#refreshing.catch(() => undefined).then(() => this.#follow(store));
    this.#refreshing = next;
    return next;
  }

  of(store: Store, address: BusAddress): Promise<BusRules> {
    const id = `${placeText(address)}/${address.name}`;
    let found = this.#buses.get(id);
    if (!found) {
      if (this.#buses.size >= mostBuses) this.#buses.clear();
      found = loadBus(store, address);
      this.#buses.set(id, found);
      // A failure is nobody's answer but that of who waits for it.
      found.catch(() => this.#buses.delete(id));
    }
    return found;
  }

  async #follow(store: Store): Promise<void> {
    const last = await store.lastChange();
    if (this.#after === undefined || last < this.#after || last - this.#after > mostBehind) {
      this.#buses.clear();
      this.#after = last;
      return;
    }
    while (this.#after < last) {
      const changes: Change[] = await store.changes(this.#after, page);
      // A gap: changes were trimmed that nobody here has seen.
      if (changes.length === 0 || changes[0]!.sequence > this.#after + 1) {
        this.#buses.clear();
        this.#after = last;
        return;
      }
      for (const { key } of changes) if (key.service === serviceId && watched.has(key.type)) this.#forget(key);
      this.#after = changes.at(-1)!.sequence;
    }
  }

  #forget(place: Place): void {
    const prefix = `${placeText(place)}/`;
    for (const id of this.#buses.keys()) if (id.startsWith(prefix)) this.#buses.delete(id);
  }
}

const placeText = ({ account, region }: Place): string => `${account}/${region}`;

async function loadBus(store: Store, address: BusAddress): Promise<BusRules> {
  const scope = scopeOf(address);
  const bus = await store.get<Bus>({ ...scope, type: types.bus, id: address.name });
  const rules = await all<Rule>(store, { ...scope, type: types.rule, prefix: `${address.name}/` });
  const archives = await all<Archive>(store, { ...scope, type: types.archive });
  if (!bus && address.name !== defaultBus) return nothing;
  return new LoadedBus(
    bus?.value,
    rules,
    archives.filter((archive) => archive.bus === address.name),
  );
}

async function all<T>(store: Store, query: Place & { service: string; type: string; prefix?: string }): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const next = await store.list<T>({ ...query, limit: 1000, ...(after === undefined ? {} : { after }) });
    found.push(...next.items.map(({ value }) => value));
    after = next.next;
  } while (after !== undefined);
  return found;
}

const nothing: BusRules = {
  bus: undefined,
  rules: new Map(),
  archives: new Map(),
  matching: () => ({ rules: [], archives: [] }),
};

class LoadedBus implements BusRules {
  readonly bus: Bus | undefined;
  readonly rules: ReadonlyMap<string, Rule>;
  readonly archives: ReadonlyMap<string, Archive>;
  readonly #index = new PatternIndex<Rule | Archive>();
  /** Archives of everything. */
  readonly #always: Archive[] = [];

  constructor(bus: Bus | undefined, rules: readonly Rule[], archives: readonly Archive[]) {
    this.bus = bus;
    this.rules = new Map(rules.map((rule) => [rule.name, rule]));
    this.archives = new Map(archives.map((archive) => [archive.uid, archive]));
    for (const rule of rules) if (rule.state !== "DISABLED") this.#file(rule);
    for (const archive of archives) {
      if (archive.pattern === undefined) this.#always.push(archive);
      else this.#file(archive);
    }
  }

  matching(event: BusEvent): { rules: Rule[]; archives: Archive[] } {
    const rules: Rule[] = [];
    const archives: Archive[] = [];
    const replayed = event["replay-name"] !== undefined;
    const quiet = isReadOnlyManagementEvent(event);
    // What is replayed is archived already.
    if (!replayed) archives.push(...this.#always);
    for (const found of this.#index.match(event)) {
      if ("retentionDays" in found) {
        if (!replayed) archives.push(found);
      } else if (!quiet || found.state === "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") rules.push(found);
    }
    return { rules, archives };
  }

  #file(item: Rule | Archive): void {
    if (item.pattern === undefined) return;
    try {
      this.#index.set(item, parsePattern(item.pattern));
    } catch (error) {
      // It was checked when it was taken; one that is no longer understood matches nothing and disturbs nobody.
      if (!(error instanceof PatternError)) throw error;
    }
  }
}
