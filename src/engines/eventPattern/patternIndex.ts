/**
 * Many patterns, and for each event those that match it. A pattern is filed under the one of its conditions that is
 * likely to sort out most: the values it wants of a field, or the beginnings or ends; an event asks only for what is
 * filed under its own values. What cannot be filed so is filed under the mere presence of a field, or looked at always.
 */
import { holds, slotted, type SlottedCondition } from "./evaluate.ts";
import { fieldsOf, Paths } from "./fields.ts";
import type { Matcher, Primitive } from "./matchers.ts";
import type { Pattern } from "./pattern.ts";

interface Entry<K> {
  key: K;
  conditions: readonly SlottedCondition[];
  /** Where it is filed. */
  buckets: Set<Entry<K>>[];
}

type Bucket<K> = Set<Entry<K>>;

/** Entries filed under one field. */
interface Shelf<K> {
  values: Map<Primitive, Bucket<K>>;
  /** By length, then by text. */
  prefixes: Map<number, Map<string, Bucket<K>>>;
  suffixes: Map<number, Map<string, Bucket<K>>>;
  present: Bucket<K>;
}

export class PatternIndex<K> {
  readonly #paths = new Paths();
  readonly #shelves: (Shelf<K> | undefined)[] = [];
  readonly #always: Bucket<K> = new Set();
  readonly #entries = new Map<K, Entry<K>[]>();

  get size(): number {
    return this.#entries.size;
  }

  /** Takes the place of an earlier pattern under the same key. */
  set(key: K, pattern: Pattern): void {
    this.delete(key);
    const entries = pattern.alternatives.map((alternative): Entry<K> => {
      const conditions = slotted(alternative, this.#paths);
      const filed = this.#bestShelves(conditions);
      // The condition it is filed under is looked at first, then the cheap ones.
      const entry: Entry<K> = { key, conditions, buckets: filed };
      for (const bucket of filed) bucket.add(entry);
      return entry;
    });
    this.#entries.set(key, entries);
  }

  delete(key: K): boolean {
    for (const entry of this.#entries.get(key) ?? []) for (const bucket of entry.buckets) bucket.delete(entry);
    return this.#entries.delete(key);
  }

  /** Keys of the patterns that match, in no particular order. */
  match(event: unknown): Set<K> {
    const fields = fieldsOf(event, this.#paths);
    const found = new Set<K>();
    const look = (bucket: Bucket<K> | undefined) => {
      if (!bucket) return;
      for (const entry of bucket) {
        if (!found.has(entry.key) && holds(entry.conditions, fields)) found.add(entry.key);
      }
    };
    look(this.#always);
    for (let slot = 0; slot < fields.length; slot++) {
      const shelf = this.#shelves[slot];
      const leaves = fields[slot];
      if (!shelf || !leaves) continue;
      look(shelf.present);
      for (const { value } of leaves) {
        look(shelf.values.get(value));
        if (typeof value !== "string") continue;
        for (const [length, byText] of shelf.prefixes) look(byText.get(value.slice(0, length)));
        for (const [length, byText] of shelf.suffixes) {
          if (length <= value.length) look(byText.get(value.slice(value.length - length)));
        }
      }
    }
    return found;
  }

  /** The buckets of the condition under which the fullest bucket is the emptiest; deeper fields tell more apart. */
  #bestShelves(conditions: readonly SlottedCondition[]): Bucket<K>[] {
    let best: Bucket<K>[] | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (const { slot, matchers } of conditions) {
      if (!matchers.every(isFiled)) continue;
      const buckets = matchers.map((matcher) => this.#bucketOf(slot, matcher));
      const load = Math.max(...buckets.map((bucket) => bucket.size));
      if (load <= bestLoad) [best, bestLoad] = [buckets, load];
    }
    if (best) return best;
    const present = conditions.find(({ matchers }) => !matchers.some((matcher) => matcher.absent));
    return present ? [this.#shelf(present.slot).present] : [this.#always];
  }

  #bucketOf(slot: number, { literal, prefix, suffix }: Matcher): Bucket<K> {
    const shelf = this.#shelf(slot);
    if (literal !== undefined) return within(shelf.values, literal, () => new Set());
    const [shelves, text] = prefix !== undefined ? [shelf.prefixes, prefix] : [shelf.suffixes, suffix!];
    return within(
      within(shelves, text.length, () => new Map<string, Bucket<K>>()),
      text,
      () => new Set(),
    );
  }

  #shelf(slot: number): Shelf<K> {
    return (this.#shelves[slot] ??= {
      values: new Map(),
      prefixes: new Map(),
      suffixes: new Map(),
      present: new Set(),
    });
  }
}

function isFiled({ literal, prefix, suffix }: Matcher): boolean {
  return literal !== undefined || prefix !== undefined || suffix !== undefined;
}

function within<A, B>(map: Map<A, B>, key: A, make: () => B): B {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
