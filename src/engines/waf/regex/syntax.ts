/**
 * The regular expressions users write: the part of PCRE that a finite automaton can match. What needs more is refused
 * as AWS refuses it (back-references, look-around, recursion, conditions, verbs, atomic groups, possessive quantifiers,
 * \C \R \K). Expressions match bytes; a character beyond ASCII stands for its UTF-8 bytes.
 * Source: AWS WAF Developer Guide, "Supported regular expression syntax in AWS WAF".
 */
import { utf8 } from "../transforms/bytes.ts";

export class RegexError extends Error {}

/** 256 flags, one per byte. */
export type ByteSet = Uint8Array;

export type Assertion = "lineStart" | "lineEnd" | "textStart" | "textEnd" | "word" | "notWord";

export type Node =
  | { kind: "empty" }
  | { kind: "bytes"; set: ByteSet }
  | { kind: "sequence"; parts: readonly Node[] }
  | { kind: "choice"; options: readonly Node[] }
  | { kind: "repeat"; node: Node; min: number; max: number }
  | { kind: "assert"; what: Assertion };

interface Flags {
  ignoreCase: boolean;
  dotAll: boolean;
  multiLine: boolean;
  extended: boolean;
}

/** Of `{n,m}`: as RE2 has it. */
const mostRepeats = 1_000;
const deepest = 100;

/** @throws RegexError */
export function parseRegex(source: string): Node {
  const parser = new Parser(source);
  return parser.whole();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): Node {
    const node = this.#choice({ ignoreCase: false, dotAll: false, multiLine: false, extended: false });
    if (this.#at < this.#source.length) throw new RegexError("unmatched closing parenthesis");
    return node;
  }

  #choice(given: Flags): Node {
    if (++this.#depth > deepest) throw new RegexError("groups are nested too deeply");
    const flags = { ...given };
    const options: Node[] = [this.#sequence(flags)];
    while (this.#take("|")) options.push(this.#sequence(flags));
    this.#depth--;
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  /** `(?i)` changes the flags of what follows it in the group: they are the caller's own copy. */
  #sequence(flags: Flags): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      if (flags.extended && this.#skipExtended()) continue;
      const atom = this.#atom(flags);
      if (atom) parts.push(this.#quantified(atom, flags));
    }
    if (parts.length === 1) return parts[0]!;
    return parts.length === 0 ? { kind: "empty" } : { kind: "sequence", parts };
  }

  #skipExtended(): boolean {
    const char = this.#peek();
    if (/\s/.test(char)) {
      this.#at++;
      return true;
    }
    if (char !== "#") return false;
    const end = this.#source.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#source.length : end + 1;
    return true;
  }

  #quantified(atom: Node, flags: Flags): Node {
    let node = atom;
    for (;;) {
      if (flags.extended) while (this.#at < this.#source.length && this.#skipExtended());
      const bounds = this.#bounds();
      if (!bounds) return node;
      if (atom.kind === "assert" || atom === endOrNewline)
        throw new RegexError("quantifier does not follow a repeatable item");
      if (this.#take("+")) throw new RegexError("possessive quantifiers are not supported");
      // Whether a match exists does not depend on greed.
      this.#take("?");
      node = { kind: "repeat", node, min: bounds[0], max: bounds[1] };
    }
  }

  #bounds(): [number, number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    const found = /^\{(\d{1,5})(,(\d{1,5})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 16));
    if (!found) return undefined;
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (max < min) throw new RegexError("numbers out of order in {} quantifier");
    if (min > mostRepeats || (max !== Number.POSITIVE_INFINITY && max > mostRepeats)) {
      throw new RegexError("number too big in {} quantifier");
    }
    return [min, max];
  }

  #atom(flags: Flags): Node | undefined {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#class(flags);
      case "\\":
        return this.#escape(flags);
      case ".":
        return { kind: "bytes", set: flags.dotAll ? inverse(none()) : inverse(setOf([10])) };
      case "^":
        return { kind: "assert", what: flags.multiLine ? "lineStart" : "textStart" };
      case "$":
        return flags.multiLine ? { kind: "assert", what: "lineEnd" } : endOrNewline;
      case "*":
      case "+":
      case "?":
        throw new RegexError("quantifier does not follow a repeatable item");
      default:
        return this.#literal(char, flags);
    }
  }

  #literal(char: string, flags: Flags): Node {
    const code = char.codePointAt(0)!;
    if (code < 128) return { kind: "bytes", set: folded(setOf([code]), flags) };
    return bytesNode(utf8(code));
  }

  #group(flags: Flags): Node | undefined {
    if (!this.#take("?")) {
      if (this.#peek() === "*") throw new RegexError("backtracking control verbs are not supported");
      return this.#closed(flags);
    }
    if (this.#take(":")) return this.#closed(flags);
    if (this.#take("#")) {
      const end = this.#source.indexOf(")", this.#at);
      if (end < 0) throw new RegexError("missing ) after (?# comment");
      this.#at = end + 1;
      return undefined;
    }
    const named = /^(?:P?<[A-Za-z_]\w{0,31}>|'[A-Za-z_]\w{0,31}')/.exec(this.#source.slice(this.#at));
    if (named) {
      this.#at += named[0].length;
      return this.#closed(flags);
    }
    if (/^(?:<?[=!])/.test(this.#source.slice(this.#at))) throw new RegexError("look-around is not supported");
    if (this.#peek() === ">") throw new RegexError("atomic groups are not supported");
    if (this.#peek() === "(") throw new RegexError("conditional patterns are not supported");
    if (/^(?:R|P[>=]|[+-]?\d|&|C)/.test(this.#source.slice(this.#at))) {
      throw new RegexError("recursion, subroutines and callouts are not supported");
    }
    const setting = /^([imsx]*)(?:-([imsx]+))?([:)])/.exec(this.#source.slice(this.#at));
    if (!setting) throw new RegexError("unrecognized character after (?");
    this.#at += setting[0].length;
    const changed = { ...flags };
    for (const letter of setting[1]!) setFlag(changed, letter, true);
    for (const letter of setting[2] ?? "") setFlag(changed, letter, false);
    if (setting[3] === ":") return this.#closed(changed);
    Object.assign(flags, changed);
    return undefined;
  }

  #closed(flags: Flags): Node {
    const node = this.#choice(flags);
    if (!this.#take(")")) throw new RegexError("missing closing parenthesis");
    return node;
  }

  #escape(flags: Flags): Node | undefined {
    if (this.#at >= this.#source.length) throw new RegexError("\\ at end of pattern");
    const char = this.#next();
    switch (char) {
      case "b":
        return { kind: "assert", what: "word" };
      case "B":
        return { kind: "assert", what: "notWord" };
      case "A":
        return { kind: "assert", what: "textStart" };
      case "z":
        return { kind: "assert", what: "textEnd" };
      case "Z":
        return endOrNewline;
      case "C":
      case "R":
      case "K":
      case "G":
      case "X":
        throw new RegexError(`\\${char} is not supported`);
      case "Q": {
        const end = this.#source.indexOf("\\E", this.#at);
        const text = this.#source.slice(this.#at, end < 0 ? undefined : end);
        this.#at = end < 0 ? this.#source.length : end + 2;
        const parts = [...text].map((each) => this.#literal(each, flags));
        return parts.length === 0 ? undefined : { kind: "sequence", parts };
      }
      case "E":
        return undefined;
      default:
    }
    if (/[1-9gk]/.test(char)) throw new RegexError("back-references are not supported");
    const named = classes[char];
    if (named) return { kind: "bytes", set: named };
    const code = this.#charEscape(char);
    return code < 256 ? { kind: "bytes", set: folded(setOf([code]), flags) } : bytesNode(utf8(code));
  }

  /** The code an escape stands for; below 256 it is a byte. */
  #charEscape(char: string): number {
    const control = controls[char];
    if (control !== undefined) return control;
    if (char === "x") {
      const braces = /^\{([0-9A-Fa-f]{1,6})\}/.exec(this.#source.slice(this.#at));
      if (braces) {
        this.#at += braces[0].length;
        return Number.parseInt(braces[1]!, 16);
      }
      const digits = /^[0-9A-Fa-f]{0,2}/.exec(this.#source.slice(this.#at))![0];
      this.#at += digits.length;
      return digits === "" ? 0 : Number.parseInt(digits, 16);
    }
    if (char === "0") {
      const digits = /^[0-7]{0,2}/.exec(this.#source.slice(this.#at))![0];
      this.#at += digits.length;
      return digits === "" ? 0 : Number.parseInt(digits, 8);
    }
    if (char === "c") {
      const letter = this.#next();
      if (!/[\x20-\x7e]/.test(letter)) throw new RegexError("\\c must be followed by a printable ASCII character");
      return letter.toUpperCase().charCodeAt(0) ^ 64;
    }
    if (/[A-Za-z]/.test(char)) throw new RegexError(`unrecognized character follows \\: ${char}`);
    return char.codePointAt(0)!;
  }

  #class(flags: Flags): Node {
    const negated = this.#take("^");
    const set = none();
    let first = true;
    for (;;) {
      if (this.#at >= this.#source.length) throw new RegexError("missing terminating ] for character class");
      if (!first && this.#take("]")) break;
      first = false;
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at));
      if (posix) {
        this.#at += posix[0].length;
        const known = posixClasses[posix[2]!];
        if (!known) throw new RegexError("unknown POSIX class name");
        merge(set, posix[1] === "" ? known : inverse(known));
        continue;
      }
      const low = this.#classItem();
      if (typeof low !== "number") {
        merge(set, low);
        continue;
      }
      if (this.#peek() === "-" && this.#source[this.#at + 1] !== "]" && this.#at + 1 < this.#source.length) {
        this.#at++;
        const high = this.#classItem();
        if (typeof high !== "number") throw new RegexError("invalid range in character class");
        if (high < low) throw new RegexError("range out of order in character class");
        for (let code = low; code <= high; code++) set[code] = 1;
      } else set[low] = 1;
    }
    const full = folded(set, flags);
    return { kind: "bytes", set: negated ? inverse(full) : full };
  }

  #classItem(): number | ByteSet {
    const char = this.#next();
    let code: number;
    if (char === "\\") {
      const escaped = this.#next();
      if (escaped === "") throw new RegexError("\\ at end of pattern");
      const named = classes[escaped];
      if (named) return named;
      code = escaped === "b" ? 8 : this.#charEscape(escaped);
    } else code = char.codePointAt(0)!;
    // A class is one byte wide: a character of several would need one automaton per member.
    if (code > 255 || (code > 127 && char !== "\\")) {
      throw new RegexError("character classes hold ASCII characters and \\xhh only");
    }
    return code;
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  /** One character, whole also beyond the basic plane; empty at the end. */
  #next(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) return "";
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #take(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

function setFlag(flags: Flags, letter: string, on: boolean): void {
  if (letter === "i") flags.ignoreCase = on;
  else if (letter === "s") flags.dotAll = on;
  else if (letter === "m") flags.multiLine = on;
  else flags.extended = on;
}

const none = (): ByteSet => new Uint8Array(256);

function setOf(codes: readonly number[]): ByteSet {
  const set = none();
  for (const code of codes) set[code] = 1;
  return set;
}

function ranges(text: string): ByteSet {
  const set = none();
  for (let i = 0; i < text.length; i += 2) {
    for (let code = text.charCodeAt(i); code <= text.charCodeAt(i + 1); code++) set[code] = 1;
  }
  return set;
}

const inverse = (set: ByteSet): ByteSet => set.map((each) => 1 - each);

function merge(into: ByteSet, from: ByteSet): void {
  for (let code = 0; code < 256; code++) if (from[code]) into[code] = 1;
}

function folded(set: ByteSet, flags: Flags): ByteSet {
  if (!flags.ignoreCase) return set;
  const wide = set.slice();
  for (let upper = 65; upper <= 90; upper++) if (set[upper] || set[upper + 32]) wide[upper] = wide[upper + 32] = 1;
  return wide;
}

function bytesNode(bytes: string): Node {
  const parts = Array.from(bytes, (byte): Node => ({ kind: "bytes", set: setOf([byte.charCodeAt(0)]) }));
  return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
}

/** `$`: at the end, or before a newline that ends the text. */
const endOrNewline: Node = {
  kind: "choice",
  options: [
    { kind: "assert", what: "textEnd" },
    {
      kind: "sequence",
      parts: [
        { kind: "bytes", set: setOf([10]) },
        { kind: "assert", what: "textEnd" },
      ],
    },
  ],
};

const digit = ranges("09");
const word = ranges("azAZ09__");
const space = ranges("\t\r  ");
const horizontal = ranges("\t\t  ");
const vertical = ranges("\n\r");

const classes: Readonly<Record<string, ByteSet>> = {
  d: digit,
  D: inverse(digit),
  w: word,
  W: inverse(word),
  s: space,
  S: inverse(space),
  h: horizontal,
  H: inverse(horizontal),
  v: vertical,
  V: inverse(vertical),
  N: inverse(setOf([10])),
};

const controls: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };

const posixClasses: Readonly<Record<string, ByteSet>> = {
  alpha: ranges("azAZ"),
  alnum: ranges("azAZ09"),
  ascii: ranges("\x00\x7f"),
  blank: horizontal,
  cntrl: ranges("\x00\x1f\x7f\x7f"),
  digit,
  graph: ranges("!~"),
  lower: ranges("az"),
  print: ranges(" ~"),
  punct: ranges("!/:@[`{~"),
  space,
  upper: ranges("AZ"),
  word,
  xdigit: ranges("09afAF"),
};
