/**
 * The regular expressions of filter patterns: alternatives of sequences, no groups. They are matched by simulating
 * the automaton, so the time is bounded by text × pattern whatever a client sends.
 * Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
 */
import { InvalidFilterPattern } from "./invalid.ts";

type CharTest = (code: number) => boolean;

interface Atom {
  test: CharTest;
  min: number;
  max: number;
}

interface Alternative {
  states: readonly State[];
  atStart: boolean;
  atEnd: boolean;
}

/** One position of the automaton; `skip`: may be passed without a character; `loop`: may take more of them. */
interface State {
  test: CharTest;
  skip: boolean;
  loop: boolean;
}

const literals = /^[A-Za-z0-9:_#=@/;,-]$/;
const classes: Readonly<Record<string, CharTest>> = {
  d: (code) => code >= 48 && code <= 57,
  s: (code) => code === 32 || (code >= 9 && code <= 13),
  w: (code) => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95,
};
/** An automaton of more positions is refused: a text times a pattern is what a match may cost. */
const mostStates = 1_000;

/** Whether a text contains a match. @throws InvalidFilterPattern */
export function compileRegex(source: string): (text: string) => boolean {
  if (source === "") throw new InvalidFilterPattern("Empty regex");
  const alternatives = splitAlternatives(source).map((text) => new Parser(text).alternative());
  if (alternatives.reduce((sum, { states }) => sum + states.length, 0) > mostStates) {
    throw new InvalidFilterPattern("The regex is too long");
  }
  return (text) => alternatives.some((alternative) => search(alternative, text));
}

function splitAlternatives(source: string): string[] {
  const parts = [""];
  let bracket = false;
  for (let at = 0; at < source.length; at++) {
    const char = source[at]!;
    if (char === "\\") {
      parts[parts.length - 1] += char + (source[++at] ?? "");
      continue;
    }
    if (char === "[") bracket = true;
    if (char === "]") bracket = false;
    if (char === "|" && !bracket) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  alternative(): Alternative {
    const atStart = this.#take("^");
    const states: State[] = [];
    let atEnd = false;
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === "$" && this.#at === this.#text.length - 1) {
        atEnd = true;
        this.#at++;
        break;
      }
      states.push(...expand(this.#atom()));
      if (states.length > mostStates) throw new InvalidFilterPattern("The regex is too long");
    }
    return { states, atStart, atEnd };
  }

  #atom(): Atom {
    const test = this.#test();
    if (this.#take("?")) return { test, min: 0, max: 1 };
    if (this.#take("*")) return { test, min: 0, max: Infinity };
    if (this.#take("+")) return { test, min: 1, max: Infinity };
    const counted = /^\{(\d{1,3})(,(\d{0,3}))?\}/.exec(this.#text.slice(this.#at));
    if (!counted) return { test, min: 1, max: 1 };
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] === "" ? Infinity : Number(counted[3]);
    if (max < min) throw new InvalidFilterPattern("A repetition ends before it begins");
    return { test, min, max };
  }

  #test(): CharTest {
    const char = this.#text[this.#at++]!;
    if (char === ".") return (code) => code !== 10;
    if (char === "\\") return this.#escape();
    if (char === "[") return this.#class();
    if (!literals.test(char)) throw new InvalidFilterPattern(`The regex character '${char}' is not supported here`);
    const wanted = char.charCodeAt(0);
    return (code) => code === wanted;
  }

  #escape(): CharTest {
    const char = this.#text[this.#at++];
    if (char === undefined) throw new InvalidFilterPattern("The regex ends with a backslash");
    const known = classes[char.toLowerCase()];
    if (known) return char === char.toLowerCase() ? known : (code) => !known(code);
    const wanted = this.#escaped(char);
    return (code) => code === wanted;
  }

  /** Code of an escaped character: `\xhh`, or an operator that stands for itself. */
  #escaped(char: string): number {
    if (char === "x") {
      const hex = /^[0-9A-Fa-f]{2}/.exec(this.#text.slice(this.#at))?.[0];
      if (!hex) throw new InvalidFilterPattern("\\x needs two hexadecimal digits");
      this.#at += 2;
      return Number.parseInt(hex, 16);
    }
    if (/[A-Za-z0-9]/.test(char)) throw new InvalidFilterPattern(`The escape \\${char} is not supported`);
    return char.charCodeAt(0);
  }

  #class(): CharTest {
    const negated = this.#take("^");
    const tests: CharTest[] = [];
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new InvalidFilterPattern("A character class is not closed");
      if (char === "]") break;
      if (char === "\\") {
        const next = this.#text[this.#at];
        if (next !== undefined && classes[next.toLowerCase()]) {
          tests.push(this.#escape());
          continue;
        }
      }
      const first = char === "\\" ? this.#escaped(this.#text[this.#at++] ?? "") : char.charCodeAt(0);
      const rest = this.#text.slice(this.#at);
      if (rest[0] === "-" && rest.length > 1 && rest[1] !== "]") {
        this.#at++;
        const end = this.#text[this.#at++]!;
        const last = end === "\\" ? this.#escaped(this.#text[this.#at++] ?? "") : end.charCodeAt(0);
        if (last < first) throw new InvalidFilterPattern("A character range ends before it begins");
        tests.push((code) => code >= first && code <= last);
      } else tests.push((code) => code === first);
    }
    if (tests.length === 0) throw new InvalidFilterPattern("A character class is empty");
    return (code) => tests.some((test) => test(code)) !== negated;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

function expand({ test, min, max }: Atom): State[] {
  const states: State[] = [];
  for (let i = 0; i < min; i++) states.push({ test, skip: false, loop: false });
  if (max === Infinity) {
    if (min === 0) states.push({ test, skip: true, loop: true });
    else states[min - 1] = { test, skip: false, loop: true };
  } else for (let i = min; i < max; i++) states.push({ test, skip: true, loop: false });
  return states;
}

function search({ states, atStart, atEnd }: Alternative, text: string): boolean {
  const size = states.length;
  let active = new Uint8Array(size + 1);
  const enter = (set: Uint8Array, from: number) => {
    for (let at = from; ; at++) {
      if (set[at] === 1) return;
      set[at] = 1;
      if (at === size || !states[at]!.skip) return;
    }
  };
  enter(active, 0);
  for (let position = 0; ; position++) {
    if (active[size] === 1 && (!atEnd || position === text.length)) return true;
    if (position === text.length) return false;
    const code = text.charCodeAt(position);
    const next = new Uint8Array(size + 1);
    for (let at = 0; at < size; at++) {
      if (active[at] !== 1 || !states[at]!.test(code)) continue;
      if (states[at]!.loop) next[at] = 1;
      enter(next, at + 1);
    }
    if (!atStart) enter(next, 0);
    active = next;
  }
}
