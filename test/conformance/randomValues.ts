/** Seeded random values in the shape of a model, for the round trip. */
import type { Member, OperationModel, Shape } from "#model/types.ts";

export class Seeded {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  below(max: number): number {
    return Math.floor(this.next() * max);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const bodyText = [
  "a",
  "Z",
  "0",
  "-",
  "_",
  ".",
  "/",
  ":",
  " ",
  "<",
  "&",
  '"',
  "'",
  ">",
  "=",
  "+",
  "%",
  "é",
  "한",
  "😀",
  "\\",
  "\n",
  ",",
];
const headerSafe = ["a", "b", "Z", "0", "9", "-", "_", ".", "/", ":", "=", "+", "%"];
const labelSafe = ["a", "b", "Z", "0", "-", "_", ".", "~", " ", "&", "%", "+", "é", "한", "/", ":"];

type Place = "body" | "header" | "label";

function text(random: Seeded, place: Place): string {
  const alphabet = place === "header" ? headerSafe : place === "label" ? labelSafe : bodyText;
  let out = "x";
  for (let i = random.below(6); i > 0; i--) out += random.pick(alphabet);
  // The ends are letters: XML and headers do not keep white space there.
  return `${out}y`;
}

const isScalar = (shape: Shape): boolean => shape.members === undefined && shape.element === undefined;

/** A special value that leaves the member out. */
export const leaveOut = Symbol("leave out");

const insists = (special: unknown): boolean => special !== undefined && special !== leaveOut;

/** What a client fills in itself when it is missing: tokens, a payload, the type of the payload. */
function always(member: Member): boolean {
  if (member.required || member.idempotencyToken || member.shape.eventStream) return true;
  if (member.location === "payload" || member.location === "statusCode" || member.location === "prefixHeaders")
    return true;
  return member.location === "header" && member.wireName === "content-type";
}

export class RandomValues {
  readonly #random: Seeded;
  /** A value that a client insists on (bucket names, ARNs), by member name. */
  readonly #special: (member: Member) => unknown;

  constructor(random: Seeded, special: (member: Member) => unknown) {
    this.#random = random;
    this.#special = special;
  }

  input(operation: OperationModel): Record<string, unknown> {
    return this.structure(operation.input) as Record<string, unknown>;
  }

  output(operation: OperationModel): Record<string, unknown> {
    return this.structure(operation.output) as Record<string, unknown>;
  }

  structure(shape: Shape): unknown {
    return this.#structure(shape, 0);
  }

  #structure(shape: Shape, depth: number): unknown {
    const out: Record<string, unknown> = {};
    const members = shape.kind === "union" ? [this.#random.pick(shape.members!)] : (shape.members ?? []);
    for (const member of members) {
      const wanted =
        always(member) || shape.kind === "union" || (depth < 4 && this.#random.next() < (depth === 0 ? 0.7 : 0.5));
      const value = wanted || insists(this.#special(member)) ? this.member(member, depth) : leaveOut;
      if (value !== leaveOut) out[member.name] = value;
    }
    // Query protocols cannot carry an empty structure.
    const simple = members.find((member) => isScalar(member.shape)) ?? members[0];
    if (simple !== undefined && depth > 0 && Object.keys(out).length === 0) {
      out[simple.name] = this.member(simple, depth + 1);
    }
    return out;
  }

  member(member: Member, depth: number): unknown {
    const special = this.#special(member);
    if (special !== undefined) return special;
    const place: Place =
      member.location === "header" || member.location === "prefixHeaders"
        ? "header"
        : member.location === "label"
          ? "label"
          : "body";
    if (member.location === "statusCode") return 200 + this.#random.below(4);
    return this.value(member.shape, depth + 1, place, member);
  }

  value(shape: Shape, depth: number, place: Place, member: Member): unknown {
    const random = this.#random;
    switch (shape.kind) {
      case "structure":
      case "union":
        if (shape.eventStream) return this.#events(shape);
        return this.#structure(shape, depth);
      case "list": {
        const count = depth > 6 ? 1 : 1 + random.below(2);
        return Array.from({ length: count }, () => this.value(shape.element!.shape, depth + 1, place, shape.element!));
      }
      case "map": {
        const out: Record<string, unknown> = {};
        for (let i = depth > 6 ? 1 : 1 + random.below(2); i > 0; i--) {
          const key =
            place === "header"
              ? `k${random.below(99)}`
              : ((random.next() < 0.8 ? shape.mapKey!.shape.enum?.[0] : undefined) ?? text(random, place));
          out[key] = this.value(shape.element!.shape, depth + 1, place, shape.element!);
        }
        return out;
      }
      case "string":
        if (shape.enum !== undefined) return random.pick(shape.enum);
        if (member.mediaType === "application/json") return JSON.stringify({ a: text(random, "header") });
        return text(random, place);
      case "boolean":
        return random.next() < 0.5;
      case "integer":
        return random.below(100_000) - 500;
      case "long":
        return random.below(2 ** 40);
      case "float":
        return random.below(1000) / 8;
      case "double":
        return random.below(100_000) / 16;
      case "bigInteger":
        return BigInt(random.below(1000)) * 10n ** 20n;
      case "bigDecimal":
        return random.below(1000);
      case "timestamp":
        return new Date((1_600_000_000 + random.below(200_000_000)) * 1000);
      case "blob":
        return new Uint8Array(Array.from({ length: 1 + random.below(20) }, () => random.below(256)));
      case "document":
        return { a: [1, text(random, "body"), null, true], b: { c: 1.5 } };
    }
  }

  #events(shape: Shape): unknown[] {
    const events = (shape.members ?? []).filter((member) => !member.shape.error);
    return events.map((event) => ({ [event.name]: this.#structure(event.shape, 1) }));
  }
}

/** Both sides in one form: bytes as text, undefined members gone, prototypes plain. */
export function plain(value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (value instanceof Date) return { date: value.getTime() };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") {
    const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
    return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
  }
  return value;
}
