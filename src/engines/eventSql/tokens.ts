/** Words of a SELECT statement. Source: Trino documentation, "SQL language", "Reserved keywords", lexical structure. */
import { QueryError } from "./queryError.ts";

export type TokenKind = "word" | "quoted" | "string" | "number" | "store" | "symbol" | "end";

export interface Token {
  kind: TokenKind;
  /** As written; quotes removed and undoubled. */
  text: string;
  line: number;
  column: number;
}

/** An event data store is named by its id, which is no identifier of SQL. */
const storeId = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])/iy;
const patterns: readonly [TokenKind, RegExp][] = [
  ["store", storeId],
  ["number", /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\w])/iy],
  ["word", /[a-z_][\w@$]*/iy],
  ["string", /'(?:[^']|'')*'/y],
  ["quoted", /"(?:[^"]|"")+"/y],
  ["symbol", /<>|!=|<=|>=|\|\||[<>=+\-*/%(),.[\];]/y],
];
const blank = /(?:\s+|--[^\n]*|\/\*[^]*?\*\/)+/y;

/** @throws QueryError at a character that begins nothing */
export function tokenize(statement: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const place = (offset: number) => {
    const before = statement.slice(0, offset).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1 };
  };
  for (;;) {
    at = matchAt(blank, statement, at)?.end ?? at;
    if (at >= statement.length) {
      tokens.push({ kind: "end", text: "<EOF>", ...place(at) });
      return tokens;
    }
    const found = firstMatch(statement, at);
    if (!found) throw new QueryError(`mismatched input '${statement[at]}'`, place(at));
    tokens.push({ kind: found.kind, text: unquote(found.kind, found.text), ...place(at) });
    at = found.end;
  }
}

function firstMatch(statement: string, at: number) {
  for (const [kind, pattern] of patterns) {
    const found = matchAt(pattern, statement, at);
    if (found) return { kind, ...found };
  }
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): { text: string; end: number } | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match ? { text: match[0], end: at + match[0].length } : undefined;
}

function unquote(kind: TokenKind, text: string): string {
  if (kind === "string") return text.slice(1, -1).replaceAll("''", "'");
  if (kind === "quoted") return text.slice(1, -1).replaceAll('""', '"');
  return text;
}
