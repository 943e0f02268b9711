/**
 * What injected SQL looks like, one row per shape. Each is asked at every piece of the text; `strong` shapes do not occur
 * in ordinary text and hold at both sensitivities, `weak` ones may, and hold at HIGH only.
 */
import type { SqlReader } from "./sqlShapes.ts";
import type { SqlToken, TokenType } from "./sqlTokens.ts";
import { functionNames, type WordClass } from "./sqlWords.ts";

export interface SqlPattern {
  name: string;
  /** Types of pieces, and classes of words, at which it can begin. */
  types?: readonly TokenType[];
  words?: readonly WordClass[];
  /** Index behind what was recognised, with how sure that is. */
  match(reader: SqlReader, at: number): Found | undefined;
}

export interface Found {
  end: number;
  strength: "strong" | "weak";
}

const strong = (end: number): Found => ({ end, strength: "strong" });
const weak = (end: number): Found => ({ end, strength: "weak" });

/** The piece before a shape closes a string that the application opened, with parentheses perhaps. */
function breaksOut(reader: SqlReader, at: number): boolean {
  let before = at - 1;
  while (reader.type(before) === "close") before--;
  return reader.tokens[before]?.type === "quote" && reader.tokens[before]!.odd;
}

/** A value of the application's own is before it: a number, or something in parentheses. */
const afterValue = (reader: SqlReader, at: number): boolean =>
  ["number", "close"].includes(reader.type(at - 1)) || breaksOut(reader, at);

const comparison = (reader: SqlReader, from: number): number => {
  let at = from;
  if (reader.is(at, "not")) at++;
  if (reader.type(at) !== "compare") return -1;
  at++;
  return reader.is(at, "not") ? at + 1 : at;
};

const fixed = new Set(["constant", "string", "open"]);

/** `or 1=1`, `' and 'a'='a`, `' or sleep(1)`, `' or name like '%`. */
const condition: SqlPattern = {
  name: "condition",
  types: ["logic"],
  match(reader, at) {
    if (reader.type(at) !== "logic") return undefined;
    const left = reader.operand(at + 1);
    if (!left) return undefined;
    const out = breaksOut(reader, at);
    if (left.kind === "query" && reader.type(at + 1) === "open") return strong(left.next);
    if (left.kind === "call" && isFunction(reader, at + 1)) {
      if (out || isDanger(reader, at + 1) || reader.type(at - 1) === "number") return strong(left.next);
      return afterValue(reader, at) ? weak(left.next) : undefined;
    }
    const next = comparison(reader, left.next);
    const right = next < 0 ? undefined : reader.operand(next);
    if (right) {
      const constants = fixed.has(left.kind) && (fixed.has(right.kind) || right.kind === "query");
      if (constants && (out || right.kind === "open" || startsValue(reader, at))) return strong(right.next);
      if (constants && left.kind === "constant" && right.kind === "constant") {
        return left.text === right.text || reader.type(right.next) === "comment"
          ? strong(right.next)
          : weak(right.next);
      }
      if (out)
        return right.kind === "open" || reader.type(right.next) === "comment" ? strong(right.next) : weak(right.next);
      if (right.kind === "query" || (right.kind === "call" && isFunction(reader, next))) {
        return reader.type(at - 1) === "number" && left.kind === "constant" ? strong(right.next) : weak(right.next);
      }
      if (reader.type(at - 1) === "number" && reader.type(right.next) === "comment") return strong(right.next);
      return undefined;
    }
    // `' or 1`, `' || true -- `, `1 or 1#`
    if (left.kind === "constant" && reader.type(left.next) === "comment") {
      return out || reader.type(at - 1) === "number" ? strong(left.next) : undefined;
    }
    if (out && left.kind === "constant" && reader.ends(left.next) && reader.tokens[at]!.text !== "and")
      return strong(left.next);
    if (out && left.kind === "open" && reader.tokens[at]!.text === "||") return weak(left.next);
    return undefined;
  },
};

/** The logic stands behind the first value of the text: `1 or 1=1`, `admin or 'a'='a'`. */
const startsValue = (reader: SqlReader, at: number): boolean =>
  at === 0 || (at <= 2 && ["number", "word"].includes(reader.type(0))) || reader.type(at - 1) === "number";

function isFunction(reader: SqlReader, from: number): boolean {
  const token = reader.tokens[reader.skip(from, "open", "operator")];
  return token !== undefined && token.type === "word" && functionNames.has(token.text);
}

function isDanger(reader: SqlReader, from: number): boolean {
  return reader.tokens[reader.skip(from, "open", "operator")]?.word === "danger";
}

/** `union all select 1,2,3`, `union(select(…))` */
const union: SqlPattern = {
  name: "union",
  words: ["union"],
  match(reader, at) {
    if (reader.tokens[at]?.word !== "union" || reader.type(at) !== "word") return undefined;
    let next = at + 1;
    if (reader.is(next, "all", "distinct", "distinctrow")) next++;
    next = reader.skip(next, "open");
    if (reader.is(next, "values")) return reader.type(next + 1) === "open" ? strong(next + 2) : undefined;
    if (reader.tokens[next]?.word !== "select") return undefined;
    next++;
    if (reader.is(next, "all", "distinct", "top")) next++;
    if (reader.is(next, "*")) return strong(next + 1);
    const first = reader.operand(next);
    if (!first) return afterValue(reader, at) ? strong(next) : weak(next);
    if (first.kind !== "name") return strong(first.next);
    const after = reader.type(first.next);
    if (after === "comma" || after === "comment" || reader.is(first.next, "from") || afterValue(reader, at))
      return strong(first.next);
    return reader.ends(first.next) ? weak(first.next) : undefined;
  },
};

/** `admin'--`, `x')#`, `1'/*` */
const cutOff: SqlPattern = {
  name: "comment",
  types: ["comment"],
  match(reader, at) {
    const token = reader.tokens[at]!;
    if (token.type !== "comment" || at === 0) return undefined;
    let before = at - 1;
    while (reader.type(before) === "semicolon" || reader.type(before) === "close") before--;
    const quote = reader.tokens[before];
    if (quote?.type !== "quote" || !quote.odd) return undefined;
    if (token.last) return strong(at + 1);
    return token.text === "#" ? undefined : weak(at + 1);
  },
};

/** `; drop table users`, `';exec xp_cmdshell('dir')` */
const stacked: SqlPattern = {
  name: "statement",
  types: ["semicolon"],
  match(reader, at) {
    if (reader.type(at) !== "semicolon") return undefined;
    const head = statement(reader, at + 1);
    if (!head) return undefined;
    return head.strength === "strong" || afterValue(reader, at) ? strong(head.end) : head;
  },
};

/** A statement that does something, recognised by more than its first word. */
function statement(reader: SqlReader, at: number): Found | undefined {
  const is = (offset: number, ...texts: string[]): boolean => reader.is(at + offset, ...texts);
  /** Behind the name of a table or the like; a list of columns may follow. */
  const named = (from: number): number => {
    const operand = reader.operand(from);
    if (operand?.kind === "name") return operand.next;
    return operand?.kind === "call" && operand.next <= reader.tokens.length ? from + 1 : -1;
  };
  if (is(0, "drop", "truncate", "alter", "create") && reader.tokens[at + 1]?.word === "object") {
    const name = named(is(2, "if") ? (reader.is(at + 3, "not") ? at + 5 : at + 4) : at + 2);
    if (name < 0) return undefined;
    // "Drop the table tennis" goes on in English, SQL with one of these.
    const goesOn =
      reader.type(name) === "open" ||
      reader.is(
        name,
        "cascade",
        "restrict",
        "as",
        "add",
        "drop",
        "set",
        "rename",
        "modify",
        "on",
        "with",
        "identified",
      );
    return goesOn || reader.ends(name) ? strong(name) : undefined;
  }
  if (is(0, "insert", "replace") && is(1, "into")) {
    const name = named(at + 2);
    return name >= 0 && (reader.type(name) === "open" || reader.is(name, "values", "select", "set"))
      ? strong(name + 1)
      : undefined;
  }
  if (is(0, "update")) {
    const name = named(at + 1);
    return name >= 0 && reader.is(name, "set") && reader.type(name + 2) === "compare" ? strong(name + 3) : undefined;
  }
  if (is(0, "delete") && is(1, "from")) {
    const name = named(at + 2);
    return name >= 0 && (reader.ends(name) || reader.is(name, "where")) ? strong(name) : undefined;
  }
  if (is(0, "exec", "execute")) {
    const next = reader.skip(at + 1, "open");
    const word = reader.tokens[next];
    if (!word) return undefined;
    if (word.word === "danger" || /^(?:xp|sp)_/.test(word.text) || is(1, "master", "immediate"))
      return strong(next + 1);
    return word.type === "variable" || word.type === "quote" ? weak(next + 1) : undefined;
  }
  if (is(0, "waitfor") && is(1, "delay", "time") && reader.type(at + 2) === "quote") return strong(at + 3);
  if (is(0, "declare") && reader.type(at + 1) === "variable") return strong(at + 2);
  if (is(0, "set") && reader.type(at + 1) === "variable") return strong(at + 2);
  if (is(0, "shutdown") && (reader.ends(at + 1) || is(1, "with")))
    return reader.type(at + 1) === "end" ? weak(at + 1) : strong(at + 1);
  if (is(0, "grant", "revoke") && is(2, "on")) return strong(at + 3);
  if (
    is(0, "copy", "backup", "restore", "attach", "load", "handler", "rename") &&
    (reader.tokens[at + 1]?.word === "object" || is(2, "from", "to", "open", "read") || is(1, "data"))
  ) {
    return weak(at + 3);
  }
  if (is(0, "select")) return query(reader, at) ?? selectCall(reader, at);
  if (is(0, "call") && reader.type(at + 2) === "open") return weak(at + 3);
  if (is(0, "if") && reader.type(at + 1) === "open") return weak(at + 2);
  return undefined;
}

/** `select pg_sleep(5)`, `select @@version` */
function selectCall(reader: SqlReader, at: number): Found | undefined {
  const operand = reader.operand(at + 1);
  if (!operand) return undefined;
  if (operand.kind === "call" && isFunction(reader, at + 1)) return strong(operand.next);
  return operand.kind === "constant" && operand.text.startsWith("@@") ? strong(operand.next) : undefined;
}

/** `select a from b`: more or less sure by what is selected, from what, and what comes after. */
function query(reader: SqlReader, at: number): Found | undefined {
  let next = at + 1;
  if (reader.is(next, "distinct", "all")) next++;
  if (reader.is(next, "top", "first") && reader.type(next + 1) === "number") next += 2;
  let telling = false;
  for (let columns = 0; columns < 40; columns++) {
    if (reader.is(next, "*")) {
      telling = true;
      next++;
    } else {
      const column = reader.operand(next);
      if (!column) return undefined;
      if (column.kind === "call" && column.text === "from") return strong(column.next);
      telling ||= column.kind === "call" ? isFunction(reader, next) : column.kind !== "name";
      next = column.next;
      if (reader.is(next, "as")) next += 2;
    }
    if (reader.type(next) !== "comma") break;
    next++;
    telling ||= columns > 1;
  }
  if (!reader.is(next, "from") && !reader.is(next, "into")) return undefined;
  if (reader.is(next, "into"))
    return reader.is(next + 1, "outfile", "dumpfile") || reader.type(next + 1) === "variable"
      ? strong(next + 2)
      : undefined;
  const from = reader.skip(next + 1, "open");
  const table = reader.tokens[from];
  if (!table) return undefined;
  if (table.word === "catalog" || table.word === "select" || table.word === "danger") return strong(from + 1);
  const name = reader.operand(from);
  if (!name || (name.kind !== "name" && name.kind !== "string" && name.kind !== "call")) return undefined;
  if (reader.is(name.next, "where")) {
    const left = reader.operand(name.next + 1);
    return left && comparison(reader, left.next) >= 0 ? strong(left.next + 1) : undefined;
  }
  const done =
    reader.ends(name.next) ||
    reader.type(name.next) === "comma" ||
    reader.type(name.next) === "quote" ||
    reader.is(name.next, "limit", "order", "group", "union", "join", "inner", "left", "having", "for");
  if (!done) return telling && reader.type(from + 1) === "dot" ? strong(name.next) : undefined;
  const inParentheses =
    reader.type(at - 1) === "open" && ["compare", "operator", "logic", "comma", "open"].includes(reader.type(at - 2));
  return telling || inParentheses || afterValue(reader, at) ? strong(name.next) : weak(name.next);
}

const subquery: SqlPattern = {
  name: "query",
  words: ["select"],
  match(reader, at) {
    if (reader.tokens[at]!.word !== "select" || reader.type(at) !== "word" || reader.type(at - 1) === "dot")
      return undefined;
    const found = query(reader, at);
    if (found) return found;
    const called = selectCall(reader, at);
    if (!called) return undefined;
    return reader.type(at - 1) === "open" || afterValue(reader, at) ? called : weak(called.end);
  },
};

/** `sleep(5)` where an expression stands, `benchmark(…)`, `extractvalue(1,…)` */
const dangerousCall: SqlPattern = {
  name: "call",
  words: ["danger"],
  match(reader, at) {
    const token = reader.tokens[at]!;
    if (token.word !== "danger" || reader.type(at - 1) === "dot") return undefined;
    const call = reader.type(at + 1) === "open" || (reader.type(at + 1) === "dot" && reader.type(at + 2) === "word");
    if (!call) return /^(?:xp|sp)_/.test(token.text) && afterExec(reader, at) ? strong(at + 1) : undefined;
    const before = reader.type(at - 1);
    const operand = reader.operand(at);
    const end = operand?.next ?? at + 2;
    if (["logic", "operator", "comma", "compare"].includes(before) || breaksOut(reader, at)) return strong(end);
    if (before === "open" && reader.tokens[at - 2]?.word === "select") return strong(end);
    // A program may sleep, too; nothing else but a database does these.
    if (token.text === "sleep") return before === "open" && reader.type(at + 2) === "number" ? weak(end) : undefined;
    return reader.type(at + 2) === "close" ? weak(end) : strong(end);
  },
};

const afterExec = (reader: SqlReader, at: number): boolean =>
  reader.is(at - 1, "exec", "execute") || (reader.type(at - 1) === "dot" && reader.type(at - 2) !== "end");

/** `waitfor delay '0:0:5'` without a semicolon, `declare @q varchar(99)` */
const bareStatement: SqlPattern = {
  name: "statement",
  words: ["verb"],
  match(reader, at) {
    if (reader.tokens[at]!.word !== "verb" || reader.type(at - 1) === "semicolon" || reader.type(at - 1) === "dot")
      return undefined;
    if (reader.is(at, "waitfor", "exec", "execute", "declare")) return statement(reader, at);
    const found = statement(reader, at);
    if (!found) return undefined;
    return afterValue(reader, at) ? strong(found.end) : weak(found.end);
  },
};

/** `1' order by 3--`, `1 group by x having 1=1` */
const clause: SqlPattern = {
  name: "clause",
  words: ["clause", "object"],
  match(reader, at) {
    if (reader.is(at, "order", "group") && reader.is(at + 1, "by")) {
      const column = reader.operand(at + 2);
      if (!column) return undefined;
      const end = reader.skip(column.next, "comma");
      if (breaksOut(reader, at)) return strong(end);
      const probes = column.kind === "constant" && (reader.ends(column.next) || reader.type(column.next) === "comma");
      if (probes && afterValue(reader, at)) return strong(end);
      return probes && reader.type(column.next) === "comment" ? strong(end) : undefined;
    }
    if (reader.is(at, "having") || reader.is(at, "where")) {
      const left = reader.operand(at + 1);
      const next = left ? comparison(reader, left.next) : -1;
      const right = next < 0 ? undefined : reader.operand(next);
      if (!left || !right) return undefined;
      if (fixed.has(left.kind) && fixed.has(right.kind))
        return left.kind === "constant" && right.kind === "constant" ? strong(right.next) : weak(right.next);
      return breaksOut(reader, at) ? strong(right.next) : undefined;
    }
    if (reader.is(at, "limit", "offset") && breaksOut(reader, at) && reader.type(at + 1) === "number")
      return strong(at + 2);
    if (reader.is(at, "procedure") && reader.is(at + 1, "analyse")) return strong(at + 2);
    if (reader.is(at, "into") && reader.is(at + 1, "outfile", "dumpfile")) return strong(at + 2);
    return undefined;
  },
};

/** `'='`, `' like '%`, `'||(select …)||'`, `'+char(65)+'`, `1'=1--` */
const expression: SqlPattern = {
  name: "expression",
  types: ["compare", "operator", "logic"],
  match(reader, at) {
    const type = reader.type(at);
    if (type !== "compare" && type !== "operator" && !reader.is(at, "||")) return undefined;
    if (!breaksOut(reader, at)) return undefined;
    const from = reader.is(at, "not", "is") && reader.type(at + 1) === "compare" ? at + 2 : at + 1;
    const right = reader.operand(from);
    if (!right) return undefined;
    if (right.kind === "query") return strong(right.next);
    if (right.kind === "call") return isFunction(reader, from) ? strong(right.next) : undefined;
    const after = reader.type(right.next);
    if (right.kind === "constant" || right.kind === "string") {
      if (after === "comment" || after === "logic") return strong(right.next);
      return after === "end" && type === "compare" ? weak(right.next) : undefined;
    }
    // `'='`: the application closes the last string.
    if (right.kind !== "open") return undefined;
    if (right.next <= from + 3 && right.next >= reader.tokens.length) {
      return type === "compare" || reader.is(at, "||") ? strong(right.next) : weak(right.next);
    }
    return undefined;
  },
};

/** `if(1=1,…)`, `case when 1=1 then …`, `char(83)+char(76)`, `cast((select …) as int)` */
const computation: SqlPattern = {
  name: "computation",
  types: ["word"],
  match(reader, at) {
    if (reader.is(at, "case")) {
      const when = reader.is(at + 1, "when") ? at + 1 : -1;
      const left = when < 0 ? undefined : reader.operand(when + 1);
      const next = left ? comparison(reader, left.next) : -1;
      const right = next < 0 ? undefined : reader.operand(next);
      if (!left || !right || !reader.is(right.next, "then")) return undefined;
      return fixed.has(left.kind) || left.kind === "call" || left.kind === "query" || afterValue(reader, at)
        ? strong(right.next)
        : weak(right.next);
    }
    if (reader.type(at) !== "word" || reader.type(at + 1) !== "open" || reader.type(at - 1) === "dot") return undefined;
    if (reader.is(at, "if", "iif", "elt")) {
      const left = reader.operand(at + 2);
      const next = left ? comparison(reader, left.next) : -1;
      const right = next < 0 ? undefined : reader.operand(next);
      if (!left || !right || reader.type(right.next) !== "comma") return undefined;
      return fixed.has(left.kind) && fixed.has(right.kind) ? strong(right.next) : undefined;
    }
    if (reader.is(at, "char", "chr", "nchar", "concat", "concat_ws", "cast", "convert")) {
      const inner = reader.tokens[reader.skip(at + 2, "open")];
      if (inner?.word === "select") return strong(at + 4);
      if (reader.is(at, "char", "chr", "nchar") && reader.type(at + 2) === "number") {
        const more = reader.skip(at + 3, "comma", "number", "close");
        const again = reader.is(more, "+", "||") && reader.is(more + 1, "char", "chr", "nchar");
        return again ? strong(more + 2) : undefined;
      }
      if (
        reader.is(at, "concat", "concat_ws") &&
        reader.tokens[at + 2]?.type === "number" &&
        reader.tokens[at + 2]!.text.startsWith("0x")
      )
        return strong(at + 3);
    }
    return undefined;
  },
};

/** `information_schema.tables`, `@@version` among the pieces of a query */
const catalog: SqlPattern = {
  name: "catalog",
  types: ["variable"],
  words: ["catalog"],
  match(reader, at) {
    const token = reader.tokens[at]!;
    if (token.word === "catalog" && reader.is(at - 1, "from", "join") && token.text !== "dual") return strong(at + 1);
    if (token.text === "information_schema" && reader.type(at + 1) === "dot") return weak(at + 3);
    if (token.type === "variable" && token.text.startsWith("@@")) {
      const before = reader.type(at - 1);
      if (
        ["operator", "compare", "comma", "logic"].includes(before) ||
        breaksOut(reader, at) ||
        reader.is(at - 1, "select")
      )
        return strong(at + 1);
    }
    return undefined;
  },
};

const sqlPatterns: readonly SqlPattern[] = [
  condition,
  union,
  cutOff,
  stacked,
  subquery,
  dangerousCall,
  bareStatement,
  clause,
  expression,
  computation,
  catalog,
];

const byType = new Map<string, SqlPattern[]>();
const byWord = new Map<string, SqlPattern[]>();
for (const pattern of sqlPatterns) {
  for (const type of pattern.types ?? []) byType.set(type, [...(byType.get(type) ?? []), pattern]);
  for (const word of pattern.words ?? []) byWord.set(word, [...(byWord.get(word) ?? []), pattern]);
}
const none: readonly SqlPattern[] = [];

/** What may begin at a piece: by its type, and by its word. */
export const patternsAt = (token: SqlToken): readonly [readonly SqlPattern[], readonly SqlPattern[]] => [
  byType.get(token.type) ?? none,
  token.type === "word" ? (byWord.get(token.word) ?? none) : none,
];
