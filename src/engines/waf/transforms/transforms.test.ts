/** Each transformation by examples; those of AWS's documentation first. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import type { PreParseTextTransformationType, TextTransformationType } from "@aws-sdk/client-wafv2";
import fc from "fast-check";
import { bytesOf } from "./bytes.ts";
import { preParseTransforms, transforms } from "./transforms.ts";

const hash = (name: string, text: string): string => createHash(name).update(text).digest().toString("latin1");

const rows: readonly [TextTransformationType, string, string][] = [
  ["NONE", "aB%20", "aB%20"],
  ["BASE64_DECODE", "aGVsbG8=", "hello"],
  ["BASE64_DECODE", "aGVsbG8", "hello"],
  ["BASE64_DECODE", "aGV sbG8=", "aGV sbG8="],
  ["BASE64_DECODE_EXT", "aGV s-bG8=", "hello"],
  ["CMD_LINE", 'C^MD.exe /c "d,i;r"', "cmd.exe/c d i r"],
  ["CMD_LINE", "\\who\\ami  (x)", "whoami(x)"],
  ["CMD_LINE_UNIX", "c\\at '/etc/pass''wd'", "cat /etc/passwd"],
  ["CMD_LINE_WIN", '"c:\\\\dir"^ /x', "c:\\dir /x"],
  ["COMPRESS_WHITE_SPACE", "a\f\t\n\r\v\xa0b  c", "a b c"],
  ["CSS_DECODE", "ja\\vascript", "javascript"],
  ["CSS_DECODE", "\\6aavascript", "\xaavascript"],
  ["CSS_DECODE", "\\6a avascript", "javascript"],
  ["CSS_DECODE", "\\ff4a x", "jx"],
  ["ESCAPE_SEQ_DECODE", "\\x41\\102\\n\\\\\\?\\'\\\"", "AB\n\\?'\""],
  ["ESCAPE_SEQ_DECODE", "\\q\\xZZ", "\\q\\xZZ"],
  ["HEX_DECODE", "48656c6c6F", "Hello"],
  ["HEX_DECODE", "4g", "4g"],
  ["HTML_ENTITY_DECODE", "&quot;&nbsp;&lt;&GT;&amp;&#x41;&#66;&lpar;&unknown;", '"\xa0<>&AB(&unknown;'],
  ["HTML_ENTITY_DECODE", "&#xAC00;", bytesOf("가")],
  ["JS_DECODE", "\\u0061\\x62\\143\\n\\'\\q", "abc\n'q"],
  ["JS_DECODE", "\\uff1cscript\\uff1e", "<script>"],
  ["JS_DECODE_EXT", "\\u0061\\q", "a\\q"],
  ["LOWERCASE", "ABCxyzÄ", "abcxyzÄ"],
  ["MD5", "abc", hash("md5", "abc")],
  ["NORMALIZE_PATH", "/a//b/./c/../d", "/a/b/d"],
  ["NORMALIZE_PATH", "../../a/../b", "../../b"],
  ["NORMALIZE_PATH", "/../../etc/passwd", "/etc/passwd"],
  ["NORMALIZE_PATH", "/a/b/..", "/a/"],
  ["NORMALIZE_PATH_WIN", "c:\\a\\..\\b", "c:/b"],
  ["REMOVE_COMMENTS_CHAR", "a/*b*/c--d#e", "abcde"],
  ["REMOVE_NULLS", "a\0b\0", "ab"],
  ["REMOVE_WHITESPACE", " a\t b\n", "ab"],
  ["REPLACE_COMMENTS", "a/*x*/b/* c", "a b "],
  ["REPLACE_COMMENTS", "a/**//**/b*/", "a  b*/"],
  ["REPLACE_NULLS", "a\0b", "a b"],
  ["SHA256", "abc", hash("sha256", "abc")],
  ["SQL_HEX_DECODE", "select 0x414243, 0X4a", "select ABC, J"],
  ["TRIM", " \t a b \n", "a b"],
  ["TRIM_LEFT", "  a ", "a "],
  ["TRIM_RIGHT", "  a ", "  a"],
  ["UPPERCASE", "abcÄä", "ABCÄä"],
  ["URL_DECODE", "a%20b+c%2fd%zz%4", "a b c/d%zz%4"],
  ["URL_DECODE", "%2527", "%27"],
  ["URL_DECODE", "%ea%b0%80", bytesOf("가")],
  ["URL_DECODE_UNI", "%u003cscript%U003E%41+", "<script>A "],
  ["URL_DECODE_UNI", "%uff1c%u0141", "<A"],
  ["UTF8_TO_UNICODE", bytesOf("a가😀"), "a%uac00%u1f600"],
];

const preParseRows: readonly [PreParseTextTransformationType, string, string][] = [
  ["REPLACE_SEMICOLONS_WITH_AMPERSANDS", "a=1;b=2", "a=1&b=2"],
  ["COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA", "a=1&b=2&a=3", "a=1,3&b=2"],
  ["COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA", "a&a=1&a", "a=1"],
  ["URL_DECODE", "a%3D1", "a=1"],
];

describe("transformations", () => {
  for (const [name, given, expected] of rows) {
    test(`${name} of ${JSON.stringify(given)}`, () => assert.equal(transforms[name](given), expected));
  }
  for (const [name, given, expected] of preParseRows) {
    test(`before parsing: ${name} of ${JSON.stringify(given)}`, () =>
      assert.equal(preParseTransforms[name](given), expected));
  }

  test("every one gives bytes for any bytes", () => {
    const names = Object.keys(transforms) as TextTransformationType[];
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
      fc
        .array(fc.constantFrom("%", "u", "41", "\\", "x", "&#", ";", "/*", "*/", "..", "/", "0x", " ", "\0", "\xea"), {
          maxLength: 80,
        })
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), text, (name, given) => {
        const result = transforms[name](given);
        assert.ok([...result].every((char) => char.charCodeAt(0) < 256));
        // No transformation grows a text beyond what its notation takes.
        assert.ok(result.length <= given.length * 6 + 64);
      }),
      { numRuns: 3_000 },
    );
  });

  for (const [name] of new Map(rows.map(([name]) => [name, 0]))) {
    test(`${name} takes linear time`, () => {
      for (const unit of ["\\", "%", "&#", "/*", " ", "../", "0x", "a ", "&a", "\xea\xb0"]) {
        const start = performance.now();
        transforms[name](unit.repeat(65_536 / unit.length));
        assert.ok(performance.now() - start < 500, unit);
      }
    });
  }
});
