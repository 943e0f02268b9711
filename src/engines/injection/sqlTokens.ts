/**
 * SQL in pieces, read without knowing where it begins: a quotation mark is a piece of its own, since whether it opens or
 * closes a string depends on what the application puts around the text. Comments within a line are white space, as the
 * databases have it, but for MySQL's `/*! … *\/`, whose contents are read. A comment to the end of the line is one piece,
 * and what follows is read too.
 */
import { wordClass, type WordClass } from "./sqlWords.ts";

export type TokenType =
  | "word"
  | "number"
  | "variable"
  | "quote"
  | "logic"
  | "compare"
  | "operator"
  | "comment"
  | "open"
  | "close"
  | "comma"
  | "semicolon"
  | "dot"
  | "other";

export interface SqlToken {
  type: TokenType;
  /** In lower case. */
  text: string;
  /** What SQL makes of a word; `name` for what it does not know. */
  word: WordClass;
  at: number;
  end: number;
  /** Of a quotation mark: it is the first, third … of its kind: it may close what the application opened. */
  odd: boolean;
  /** Of a comment: nothing (to speak of) follows it. */
  last: boolean;
}

/** A text of more pieces is read up to here; a field of 64 KB of nothing but punctuation has more. */
const mostTokens = 20_000;

const word = /[a-z_\x80-\xff$][\w$\x80-\xff]*/iy;
const number = /0x[0-9a-f]+|0b[01]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy;
const variable = /@{1,2}[\w.$`]*/iy;
const symbol = /<=>|<>|!=|<=|>=|==|\|\||&&|:=|!~\*?|~\*|[-+*/%^&|~!=<>(),;.{}[\]:?\\]/y;
const space = /[\s\0\xa0]+/y;

export function sqlTokens(text: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  const quotes = new Map<string, number>();
  let at = 0;
  const push = (type: TokenType, end: number, word: WordClass = "name", last = false): void => {
    tokens.push({ type, text: text.slice(at, end).toLowerCase(), word, at, end, odd: false, last });
    at = end;
  };
  const read = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : -1;
  };

  while (at < text.length && tokens.length < mostTokens) {
    const char = text[at]!;
    const code = text.charCodeAt(at);
    if (code <= 32 || code === 160) {
      at = Math.max(read(space), at + 1);
      continue;
    }
    if (isLetter(code)) {
      pushWord(read(word));
      continue;
    }
    if (code >= 48 && code <= 57) {
      push("number", read(number));
      continue;
    }
    if (char === "\\" && /['"]/.test(text[at + 1] ?? "")) {
      // Within JSON or a program's text: the mark is still one for whoever unescapes it.
      pushQuote(text[at + 1]!, at + 2, "\\");
      continue;
    }
    if (char === "'" || char === '"' || char === "`") {
      pushQuote(char, at + 1, "");
      continue;
    }
    if (char === "/" && text[at + 1] === "*") {
      const executed = /\/\*!(?:\d{5,6})?/y;
      executed.lastIndex = at;
      if (executed.test(text)) {
        at = executed.lastIndex;
        continue;
      }
      const end = text.indexOf("*/", at + 2);
      if (end < 0) push("comment", text.length, "name", true);
      else at = end + 2;
      continue;
    }
    if (char === "*" && text[at + 1] === "/") {
      at += 2;
      continue;
    }
    if (char === "#" || (char === "-" && text[at + 1] === "-")) {
      const start = char === "#" ? at + 1 : at + 2;
      push("comment", start, "name", restIsNothing(text, start));
      continue;
    }
    let end = char === "." ? read(number) : -1;
    if (end >= 0) {
      push("number", end);
      continue;
    }
    end = char === "@" ? read(variable) : -1;
    if (end >= 0) {
      push("variable", end);
      continue;
    }
    end = read(symbol);
    if (end >= 0) push(symbols[text.slice(at, end)] ?? "operator", end);
    else push("other", at + 1);
  }
  return tokens;

  function pushQuote(mark: string, end: number, kind: string): void {
    const seen = (quotes.get(kind + mark) ?? 0) + 1;
    quotes.set(kind + mark, seen);
    tokens.push({ type: "quote", text: mark, word: "name", at, end, odd: seen % 2 === 1, last: false });
    at = end;
  }

  function pushWord(end: number): void {
    const found = wordClass(text.slice(at, end).toLowerCase());
    const type =
      found === "logic" ? "logic" : found === "compare" ? "compare" : found === "operator" ? "operator" : "word";
    push(type, end, found);
  }
}

const isLetter = (code: number): boolean =>
  (code >= 97 && code <= 122) ||
  (code >= 65 && code <= 90) ||
  code === 95 ||
  code === 36 ||
  (code >= 128 && code !== 160);

/** After the mark of a comment: what attackers put there so that the space is kept, or nothing. */
function restIsNothing(text: string, from: number): boolean {
  const rest = text.slice(from, from + 8);
  return from + rest.length >= text.length
    ? /^[\s+\-;%0-9a-z\0]{0,3}$/i.test(rest)
    : /^[ +-]{0,2}[-+]?\s*["'}&)\]]/.test(rest);
}

const symbols: Readonly<Record<string, TokenType>> = {
  "||": "logic",
  "&&": "logic",
  "=": "compare",
  "==": "compare",
  "<=>": "compare",
  "<>": "compare",
  "!=": "compare",
  "<": "compare",
  ">": "compare",
  "<=": "compare",
  ">=": "compare",
  "~*": "compare",
  "!~": "compare",
  "!~*": "compare",
  "(": "open",
  ")": "close",
  ",": "comma",
  ";": "semicolon",
  ".": "dot",
  "{": "other",
  "}": "other",
  "[": "other",
  "]": "other",
  ":": "other",
  "?": "other",
  "\\": "other",
};
