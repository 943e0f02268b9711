/** AWS's text transformations, one row each. Each is total: it gives a text for any text, in time linear in it. */
import { createHash } from "node:crypto";
import type { PreParseTextTransformationType, TextTransformationType } from "@aws-sdk/client-wafv2";
import { lowerAscii, upperAscii } from "./bytes.ts";
import {
  base64Decode,
  base64DecodeForgiving,
  cssDecode,
  escapeSequenceDecode,
  hexDecode,
  htmlEntityDecode,
  jsDecode,
  jsDecodeExt,
  sqlHexDecode,
  urlDecode,
  urlDecodeUni,
  utf8ToUnicode,
} from "./escapes.ts";
import {
  commandLine,
  commandLineUnix,
  commandLineWindows,
  compressWhiteSpace,
  normalizePath,
  normalizePathWindows,
  removeCommentMarks,
  removeWhiteSpace,
  replaceComments,
  trimLeft,
  trimRight,
} from "./shapes.ts";

export type Transform = (text: string) => string;

/** The hash in raw binary form. */
const digest =
  (algorithm: "md5" | "sha256"): Transform =>
  (text) =>
    createHash(algorithm).update(text, "latin1").digest().toString("latin1");

export const transforms: Readonly<Record<TextTransformationType, Transform>> = {
  NONE: (text) => text,
  BASE64_DECODE: base64Decode,
  BASE64_DECODE_EXT: base64DecodeForgiving,
  CMD_LINE: commandLine,
  CMD_LINE_UNIX: commandLineUnix,
  CMD_LINE_WIN: commandLineWindows,
  COMPRESS_WHITE_SPACE: compressWhiteSpace,
  CSS_DECODE: cssDecode,
  ESCAPE_SEQ_DECODE: escapeSequenceDecode,
  HEX_DECODE: hexDecode,
  HTML_ENTITY_DECODE: htmlEntityDecode,
  JS_DECODE: jsDecode,
  JS_DECODE_EXT: jsDecodeExt,
  LOWERCASE: lowerAscii,
  MD5: digest("md5"),
  NORMALIZE_PATH: normalizePath,
  NORMALIZE_PATH_WIN: normalizePathWindows,
  REMOVE_COMMENTS_CHAR: removeCommentMarks,
  REMOVE_NULLS: (text) => text.replaceAll("\0", ""),
  REMOVE_WHITESPACE: removeWhiteSpace,
  REPLACE_COMMENTS: replaceComments,
  REPLACE_NULLS: (text) => text.replaceAll("\0", " "),
  SHA256: digest("sha256"),
  SQL_HEX_DECODE: sqlHexDecode,
  TRIM: (text) => trimRight(trimLeft(text)),
  TRIM_LEFT: trimLeft,
  TRIM_RIGHT: trimRight,
  UPPERCASE: upperAscii,
  URL_DECODE: urlDecode,
  URL_DECODE_UNI: urlDecodeUni,
  UTF8_TO_UNICODE: utf8ToUnicode,
};

/** Applied to the whole query string, before it is taken apart. */
export const preParseTransforms: Readonly<Record<PreParseTextTransformationType, Transform>> = {
  NONE: (text) => text,
  URL_DECODE: urlDecode,
  URL_DECODE_UNI: urlDecodeUni,
  REPLACE_SEMICOLONS_WITH_AMPERSANDS: (text) => text.replaceAll(";", "&"),
  COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA: combineDuplicates,
};

/** `a=1&b=2&a=3` → `a=1,3&b=2`, as some servers read it. */
function combineDuplicates(query: string): string {
  const combined = new Map<string, string>();
  for (const argument of query.split("&")) {
    const at = argument.indexOf("=");
    const name = at < 0 ? argument : argument.slice(0, at);
    const value = at < 0 ? undefined : argument.slice(at + 1);
    const known = combined.get(name);
    if (known === undefined) combined.set(name, argument);
    else combined.set(name, value === undefined ? known : `${known}${known.includes("=") ? "," : "="}${value}`);
  }
  return [...combined.values()].join("&");
}
