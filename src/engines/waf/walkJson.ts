/**
 * The names and values of a JSON text, read as far as it goes: what cannot be parsed ends the walk, and what came
 * before it stands. Not recursive, so depth costs memory only. Strings come decoded, as bytes.
 */
import { hexAt, utf8 } from "./transforms/bytes.ts";

export interface JsonPart {
  kind: "key" | "value";
  text: string;
  /** JSON Pointer of the member or element. */
  pointer: string;
}

export interface JsonWalk {
  parts: readonly JsonPart[];
  /** The whole text was one JSON value. */
  complete: boolean;
  /** It came to the end of the text and would have gone on: a text that was cut off. */
  cut: boolean;
}

interface Level {
  array: boolean;
  index: number;
  pointer: string;
}

/** More parts than this are not looked at; a body of 64 KB holds fewer. */
const mostParts = 40_000;

export function walkJson(text: string): JsonWalk {
  const parts: JsonPart[] = [];
  const levels: Level[] = [];
  let at = skipSpace(text, 0);
  let pointer = "";
  let expect: "value" | "firstKey" | "key" | "afterValue" | "firstElement" = "value";
  const stop = (cut: boolean): JsonWalk => ({ parts, complete: false, cut });

  for (;;) {
    at = skipSpace(text, at);
    if (at >= text.length || parts.length >= mostParts) {
      const done = expect === "afterValue" && levels.length === 0 && parts.length < mostParts;
      return { parts, complete: done, cut: !done };
    }
    const char = text[at]!;
    if (expect === "afterValue") {
      const level = levels.at(-1);
      if (!level) return stop(false);
      at++;
      if (char === (level.array ? "]" : "}")) levels.pop();
      else if (char !== ",") return stop(false);
      else if (level.array) {
        level.index++;
        pointer = `${level.pointer}/${level.index}`;
        expect = "value";
      } else expect = "key";
      continue;
    }
    if (expect === "firstKey" || expect === "key") {
      if (char === "}" && expect === "firstKey") {
        levels.pop();
        at++;
        expect = "afterValue";
        continue;
      }
      if (char !== '"') return stop(false);
      const name = readString(text, at);
      if (name.end < 0) return stop(name.cut);
      pointer = `${levels.at(-1)!.pointer}/${name.value.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      parts.push({ kind: "key", text: name.value, pointer });
      at = skipSpace(text, name.end);
      if (at >= text.length) return stop(true);
      if (text[at] !== ":") return stop(false);
      at++;
      expect = "value";
      continue;
    }
    if (expect === "firstElement" && char === "]") {
      levels.pop();
      at++;
      expect = "afterValue";
      continue;
    }
    if (char === "{" || char === "[") {
      const array = char === "[";
      levels.push({ array, index: 0, pointer });
      at++;
      if (array) pointer = `${pointer}/0`;
      expect = array ? "firstElement" : "firstKey";
      continue;
    }
    if (char === '"') {
      const value = readString(text, at);
      // What there is of a string that was cut off is looked at, too.
      if (value.end >= 0 || value.cut) parts.push({ kind: "value", text: value.value, pointer });
      if (value.end < 0) return stop(value.cut);
      at = value.end;
    } else {
      scalar.lastIndex = at;
      const found = scalar.exec(text);
      if (!found) return stop(false);
      at = scalar.lastIndex;
      parts.push({ kind: "value", text: found[0], pointer });
    }
    expect = "afterValue";
  }
}

const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

function skipSpace(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) break;
  }
  return at;
}

/** `end` is behind the closing quote, -1 where the string is wrong or `cut` off. */
function readString(text: string, from: number): { value: string; end: number; cut: boolean } {
  let start = from + 1;
  let value = "";
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) return { value: value + text.slice(start, at), end: at + 1, cut: false };
    if (code !== 92) continue;
    value += text.slice(start, at);
    const char = text[at + 1];
    if (char === undefined) return { value, end: -1, cut: true };
    if (char === "u") {
      let point = hexAt(text, at + 2, 4);
      if (point < 0) return { value, end: -1, cut: at + 6 > text.length };
      at += 5;
      if (point >= 0xd800 && point < 0xdc00 && text[at + 1] === "\\" && text[at + 2] === "u") {
        const low = hexAt(text, at + 3, 4);
        if (low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
          at += 6;
        }
      }
      value += utf8(point);
    } else {
      const plain = escapes[char];
      if (plain === undefined) return { value, end: -1, cut: false };
      value += plain;
      at++;
    }
    start = at + 1;
  }
  return { value: value + text.slice(start), end: -1, cut: true };
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
