/**
 * Whether a text of bytes contains a match, in time linear in the text: the deterministic automaton is made as texts
 * need its states, and thrown away when it has grown too large.
 *
 * A state is the set of instructions that are alive before the next byte, with what the byte before it was (for `^`,
 * `\b`). Assertions are decided when the next byte is known.
 */
import { buildAutomaton, type Instruction } from "./automaton.ts";
import { requiredLiteral } from "./literal.ts";
import { type Assertion, parseRegex } from "./syntax.ts";

export { RegexError } from "./syntax.ts";

/** What the byte before was. */
const atStart = 0;
const afterNewline = 1;
const afterWord = 2;
const afterOther = 3;

/** After the last byte. */
const end = 256;
const unknown = 0;
const found = -1;
const dead = -2;
/** States that are kept at once: with 257 transitions each, some 2 MB. */
const mostStates = 2_000;

interface State {
  instructions: Int32Array;
  before: number;
}

export class Regex {
  /** Lower-cased text that every match contains, when there is such; used to sort out texts beforehand. */
  readonly literal: string | undefined;
  readonly #program: readonly Instruction[];
  readonly #startAt: number;
  #states: State[] = [];
  #ids = new Map<string, number>();
  /** Per state 257 entries: index of the next state plus 1, or one of the above. */
  #table = new Int32Array(0);
  readonly #mark: Uint32Array;
  #generation = 0;

  /** @throws RegexError */
  constructor(source: string) {
    const node = parseRegex(source);
    const { program, start } = buildAutomaton(node);
    this.#program = program;
    this.#startAt = start;
    this.#mark = new Uint32Array(program.length);
    this.literal = requiredLiteral(node);
    this.#reset();
  }

  test(text: string): boolean {
    let state = 0;
    const length = text.length;
    for (let i = 0; i <= length; i++) {
      const byte = i === length ? end : text.charCodeAt(i) & 255;
      let next = this.#table[state * 257 + byte]!;
      if (next === unknown) next = this.#step(state, byte);
      if (next === found) return true;
      if (next === dead) return false;
      state = next - 1;
    }
    return false;
  }

  #reset(): void {
    this.#states = [];
    this.#ids = new Map();
    this.#table = new Int32Array(257 * 16);
    this.#stateOf(Int32Array.of(this.#startAt), atStart);
  }

  #step(state: number, byte: number): number {
    const { instructions, before } = this.#states[state]!;
    const live = this.#closure(instructions, before, byte);
    if (live === "match") return this.#remember(state, byte, found);
    if (byte === end) return this.#remember(state, byte, dead);
    const next = new Set<number>();
    for (const index of live) {
      const instruction = this.#program[index]!;
      if (instruction.op === "bytes" && instruction.set[byte]) next.add(instruction.next);
    }
    // A match may begin after any byte.
    next.add(this.#startAt);
    if (this.#states.length >= mostStates) {
      const kept = Int32Array.from(next).sort();
      this.#reset();
      return this.#stateOf(kept, classOf(byte)) + 1;
    }
    return this.#remember(state, byte, this.#stateOf(Int32Array.from(next).sort(), classOf(byte)) + 1);
  }

  #remember(state: number, byte: number, next: number): number {
    this.#table[state * 257 + byte] = next;
    return next;
  }

  #stateOf(instructions: Int32Array, before: number): number {
    const name = `${before}:${instructions.join()}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#states.push({ instructions, before }) - 1;
    this.#ids.set(name, id);
    if ((id + 1) * 257 > this.#table.length) {
      const larger = new Int32Array(this.#table.length * 2);
      larger.set(this.#table);
      this.#table = larger;
    }
    return id;
  }

  /** The instructions that take a byte, reached without one; or that a match is reached. */
  #closure(from: Int32Array, before: number, byte: number): number[] | "match" {
    const generation = ++this.#generation;
    const live: number[] = [];
    const stack = Array.from(from);
    while (stack.length > 0) {
      const index = stack.pop()!;
      if (this.#mark[index] === generation) continue;
      this.#mark[index] = generation;
      const instruction = this.#program[index]!;
      if (instruction.op === "match") return "match";
      if (instruction.op === "bytes") live.push(index);
      else if (instruction.op === "split") stack.push(instruction.second, instruction.first);
      else if (holds(instruction.what, before, byte)) stack.push(instruction.next);
    }
    return live;
  }
}

const isWord = (byte: number): boolean =>
  (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122);

function classOf(byte: number): number {
  if (byte === 10) return afterNewline;
  return isWord(byte) ? afterWord : afterOther;
}

function holds(what: Assertion, before: number, byte: number): boolean {
  switch (what) {
    case "textStart":
      return before === atStart;
    case "lineStart":
      return before === atStart || before === afterNewline;
    case "textEnd":
      return byte === end;
    case "lineEnd":
      return byte === end || byte === 10;
    case "word":
      return (before === afterWord) !== (byte !== end && isWord(byte));
    case "notWord":
      return (before === afterWord) === (byte !== end && isWord(byte));
  }
}
