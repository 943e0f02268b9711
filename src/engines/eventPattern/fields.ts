/**
 * The leaves of an event that patterns speak of. An array stands for each of its members; members of one array keep
 * together: two conditions inside an array of objects must hold for the same object.
 */
import { isObject, type Primitive } from "./matchers.ts";

/** Which member of which array a leaf is in, outermost first: pairs of array and index. */
export type Membership = readonly { array: readonly unknown[]; index: number }[];

export interface Field {
  value: Primitive;
  membership: Membership;
}

/** The paths that somebody asks for, as a tree; what nobody asks for is not walked. */
export interface PathTree {
  /** Number of the path that ends here, if one does. */
  slot?: number;
  children: Map<string, PathTree>;
}

export class Paths {
  readonly root: PathTree = { children: new Map() };
  #count = 0;

  get count(): number {
    return this.#count;
  }

  slotOf(path: readonly string[]): number {
    let node = this.root;
    for (const name of path) {
      let next = node.children.get(name);
      if (!next) node.children.set(name, (next = { children: new Map() }));
      node = next;
    }
    return (node.slot ??= this.#count++);
  }
}

const nowhere: Membership = [];
const deepest = 200;

/** Leaves by slot; a slot without leaf is absent from the event. */
export function fieldsOf(event: unknown, paths: Paths): (Field[] | undefined)[] {
  const found: (Field[] | undefined)[] = Array.from({ length: paths.count });
  walk(event, paths.root, nowhere, found, 0);
  return found;
}

function walk(
  value: unknown,
  node: PathTree,
  membership: Membership,
  found: (Field[] | undefined)[],
  depth: number,
): void {
  if (depth > deepest) return;
  if (Array.isArray(value)) {
    // Members of an array of plain values are alternatives of one field; only objects tie conditions together.
    value.forEach((member: unknown, index) => {
      const inside = isObject(member) ? [...membership, { array: value, index }] : membership;
      walk(member, node, inside, found, depth + 1);
    });
    return;
  }
  if (isObject(value)) {
    if (node.children.size <= 8) {
      for (const [name, child] of node.children) {
        if (Object.hasOwn(value, name)) walk(value[name], child, membership, found, depth + 1);
      }
      return;
    }
    for (const name of Object.keys(value)) {
      const child = node.children.get(name);
      if (child) walk(value[name], child, membership, found, depth + 1);
    }
    return;
  }
  if (node.slot === undefined || value === undefined) return;
  (found[node.slot] ??= []).push({ value: value as Primitive, membership });
}
