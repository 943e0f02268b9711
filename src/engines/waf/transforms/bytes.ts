/**
 * Everything the firewall inspects is text of one character per byte (latin1), so that a pattern of bytes is found
 * whatever encoding the application will read it in.
 */

/** Value of a hexadecimal digit, -1 for any other character. */
export function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

/** Reads exactly `digits` hexadecimal digits at `at`; -1 when there are not so many. */
export function hexAt(text: string, at: number, digits: number): number {
  if (at + digits > text.length) return -1;
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = hexValue(text.charCodeAt(i));
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** UTF-8 bytes of a code point, one character each. Surrogates and what is beyond Unicode become U+FFFD. */
export function utf8(codePoint: number): string {
  const code = codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff) ? 0xfffd : codePoint;
  if (code < 0x80) return String.fromCharCode(code);
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), 0x80 | (code & 63));
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  return String.fromCharCode(
    0xf0 | (code >> 18),
    0x80 | ((code >> 12) & 63),
    0x80 | ((code >> 6) & 63),
    0x80 | (code & 63),
  );
}

/** Text of our own, such as a search string written in UTF-8, as bytes. */
export const bytesOf = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** The reverse, for showing bytes to a person. */
export const textOf = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

/** `A`–`Z` only: bytes above 127 are no letters here. */
export function lowerAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

export function upperAscii(text: string): string {
  return /[a-z]/.test(text) ? text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) : text;
}
