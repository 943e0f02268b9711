/**
 * Decoders of escapes. Each leaves alone what it does not understand, and none makes its input longer, but for
 * `toUnicode`.
 * Source: AWS WAF Developer Guide, "Using text transformations"; where it is short, the transformations of the same
 * name in the ModSecurity reference manual, from which AWS took them.
 */
import { hexAt, utf8 } from "./bytes.ts";

/** URL_DECODE: `%hh` and `+`. An escape that is cut short or wrong stays. */
export function urlDecode(text: string): string {
  if (!text.includes("%")) return text.includes("+") ? text.replaceAll("+", " ") : text;
  return text.replace(/%[0-9A-Fa-f]{2}|\+/g, (found) =>
    found === "+" ? " " : String.fromCharCode(hexAt(found, 1, 2)),
  );
}

/** URL_DECODE_UNI: also Microsoft's `%uhhhh`. */
export function urlDecodeUni(text: string): string {
  if (!text.includes("%")) return urlDecode(text);
  return text.replace(/%[uU][0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\+/g, (found) => {
    if (found === "+") return " ";
    return found.length === 6 ? lowByte(hexAt(found, 2, 4)) : String.fromCharCode(hexAt(found, 1, 2));
  });
}

/** Full-width ASCII (FF01–FF5E) is its narrow form; of anything else only the lower byte is used. */
function lowByte(code: number): string {
  return String.fromCharCode(code >= 0xff01 && code <= 0xff5e ? (code & 0xff) + 0x20 : code & 0xff);
}

/** JS_DECODE: `\uhhhh`, `\xhh`, octal, the letters; an unknown escape loses its backslash. */
export const jsDecode = (text: string): string => javascript(text, false);

/** JS_DECODE_EXT: the same, but an unknown escape stays whole. */
export const jsDecodeExt = (text: string): string => javascript(text, true);

const letters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function javascript(text: string, keepUnknown: boolean): string {
  if (!text.includes("\\")) return text;
  const pattern = /\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-3][0-7]{0,2}|[4-7][0-7]?)|([^]))/g;
  return text.replace(pattern, (whole, unicode?: string, hex?: string, octal?: string, other?: string) => {
    if (unicode !== undefined) return lowByte(Number.parseInt(unicode, 16));
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    const letter = letters[other!];
    if (letter !== undefined) return letter;
    return keepUnknown && !/[\\'"/?]/.test(other!) ? whole : other!;
  });
}

/** ESCAPE_SEQ_DECODE: ANSI C's `\a \b \f \n \r \t \v \\ \? \' \"`, `\xhh`, `\0ooo`. What is not valid stays. */
export function escapeSequenceDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|([0-7]{1,3})|([abfnrtv\\?'"]))/g,
    (_whole, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      return letters[letter!] ?? letter!;
    },
  );
}

/** CSS_DECODE: up to two bytes of `\hhhh`, with the white space that ends it; `\` before anything else is dropped. */
export function cssDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(?:([0-9A-Fa-f]{1,6})[ \t\r\n\f]?|\n|([^]))/g, (_whole, hex?: string, other?: string) => {
    if (hex === undefined) return other ?? "";
    // The last two digits are the byte; of four or more, full-width forms are made narrow.
    return hex.length < 4
      ? String.fromCharCode(Number.parseInt(hex.slice(-2), 16))
      : lowByte(Number.parseInt(hex.slice(-4), 16));
  });
}

/** HEX_DECODE: pairs of digits. Anything else than hexadecimal digits stays as it is. */
export function hexDecode(text: string): string {
  if (text.length % 2 !== 0 || !/^[0-9A-Fa-f]+$/.test(text)) return text;
  return Buffer.from(text, "hex").toString("latin1");
}

/** SQL_HEX_DECODE: every `0x414243` in the text. */
export function sqlHexDecode(text: string): string {
  return text.replace(/0[xX]((?:[0-9A-Fa-f]{2})+)/g, (_whole, digits: string) =>
    Buffer.from(digits, "hex").toString("latin1"),
  );
}

/** BASE64_DECODE: what is no base64 stays. */
export function base64Decode(text: string): string {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.replace(/=+$/, "").length % 4 === 1) return text;
  return Buffer.from(text, "base64").toString("latin1");
}

/** BASE64_DECODE_EXT: characters that do not belong are passed over. */
export function base64DecodeForgiving(text: string): string {
  return Buffer.from(text.replace(/[^A-Za-z0-9+/]+/g, ""), "base64").toString("latin1");
}

/** UTF8_TO_UNICODE: each sequence of several bytes becomes `%uhhhh`. Invalid bytes stay. */
export function utf8ToUnicode(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  return text.replace(
    /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g,
    (sequence) => `%u${codePoint(sequence).toString(16).padStart(4, "0")}`,
  );
}

function codePoint(sequence: string): number {
  let code = sequence.charCodeAt(0) & (0xff >> (sequence.length + 1));
  for (let i = 1; i < sequence.length; i++) code = (code << 6) | (sequence.charCodeAt(i) & 63);
  return code;
}

/** HTML_ENTITY_DECODE: `&#xhhhh;`, `&#nnnn;` and the names AWS lists, in any case. */
export function htmlEntityDecode(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#[xX]([0-9A-Fa-f]{1,8});?|#([0-9]{1,8});?|([A-Za-z]{2,24});?)/g,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return entities[name.toLowerCase()] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code < 256 ? String.fromCharCode(code) : utf8(code);
    },
  );
}

/** Source: AWS WAF Developer Guide, "Using text transformations", HTML entity decode. */
const entities: Readonly<Record<string, string>> = {
  quot: '"',
  amp: "&",
  lt: "<",
  gt: ">",
  nbsp: "\xa0",
  nonbreakingspace: "\xa0",
  newline: "\n",
  tab: "\t",
  lcub: "{",
  lbrace: "{",
  rcub: "}",
  rbrace: "}",
  excl: "!",
  num: "#",
  dollar: "$",
  percnt: "%",
  apos: "'",
  lpar: "(",
  rpar: ")",
  ast: "*",
  midast: "*",
  plus: "+",
  comma: ",",
  period: ".",
  sol: "/",
  colon: ":",
  semi: ";",
  equals: "=",
  quest: "?",
  verbar: "|",
  vert: "|",
  verticalline: "|",
  lsqb: "[",
  lbrack: "[",
  rsqb: "]",
  rbrack: "]",
  hat: "^",
  lowbar: "_",
  underbar: "_",
  grave: "`",
  diacriticalgrave: "`",
  tilde: "~",
  diacriticaltilde: "~",
  minus: "-",
  bsol: "\\",
};
