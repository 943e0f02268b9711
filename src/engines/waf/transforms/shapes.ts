/**
 * Transformations that change the form of a text: white space, comments, paths, command lines.
 * Source: AWS WAF Developer Guide, "Using text transformations".
 */
import { lowerAscii } from "./bytes.ts";

/** COMPRESS_WHITE_SPACE: form feed, tab, newline, carriage return, vertical tab and byte 160 become spaces; runs become one. */
export function compressWhiteSpace(text: string): string {
  return /[\f\t\n\r\v\xa0]| {2}/.test(text) ? text.replace(/[ \f\t\n\r\v\xa0]+/g, " ") : text;
}

/** REMOVE_WHITESPACE */
export const removeWhiteSpace = (text: string): string => text.replace(/[ \f\t\n\r\v\xa0]+/g, "");

const leading = /^[ \f\t\n\r\v]+/;

/** TRIM_LEFT */
export const trimLeft = (text: string): string => text.replace(leading, "");

/** TRIM_RIGHT: a loop, because `+$` looks at every run of spaces again from each of its characters. */
export function trimRight(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** REPLACE_COMMENTS: each C comment becomes one space, also one that does not end; a lone end stays. */
export function replaceComments(text: string): string {
  let from = 0;
  let out = "";
  for (;;) {
    const start = text.indexOf("/*", from);
    if (start < 0) return from === 0 ? text : out + text.slice(from);
    out += `${text.slice(from, start)} `;
    const end = text.indexOf("*/", start + 2);
    if (end < 0) return out;
    from = end + 2;
  }
}

/** REMOVE_COMMENTS_CHAR: the marks of comments, not what is in them. */
export const removeCommentMarks = (text: string): string => text.replace(/\/\*|\*\/|--|#/g, "");

/** CMD_LINE */
export function commandLine(text: string): string {
  const bare = text.replace(/[\\"'^]+/g, "").replace(/[,;]/g, " ");
  return lowerAscii(oneSpace(bare)).replace(/ (?=[/(])/g, "");
}

/** CMD_LINE_UNIX: what a shell takes out of a word: backslashes and quotes. */
export function commandLineUnix(text: string): string {
  return lowerAscii(oneSpace(text.replace(/[\\"']+/g, "").replace(/[\f\t\n\r\v]/g, " ")).trim());
}

/** CMD_LINE_WIN: carets and quotes go, runs of backslashes become one, as paths have them. */
export function commandLineWindows(text: string): string {
  const bare = text
    .replace(/\^\r?\n/g, "")
    .replace(/["'^]+/g, "")
    .replace(/\\{2,}/g, "\\")
    .replace(/[\f\t\n\r\v]/g, " ");
  return lowerAscii(oneSpace(bare).trim());
}

const oneSpace = (text: string): string => (text.includes("  ") ? text.replace(/ {2,}/g, " ") : text);

/** NORMALIZE_PATH: no doubled slashes, no `.`, no `..` but at the beginning of a relative path. */
export function normalizePath(text: string): string {
  if (!/\/\/|\.\/|\/\.|^\.\.?$/.test(text)) return text;
  const rooted = text.startsWith("/");
  const parts: string[] = [];
  const pieces = text.split("/");
  for (const piece of pieces) {
    if (piece === "" || piece === ".") continue;
    if (piece !== "..") parts.push(piece);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!rooted) parts.push("..");
  }
  const last = pieces.at(-1)!;
  const directory = last === "" || last === "." || last === "..";
  const body = parts.join("/");
  return `${rooted ? "/" : ""}${body}${directory && body !== "" ? "/" : ""}`;
}

/** NORMALIZE_PATH_WIN: backslashes are slashes first. */
export const normalizePathWindows = (text: string): string => normalizePath(text.replaceAll("\\", "/"));
