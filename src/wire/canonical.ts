/**
 * SigV4's canonical forms of path, query and headers, computed from what arrived on the wire.
 * Source: IAM User Guide, "Create a signed AWS API request", step 1; S3 API Reference, "Signature calculations
 * for the Authorization header".
 */

const upperHex = "0123456789ABCDEF";
const unreservedOnly = /^[A-Za-z0-9\-._~]*$/;
const canonicalPair = /^(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*(?:=(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*)?$/;
/** Escapes that a canonical form never has, since the character is unreserved: `%41`, `%2D`, `%7E` … */
const needlessEscape = /%(?:2D|2E|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/;

const unreserved = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
  unreserved[character.charCodeAt(0)] = 1;
}

/** A path or query has `%` without two hexadecimal digits after it. */
export class BadEscape extends Error {
  readonly escape: string;
  constructor(escape: string) {
    super(`Illegal hex character in escape % pattern: ${escape}`);
    this.name = "BadEscape";
    this.escape = escape;
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

/**
 * Percent-decodes and encodes again with AWS's alphabet. `text` is latin1: one character per byte, as Node hands over
 * the request line, so that UTF-8 survives without being understood.
 */
function recode(text: string, plusIsSpace: boolean, keepSlash: boolean): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    let byte = text.charCodeAt(i);
    if (byte === 37) {
      const high = hexDigit(text.charCodeAt(i + 1));
      const low = hexDigit(text.charCodeAt(i + 2));
      if (high < 0 || low < 0) throw new BadEscape(text.slice(i, i + 3));
      byte = high * 16 + low;
      i += 2;
      out += unreserved[byte] === 1 ? String.fromCharCode(byte) : `%${upperHex[byte >> 4]}${upperHex[byte & 15]}`;
    } else if (byte === 43 && plusIsSpace) {
      out += "%20";
    } else if (unreserved[byte] === 1 || (keepSlash && byte === 47)) {
      out += text[i];
    } else {
      out += `%${upperHex[(byte >> 4) & 15]}${upperHex[byte & 15]}`;
    }
  }
  return out;
}

/** Encodes every byte outside AWS's unreserved set, `%` included; `/` stays. */
export function encodePath(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    out += unreserved[byte] === 1 || byte === 47 ? text[i] : `%${upperHex[(byte >> 4) & 15]}${upperHex[byte & 15]}`;
  }
  return out;
}

const plainPath = /^\/[A-Za-z0-9\-_~/.]*$/;

/**
 * Canonical URI of S3: the path as it is, each byte encoded once. `//` and `..` are part of an object key.
 * Throws `BadEscape`.
 */
export function canonicalPathOnce(path: string): string {
  if (plainPath.test(path)) return path;
  // `%2F` inside a key stays `%2F`: it is not the separator that was signed.
  return recode(path, false, true) || "/";
}

/** Canonical URI of every other service: dot segments and empty segments removed, then what was sent is encoded again. */
export function canonicalPathTwice(path: string): string {
  if (path === "/" || path === "") return "/";
  let normal = path;
  if (path.includes("//") || path.includes("/.")) {
    const kept: string[] = [];
    for (const segment of path.split("/")) {
      if (segment === "" || segment === ".") continue;
      if (segment === "..") kept.pop();
      else kept.push(segment);
    }
    const trailing = kept.length > 0 && (path.endsWith("/") || path.endsWith("/.") || path.endsWith("/..")) ? "/" : "";
    normal = `/${kept.join("/")}${trailing}`;
  }
  return plainPath.test(normal) ? normal : encodePath(normal);
}

/**
 * Canonical query string: every pair decoded and encoded with AWS's alphabet, sorted by name, then value, without the
 * parameter named `except` (the signature itself). Throws `BadEscape`.
 */
export function canonicalQuery(query: string, except?: string): string {
  if (query === "") return "";
  const pairs: [string, string][] = [];
  for (const part of query.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const canonical = canonicalPair.test(part) && !needlessEscape.test(part);
    const rawName = at < 0 ? part : part.slice(0, at);
    const rawValue = at < 0 ? "" : part.slice(at + 1);
    const name = canonical ? rawName : recode(rawName, true, false);
    if (name === except) continue;
    pairs.push([name, canonical ? rawValue : recode(rawValue, true, false)]);
  }
  if (pairs.length > 1) {
    pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0));
  }
  let out = "";
  for (const [name, value] of pairs) out += out === "" ? `${name}=${value}` : `&${name}=${value}`;
  return out;
}

const untidy = /^\s|\s$|\s\s|[\t\r\n\f\v]/;

/** Canonical header lines for the signed names, which come in lower case and sorted. Absent headers count as empty. */
export function canonicalHeaders(headers: Readonly<Record<string, string>>, names: readonly string[]): string {
  let out = "";
  for (const name of names) {
    const raw = Object.hasOwn(headers, name) ? (headers[name] as string) : "";
    out += `${name}:${untidy.test(raw) ? raw.trim().replace(/\s+/g, " ") : raw}\n`;
  }
  return out;
}

/** First value of a query parameter, decoded; `undefined` when absent. A bad escape is left as it stands. */
export function queryValue(query: string, name: string): string | undefined {
  return queryValues(query, name)[0];
}

/** All values of a query parameter, decoded, in order. */
export function queryValues(query: string, name: string): string[] {
  const values: string[] = [];
  let from = 0;
  while (from <= query.length) {
    const amp = query.indexOf("&", from);
    const end = amp < 0 ? query.length : amp;
    const equals = query.indexOf("=", from);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    const rawName = query.slice(from, nameEnd);
    if (rawName === name || (rawName.includes("%") && decodeQuery(rawName) === name)) {
      values.push(decodeQuery(nameEnd === end ? "" : query.slice(nameEnd + 1, end)));
    }
    from = end + 1;
  }
  return values;
}

/** Query decoding: `+` is a space; a text that is no valid UTF-8 escape sequence is returned as it stands. */
export function decodeQuery(text: string): string {
  if (unreservedOnly.test(text)) return text;
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
