/** Words of the query language. Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights QL query syntax". */
import { QuerySyntaxError } from "./syntaxError.ts";

export interface Token {
  kind: "name" | "string" | "number" | "duration" | "regex" | "symbol" | "end";
  /** Text as it means: without quotes. */
  text: string;
  /** Regex flags. */
  flags?: string;
  start: number;
  end: number;
}

const patterns: readonly (readonly [Token["kind"], RegExp])[] = [
  [
    "duration",
    /\d+(?:ms|milliseconds?|msec|s|seconds?|secs?|m|minutes?|mins?|h|hours?|hrs?|d|days?|w|weeks?|mo|months?|q|quarters?|y|years?)\b/y,
  ],
  ["number", /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?/y],
  ["name", /[@A-Za-z_][@\w]*(?:\.(?:[\w@-]+|\*))*/y],
  ["symbol", /!=|<=|>=|=~|[=<>|,()[\]+\-*/%^]/y],
];

/** @throws QuerySyntaxError */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const char = query[at]!;
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    if (char === "#") {
      const end = query.indexOf("\n", at);
      at = end < 0 ? query.length : end;
      continue;
    }
    const token = next(query, at, tokens.at(-1));
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: "end", text: "", start: query.length, end: query.length });
  return tokens;
}

function next(query: string, at: number, before: Token | undefined): Token {
  const char = query[at]!;
  if (char === '"' || char === "'") return quoted(query, at, char, "string");
  if (char === "`") return quoted(query, at, char, "name");
  if (char === "/" && regexMayFollow(before)) return regex(query, at);
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = pattern.exec(query)?.[0];
    if (text !== undefined) return { kind, text, start: at, end: at + text.length };
  }
  throw new QuerySyntaxError(`unexpected character '${char}'`, at, at + 1);
}

/** A slash divides after a value; a regex comes after `like`, `=~` and in `parse`. */
function regexMayFollow(before: Token | undefined): boolean {
  if (!before) return false;
  if (before.kind === "symbol") return before.text === "=~" || before.text === "(" || before.text === ",";
  return before.kind === "name";
}

function quoted(query: string, at: number, quote: string, kind: "string" | "name"): Token {
  let text = "";
  for (let end = at + 1; end < query.length; end++) {
    const char = query[end]!;
    if (char === "\\" && (query[end + 1] === quote || query[end + 1] === "\\")) text += query[++end];
    else if (char === quote) return { kind, text, start: at, end: end + 1 };
    else text += char;
  }
  throw new QuerySyntaxError("a quote is not closed", at, query.length);
}

function regex(query: string, at: number): Token {
  let bracket = false;
  for (let end = at + 1; end < query.length; end++) {
    const char = query[end]!;
    if (char === "\\") end++;
    else if (char === "[") bracket = true;
    else if (char === "]") bracket = false;
    else if (char === "/" && !bracket) {
      const flags = /^[a-z]*/.exec(query.slice(end + 1))![0];
      return { kind: "regex", text: query.slice(at + 1, end), flags, start: at, end: end + 1 + flags.length };
    }
  }
  // What looks like a regex and is not closed is a division.
  return { kind: "symbol", text: "/", start: at, end: at + 1 };
}
