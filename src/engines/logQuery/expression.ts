/** Expressions: parsed and at once compiled to functions of a row. */
import { aggregateFunctions, type Aggregate } from "./aggregates.ts";
import { durationMs, scalarFunctions } from "./functions.ts";
import { QuerySyntaxError } from "./syntaxError.ts";
import type { Token } from "./tokens.ts";
import { compare, isTrue, Time, toNumber, toText, type Value } from "./values.ts";

export interface Row {
  get(name: string): Value;
  /** Time of the event, epoch milliseconds. */
  at: number;
}

export type Evaluate = (row: Row) => Value;

export interface Expression {
  evaluate: Evaluate;
  /** Text as it was written: the name of the column when no other is given. */
  text: string;
  /** A field and nothing else. */
  field?: string;
}

/** Of `stats`: what the rows of a group are made into. */
export interface AggregateColumn {
  name: string;
  argument: Evaluate;
  make(): Aggregate;
}

const mostDepth = 200;

export class Reader {
  readonly #query: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(query: string, tokens: readonly Token[]) {
    this.#query = query;
    this.#tokens = tokens;
  }

  peek(): Token {
    return this.#tokens[this.#at]!;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** Takes a symbol, or a name whatever its case. */
  take(text: string): boolean {
    const token = this.peek();
    const same =
      token.kind === "symbol" ? token.text === text : token.kind === "name" && token.text.toLowerCase() === text;
    if (same) this.#at++;
    return same;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(`'${text}'`);
  }

  name(what: string): Token {
    const token = this.peek();
    if (token.kind !== "name") throw this.unexpected(what);
    this.#at++;
    return token;
  }

  number(what: string): number {
    const sign = this.take("-") ? -1 : 1;
    const token = this.peek();
    if (token.kind !== "number") throw this.unexpected(what);
    this.#at++;
    return sign * Number(token.text);
  }

  unexpected(wanted: string): QuerySyntaxError {
    const { kind, start, end, text } = this.peek();
    const found = kind === "end" ? "end of query" : `symbol '${text}'`;
    return new QuerySyntaxError(`unexpected ${found} found, expected ${wanted}`, start, end);
  }

  /** An expression with its text. */
  expression(): Expression {
    const from = this.#at;
    const evaluate = this.#or();
    const first = this.#tokens[from]!;
    const last = this.#tokens[this.#at - 1]!;
    const alone = this.#at - from === 1 && first.kind === "name";
    return {
      evaluate,
      text: alone ? first.text : this.#query.slice(first.start, last.end),
      ...(alone ? { field: first.text } : {}),
    };
  }

  /** `count(*) as n`, `pct(@duration, 95)`. */
  aggregate(): AggregateColumn {
    const start = this.peek();
    const called = this.name("an aggregation function");
    const known = aggregateFunctions.get(called.text.toLowerCase());
    if (!known) {
      throw new QuerySyntaxError(`unknown aggregation function '${called.text}'`, called.start, called.end);
    }
    this.expect("(");
    let argument: Evaluate = () => 1;
    if (!(called.text.toLowerCase() === "count" && (this.take("*") || this.peek().text === ")"))) argument = this.#or();
    let parameter = 0;
    for (let i = 0; i < known.parameters; i++) {
      this.expect(",");
      const at = this.peek();
      parameter = this.number("a number");
      if (parameter < 0 || parameter > 100)
        throw new QuerySyntaxError("a percentile is from 0 to 100", at.start, at.end);
    }
    this.expect(")");
    const text = this.#query.slice(start.start, this.#tokens[this.#at - 1]!.end);
    const name = this.take("as") ? this.name("a name").text : text;
    return { name, argument, make: () => known.make(parameter) };
  }

  #or(): Evaluate {
    let left = this.#and();
    while (this.take("or")) {
      const [a, b] = [left, this.#and()];
      left = (row) => isTrue(a(row)) || isTrue(b(row));
    }
    return left;
  }

  #and(): Evaluate {
    let left = this.#not();
    while (this.take("and")) {
      const [a, b] = [left, this.#not()];
      left = (row) => isTrue(a(row)) && isTrue(b(row));
    }
    return left;
  }

  #not(): Evaluate {
    if (!this.take("not")) return this.#comparison();
    this.#deeper();
    const inner = this.#not();
    this.#depth--;
    return (row) => !isTrue(inner(row));
  }

  #comparison(): Evaluate {
    const left = this.#sum();
    for (const symbol of ["=", "!=", "<=", ">=", "<", ">"] as const) {
      if (this.take(symbol)) return ordered(symbol, left, this.#sum());
    }
    if (this.take("=~")) return this.#like(left);
    if (this.take("like")) return this.#like(left);
    if (this.take("in")) return this.#in(left);
    if (this.take("not")) {
      const inner = this.take("like") ? this.#like(left) : this.take("in") ? this.#in(left) : undefined;
      if (!inner) throw this.unexpected("'like' or 'in'");
      return (row) => !isTrue(inner(row));
    }
    return left;
  }

  #like(left: Evaluate): Evaluate {
    const token = this.peek();
    if (token.kind === "regex") {
      const pattern = this.regex();
      return (row) => {
        const value = left(row);
        return value !== undefined && pattern.test(toText(value));
      };
    }
    const part = this.#sum();
    return (row) => {
      const value = left(row);
      return value !== undefined && toText(value).includes(toText(part(row)));
    };
  }

  /** @throws QuerySyntaxError a regex that is none */
  regex(): RegExp {
    const token = this.peek();
    if (token.kind !== "regex") throw this.unexpected("a regular expression");
    this.#at++;
    // Inline `(?i)` in front, as Insights' own examples write it, is a flag of ours.
    const inline = /^\(\?([ims]+)\)/.exec(token.text);
    try {
      const flags = [...new Set([...(token.flags ?? ""), ...(inline?.[1] ?? "")])].join("");
      return new RegExp(token.text.slice(inline?.[0].length ?? 0), flags);
    } catch (error) {
      throw new QuerySyntaxError(`invalid regular expression: ${(error as Error).message}`, token.start, token.end);
    }
  }

  #in(left: Evaluate): Evaluate {
    this.expect("[");
    const values: Evaluate[] = [];
    do values.push(this.#sum());
    while (this.take(","));
    this.expect("]");
    return (row) => {
      const value = left(row);
      return value !== undefined && values.some((each) => compare(each(row), value) === 0);
    };
  }

  #sum(): Evaluate {
    let left = this.#product();
    for (;;) {
      if (this.take("+")) left = arithmetic(left, this.#product(), (a, b) => a + b);
      else if (this.take("-")) left = arithmetic(left, this.#product(), (a, b) => a - b);
      else return left;
    }
  }

  #product(): Evaluate {
    let left = this.#power();
    for (;;) {
      if (this.take("*")) left = arithmetic(left, this.#power(), (a, b) => a * b);
      else if (this.take("/")) left = arithmetic(left, this.#power(), (a, b) => a / b);
      else if (this.take("%")) left = arithmetic(left, this.#power(), (a, b) => a % b);
      else return left;
    }
  }

  #power(): Evaluate {
    const left = this.#unary();
    if (!this.take("^")) return left;
    this.#deeper();
    const right = this.#power();
    this.#depth--;
    return arithmetic(left, right, (a, b) => a ** b);
  }

  #unary(): Evaluate {
    if (!this.take("-")) return this.#primary();
    this.#deeper();
    const inner = this.#unary();
    this.#depth--;
    return arithmetic(
      () => 0,
      inner,
      (a, b) => a - b,
    );
  }

  #primary(): Evaluate {
    const token = this.peek();
    if (this.take("(")) {
      this.#deeper();
      const inner = this.#or();
      this.expect(")");
      this.#depth--;
      return inner;
    }
    if (token.kind === "string" || token.kind === "number") {
      this.#at++;
      const value = token.kind === "number" ? Number(token.text) : token.text;
      return () => value;
    }
    if (token.kind !== "name") throw this.unexpected("a value");
    this.#at++;
    if (token.text === "true" || token.text === "false") return () => token.text === "true";
    if (this.peek().text === "(" && this.peek().kind === "symbol") return this.#call(token);
    return (row) => row.get(token.text);
  }

  #call(token: Token): Evaluate {
    this.expect("(");
    this.#deeper();
    const name = token.text.toLowerCase();
    const evaluate = ["bin", "datefloor", "dateceil"].includes(name) ? this.#bin(name) : this.#scalar(token, name);
    this.expect(")");
    this.#depth--;
    return evaluate;
  }

  #scalar(token: Token, name: string): Evaluate {
    const known = scalarFunctions.get(name);
    if (!known) throw new QuerySyntaxError(`unknown function '${token.text}'`, token.start, token.end);
    const args: Evaluate[] = [];
    if (this.peek().text !== ")" || this.peek().kind !== "symbol") {
      do args.push(this.#or());
      while (this.take(","));
    }
    if (args.length < known.least || args.length > known.most) {
      throw new QuerySyntaxError(`wrong number of arguments of '${token.text}'`, token.start, this.peek().end);
    }
    return (row) => known.call(args.map((arg) => arg(row)));
  }

  /** `bin(5m)`, `datefloor(@timestamp, 1h)`. */
  #bin(name: string): Evaluate {
    let value: Evaluate = (row) => new Time(row.at);
    if (name !== "bin") {
      value = this.#sum();
      this.expect(",");
    }
    const token = this.peek();
    const size = token.kind === "duration" ? durationMs(token.text) : undefined;
    if (size === undefined) throw this.unexpected("a period such as 5m");
    this.#at++;
    const round = name === "dateceil" ? Math.ceil : Math.floor;
    return (row) => {
      const at = toNumber(value(row));
      return at === undefined ? undefined : new Time(round(at / size) * size);
    };
  }

  #deeper(): void {
    const { start, end } = this.peek();
    if (++this.#depth > mostDepth) throw new QuerySyntaxError("the query is nested too deeply", start, end);
  }
}

function ordered(symbol: "=" | "!=" | "<" | "<=" | ">" | ">=", left: Evaluate, right: Evaluate): Evaluate {
  return (row) => {
    const [a, b] = [left(row), right(row)];
    if (symbol === "!=") return a === undefined || b === undefined ? a !== b : compare(a, b) !== 0;
    if (a === undefined || b === undefined) return false;
    const order = compare(a, b);
    switch (symbol) {
      case "=":
        return order === 0;
      case "<":
        return order < 0;
      case "<=":
        return order <= 0;
      case ">":
        return order > 0;
      default:
        return order >= 0;
    }
  };
}

function arithmetic(left: Evaluate, right: Evaluate, calculate: (a: number, b: number) => number): Evaluate {
  return (row) => {
    const a = toNumber(left(row));
    const b = toNumber(right(row));
    if (a === undefined || b === undefined) return undefined;
    const result = calculate(a, b);
    return Number.isFinite(result) ? result : undefined;
  };
}
