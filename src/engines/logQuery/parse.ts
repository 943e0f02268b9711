/** From text to commands. Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights QL commands". */
import { type AggregateColumn, type Evaluate, type Expression, Reader } from "./expression.ts";
import { QuerySyntaxError } from "./syntaxError.ts";
import { tokenize } from "./tokens.ts";

export interface Column {
  name: string;
  evaluate: Evaluate;
  /** Computed under a name of its own, so later commands see it. */
  computed: boolean;
}

export type Command =
  | { kind: "fields" | "display"; columns: readonly Column[] }
  | { kind: "filter"; test: Evaluate }
  | { kind: "stats"; aggregates: readonly AggregateColumn[]; by: readonly Column[] }
  | { kind: "sort"; keys: readonly { evaluate: Evaluate; descending: boolean }[] }
  | { kind: "limit"; count: number }
  | { kind: "dedup"; columns: readonly Column[] }
  | { kind: "parse"; source: Evaluate; extract(text: string): Record<string, string> | undefined };

export const mostResults = 10_000;

/** @throws QuerySyntaxError */
export function parseQuery(query: string): Command[] {
  const reader = new Reader(query, tokenize(query));
  if (reader.peek().kind === "end") throw new QuerySyntaxError("the query is empty", 0, query.length);
  const commands: Command[] = [];
  reader.take("|");
  do commands.push(command(reader));
  while (reader.take("|"));
  if (reader.peek().kind !== "end") throw reader.unexpected("'|' or the end");
  if (commands.filter(({ kind }) => kind === "stats").length > 2) {
    throw new QuerySyntaxError("a query has at most two stats commands", 0, query.length);
  }
  return commands;
}

const words = ["fields", "display", "filter", "stats", "sort", "limit", "dedup", "parse"] as const;

function command(reader: Reader): Command {
  const token = reader.peek();
  const word = words.find((each) => reader.take(each));
  switch (word) {
    case "fields":
    case "display":
      return { kind: word, columns: columns(reader) };
    case "filter":
      return { kind: word, test: reader.expression().evaluate };
    case "stats":
      return stats(reader);
    case "sort":
      return { kind: word, keys: sortKeys(reader) };
    case "limit": {
      const at = reader.peek();
      const count = reader.number("a number");
      if (!Number.isInteger(count) || count < 1 || count > mostResults) {
        throw new QuerySyntaxError(`a limit is from 1 to ${mostResults}`, at.start, at.end);
      }
      return { kind: word, count };
    }
    case "dedup":
      return { kind: word, columns: columns(reader) };
    case "parse":
      return parse(reader);
    default:
      throw new QuerySyntaxError(`unexpected symbol '${token.text}' found, expected a command`, token.start, token.end);
  }
}

function column(reader: Reader): Column {
  const { evaluate, text, field }: Expression = reader.expression();
  if (reader.take("as")) return { name: reader.name("a name").text, evaluate, computed: true };
  return { name: text, evaluate, computed: field === undefined };
}

function columns(reader: Reader): Column[] {
  const found = [column(reader)];
  while (reader.take(",") || startsColumn(reader)) found.push(column(reader));
  return found;
}

/** Insights lets the comma between fields go. */
function startsColumn(reader: Reader): boolean {
  const { kind, text } = reader.peek();
  return kind === "name" && !["as", "by"].includes(text.toLowerCase());
}

function stats(reader: Reader): Command {
  const aggregates = [reader.aggregate()];
  while (reader.take(",") || startsColumn(reader)) aggregates.push(reader.aggregate());
  return { kind: "stats", aggregates, by: reader.take("by") ? columns(reader) : [] };
}

function sortKeys(reader: Reader): { evaluate: Evaluate; descending: boolean }[] {
  const keys = [];
  do {
    const { evaluate, text, field } = reader.expression();
    const descending = reader.take("desc");
    if (!descending) reader.take("asc");
    // `sort count(*)` means the column of that name: names of stats columns are their texts.
    keys.push({ evaluate: field === undefined ? orColumn(text, evaluate) : evaluate, descending });
  } while (reader.take(","));
  return keys;
}

function orColumn(text: string, evaluate: Evaluate): Evaluate {
  return (row) => row.get(text) ?? evaluate(row);
}

function parse(reader: Reader): Command {
  const first = reader.peek();
  const source: Evaluate = first.kind === "name" ? reader.expression().evaluate : (row) => row.get("@message");
  const token = reader.peek();
  if (token.kind === "regex") {
    const pattern = reader.regex();
    const names = [...token.text.matchAll(/\(\?<([A-Za-z_]\w*)>/g)].map(([, name]) => name!);
    if (names.length === 0) throw new QuerySyntaxError("parse needs named groups", token.start, token.end);
    // `as a, b` may rename them, as AWS's examples do for globs; with a regex the groups' own names stand.
    return {
      kind: "parse",
      source,
      extract: (text) => {
        const groups = pattern.exec(text)?.groups;
        return groups && Object.fromEntries(Object.entries(groups).filter(([, value]) => value !== undefined));
      },
    };
  }
  if (token.kind !== "string") throw reader.unexpected("a pattern");
  reader.next();
  reader.expect("as");
  const names = [reader.name("a name").text];
  while (reader.take(",") || startsColumn(reader)) names.push(reader.name("a name").text);
  const parts = token.text.split("*");
  if (parts.length - 1 !== names.length) {
    throw new QuerySyntaxError(
      `the pattern has ${parts.length - 1} wildcards and ${names.length} names`,
      token.start,
      token.end,
    );
  }
  return { kind: "parse", source, extract: glob(parts, names) };
}

function glob(parts: readonly string[], names: readonly string[]) {
  return (text: string): Record<string, string> | undefined => {
    let at = text.indexOf(parts[0]!);
    if (at < 0) return undefined;
    at += parts[0]!.length;
    const found: Record<string, string> = {};
    for (const [index, name] of names.entries()) {
      const literal = parts[index + 1]!;
      const end = literal === "" ? text.length : text.indexOf(literal, at);
      if (end < 0) return undefined;
      found[name] = text.slice(at, end);
      at = end + literal.length;
    }
    return found;
  };
}
