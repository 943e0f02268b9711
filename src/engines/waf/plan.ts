/**
 * What a web ACL reads of a request, each once: parts, chains of transformations (as a tree, so that chains with the
 * same beginning share it), and the texts to look for in each, found in one pass.
 */
import type { PreParseTextTransformation, TextTransformation } from "@aws-sdk/client-wafv2";
import { type Component, componentOf, type Extract } from "./fields.ts";
import type { FieldToMatch } from "./model.ts";
import { MultiPattern } from "./multiPattern.ts";
import { type Transform, transforms } from "./transforms/transforms.ts";
import type { RequestView } from "./view.ts";

/** One part after one chain of transformations. */
export interface Slot {
  index: number;
  component: Component;
  /** The slot this one transforms; absent for the part itself. */
  parent: Slot | undefined;
  transform: Transform;
  /** Texts looked for here, by whether case matters. */
  exact: Literals;
  folded: Literals;
}

/** Fewer texts than this are found faster one by one. */
const worthAPass = 6;
/** The beginning of a longer text is looked for: the automaton takes memory with every byte. */
const longestLiteral = 24;

/** The texts looked for in one slot. */
export class Literals {
  readonly #ids = new Map<string, number>();
  readonly #ignoreCase: boolean;
  #automaton: MultiPattern | undefined;

  constructor(ignoreCase: boolean) {
    this.#ignoreCase = ignoreCase;
  }

  add(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.#ids.size);
    return this.#ids.size - 1;
  }

  seal(): void {
    if (this.#ids.size >= worthAPass) this.#automaton = new MultiPattern([...this.#ids.keys()], this.#ignoreCase);
  }

  /** Absent where each text is looked for by itself. */
  get automaton(): MultiPattern | undefined {
    return this.#automaton;
  }
}

export class Plan {
  readonly #slots = new Map<string, Slot>();
  readonly #prefilter: boolean;
  needsBody = false;

  constructor(prefilter: boolean) {
    this.#prefilter = prefilter;
  }

  get size(): number {
    return this.#slots.size;
  }

  slot(
    field: FieldToMatch,
    chain: readonly TextTransformation[] | undefined,
    preParse?: readonly PreParseTextTransformation[],
  ): Slot {
    const component = componentOf(field, preParse);
    if (component.readsBody) this.needsBody = true;
    let slot = this.#named(component.id, component, undefined, transforms.NONE);
    for (const { Type } of (chain ?? []).toSorted((a, b) => a.Priority! - b.Priority!)) {
      if (Type === "NONE") continue;
      slot = this.#named(`${this.#nameOf(slot)}>${Type}`, component, slot, transforms[Type!]);
    }
    return slot;
  }

  /**
   * Whether `text` may occur in what the slot will hold: false only when it does not. With `ignoreCase` the text is in
   * lower case.
   */
  mayContain(slot: Slot, text: string, ignoreCase = false): (values: SlotValues) => boolean {
    if (!this.#prefilter || text === "") return () => true;
    const id = (ignoreCase ? slot.folded : slot.exact).add(text.slice(0, longestLiteral));
    const [word, bit] = [id >> 5, 1 << (id & 31)];
    return (values) => {
      const hits = values.hits(ignoreCase);
      return hits === undefined || (hits[word]! & bit) !== 0;
    };
  }

  seal(): void {
    for (const { exact, folded } of this.#slots.values()) {
      exact.seal();
      folded.seal();
    }
  }

  readonly #names = new Map<Slot, string>();
  #nameOf(slot: Slot): string {
    return this.#names.get(slot)!;
  }

  #named(name: string, component: Component, parent: Slot | undefined, transform: Transform): Slot {
    let slot = this.#slots.get(name);
    if (!slot) {
      slot = {
        index: this.#slots.size,
        component,
        parent,
        transform,
        exact: new Literals(false),
        folded: new Literals(true),
      };
      this.#slots.set(name, slot);
      this.#names.set(slot, name);
    }
    return slot;
  }
}

/** What a slot holds for one request. */
export class SlotValues {
  readonly #slot: Slot;
  readonly extract: Extract;
  readonly values: readonly string[];
  #exactHits: Uint32Array | undefined;
  #foldedHits: Uint32Array | undefined;

  constructor(slot: Slot, extract: Extract, values: readonly string[]) {
    this.#slot = slot;
    this.extract = extract;
    this.values = values;
  }

  /** Bits of the texts that occur; absent where there are too few texts for a pass. */
  hits(ignoreCase: boolean): Uint32Array | undefined {
    if (ignoreCase) return (this.#foldedHits ??= this.#slot.folded.automaton?.find(this.values));
    return (this.#exactHits ??= this.#slot.exact.automaton?.find(this.values));
  }
}

/** The slots of one request, filled as they are asked for. */
export class SlotCache {
  readonly #view: RequestView;
  readonly #filled: (SlotValues | undefined)[] = [];

  constructor(view: RequestView) {
    this.#view = view;
  }

  values(slot: Slot): SlotValues {
    const known = this.#filled[slot.index];
    if (known) return known;
    const made = this.#fill(slot);
    this.#filled[slot.index] = made;
    return made;
  }

  #fill(slot: Slot): SlotValues {
    if (!slot.parent) {
      const extract = slot.component.extract(this.#view);
      return new SlotValues(slot, extract, extract.values);
    }
    const before = this.values(slot.parent);
    return new SlotValues(slot, before.extract, before.values.map(slot.transform));
  }
}
