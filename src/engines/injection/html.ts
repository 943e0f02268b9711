/**
 * Tags in a text, as browsers find them: no end tag is needed, attributes may be glued together with slashes, a value
 * may lack its closing quotation mark.
 * Source: WHATWG HTML, "Tokenization".
 */
export interface Tag {
  /** In lower case; `!` and `?` for declarations and processing instructions. */
  name: string;
  attributes: readonly Attribute[];
  at: number;
  end: number;
}

export interface Attribute {
  /** In lower case. */
  name: string;
  value: string;
  at: number;
}

const mostTags = 2_000;
const mostAttributes = 64;

const tagStart = /<[\s\0\x0b]*\/?[\s\0]*([a-z!?%][^\s\0\x0b/><"'`=]*)/gi;

export function* tagsOf(text: string): Generator<Tag> {
  tagStart.lastIndex = 0;
  for (let count = 0; count < mostTags; count++) {
    const start = tagStart.exec(text);
    if (!start) return;
    const name = start[1]!.toLowerCase().replaceAll("\0", "");
    const { attributes, end } = readAttributes(text, tagStart.lastIndex);
    yield {
      name: name.startsWith("!") ? "!" : name.startsWith("?") || name.startsWith("%") ? "?" : name,
      attributes,
      at: start.index,
      end,
    };
    // A tag in a value is one, too, for whoever reads the value.
    tagStart.lastIndex = Math.max(start.index + 1, tagStart.lastIndex);
  }
}

/** From within a tag to its end, or to the end of the text. */
export function readAttributes(text: string, from: number): { attributes: Attribute[]; end: number } {
  const attributes: Attribute[] = [];
  let at = from;
  while (at < text.length && attributes.length < mostAttributes) {
    at = skip(text, at, separators);
    if (at >= text.length || text[at] === ">") break;
    const start = at;
    at = until(text, at, nameEnds);
    // A lone `=` begins a name, so that each turn gets on.
    if (at === start) at++;
    const name = text.slice(start, at).toLowerCase().replaceAll("\0", "");
    let next = skip(text, at, spaces);
    let value = "";
    if (text[next] === "=") {
      next = skip(text, next + 1, spaces);
      const mark = text[next];
      if (mark === '"' || mark === "'" || mark === "`") {
        const close = text.indexOf(mark, next + 1);
        value = text.slice(next + 1, close < 0 ? undefined : close);
        at = close < 0 ? text.length : close + 1;
      } else {
        at = until(text, next, valueEnds);
        value = text.slice(next, at);
      }
    }
    attributes.push({ name, value, at: start });
  }
  return { attributes, end: Math.min(text.length, at + 1) };
}

const spaces = /[\s\0\x0b]/;
const separators = /[\s\0\x0b/"'`]/;
const nameEnds = /[\s\0\x0b/>=]/;
const valueEnds = /[\s>]/;

function skip(text: string, from: number, which: RegExp): number {
  let at = from;
  while (at < text.length && which.test(text[at]!)) at++;
  return at;
}

function until(text: string, from: number, which: RegExp): number {
  let at = from;
  while (at < text.length && !which.test(text[at]!)) at++;
  return at;
}

/** Character references in the value of an attribute, without the white space and controls browsers ignore in URLs. */
export function bareUrl(value: string): string {
  return value
    .replace(/&#x([0-9a-f]{1,6});?/gi, (_whole, hex: string) => char(Number.parseInt(hex, 16)))
    .replace(/&#(\d{1,7});?/g, (_whole, decimal: string) => char(Number(decimal)))
    .replace(/&(colon|tab|newline|lpar|rpar|sol|nbsp);/gi, (_whole, name: string) => named[name.toLowerCase()]!)
    .replace(/[\0-\x20\x7f-\xa0]+/g, "")
    .toLowerCase();
}

const char = (code: number): string => (code > 0 && code < 256 ? String.fromCharCode(code) : "?");

const named: Readonly<Record<string, string>> = {
  colon: ":",
  tab: "\t",
  newline: "\n",
  lpar: "(",
  rpar: ")",
  sol: "/",
  nbsp: "\xa0",
};
