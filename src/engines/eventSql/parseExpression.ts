/** Expressions, by precedence. `QueryParser` adds what stands around them. */
import type { BinaryOperator, Expression, Query } from "./ast.ts";
import { QueryError } from "./queryError.ts";
import type { Token } from "./tokens.ts";

/** Words that end an expression or a name where one might stand. */
const reserved = new Set(
  (
    "and as between by case cast cross distinct else end escape except exists false fetch for from full group having in " +
    "inner intersect is join left like limit natural not null offset on or order right select then true union unnest " +
    "using values when where with"
  ).split(" "),
);
const comparisons = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
const intervalUnits = new Set(["second", "minute", "hour", "day", "week", "month", "year"]);
/** Written without parentheses. */
const bareFunctions = new Set(["current_timestamp", "current_date", "localtimestamp"]);
const deepest = 100;

export abstract class ExpressionParser {
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  abstract query(): Query;

  expression(): Expression {
    return this.nested(() => this.#leftToRight(["or"], () => this.#conjunction()));
  }

  #conjunction(): Expression {
    return this.#leftToRight(["and"], () => this.#negation());
  }

  #leftToRight(words: readonly ("and" | "or")[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const at = this.peek();
      const operator = words.find((word) => this.takeWord(word));
      if (!operator) return left;
      left = { kind: "binary", operator, left, right: operand(), at };
    }
  }

  #negation(): Expression {
    const at = this.peek();
    if (!this.takeWord("not")) return this.#predicate();
    return this.nested(() => ({ kind: "unary", operator: "not", of: this.#negation(), at }));
  }

  #predicate(): Expression {
    let left = this.#sum();
    for (;;) {
      const next = this.#condition(left);
      if (!next) return left;
      left = next;
    }
  }

  #condition(of: Expression): Expression | undefined {
    const at = this.peek();
    if (at.kind === "symbol" && comparisons.has(at.text)) {
      this.next();
      if (this.isWord("any") || this.isWord("all") || this.isWord("some")) {
        throw this.refused("comparison with ANY, ALL or SOME is not supported");
      }
      const operator = (at.text === "!=" ? "<>" : at.text) as BinaryOperator;
      return { kind: "binary", operator, left: of, right: this.#sum(), at };
    }
    if (this.takeWord("is")) return this.#is(of, at);
    const not = this.isWord("not") && ["between", "in", "like"].some((word) => this.isWord(word, 1));
    if (not) this.next();
    if (this.takeWord("between")) {
      const low = this.#sum();
      this.expectWord("and");
      return { kind: "between", of, low, high: this.#sum(), not, at };
    }
    if (this.takeWord("in")) return this.#in(of, not, at);
    if (!this.takeWord("like")) return undefined;
    const pattern = this.#sum();
    return { kind: "like", of, pattern, not, at, ...(this.takeWord("escape") ? { escape: this.#sum() } : {}) };
  }

  #is(of: Expression, at: Token): Expression {
    const not = this.takeWord("not");
    if (this.takeWord("null")) return { kind: "isNull", of, not, at };
    this.expectWord("distinct");
    this.expectWord("from");
    const operator = not ? "is not distinct from" : "is distinct from";
    return { kind: "binary", operator, left: of, right: this.#sum(), at };
  }

  #in(of: Expression, not: boolean, at: Token): Expression {
    this.expectSymbol("(");
    const values = this.isWord("select") || this.isWord("with") ? this.query() : this.#expressions();
    this.expectSymbol(")");
    return { kind: "in", of, values, not, at };
  }

  #sum(): Expression {
    return this.#arithmetic(["+", "-", "||"], () => this.#arithmetic(["*", "/", "%"], () => this.#signed()));
  }

  #arithmetic(symbols: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const at = this.peek();
      const operator = symbols.find((symbol) => this.takeSymbol(symbol));
      if (!operator) return left;
      left = { kind: "binary", operator, left, right: operand(), at };
    }
  }

  #signed(): Expression {
    const at = this.peek();
    if (this.takeSymbol("+")) return this.nested(() => this.#signed());
    if (this.takeSymbol("-")) return this.nested(() => ({ kind: "unary", operator: "-", of: this.#signed(), at }));
    let value = this.#primary();
    for (;;) {
      const here = this.peek();
      if (this.takeSymbol("[")) {
        value = { kind: "subscript", of: value, index: this.expression(), at: here };
        this.expectSymbol("]");
      } else if (this.takeSymbol(".")) {
        value = { kind: "field", of: value, name: this.identifier(), at: here };
      } else if (this.isWord("at") && this.isWord("time", 1)) {
        throw this.refused("AT TIME ZONE is not supported; times are UTC");
      } else return value;
    }
  }

  #primary(): Expression {
    const at = this.peek();
    if (at.kind === "number") return { kind: "number", text: this.next().text, at };
    if (at.kind === "string") return { kind: "string", value: this.next().text, at };
    if (this.takeSymbol("(")) return this.#parenthesized(at);
    if (this.takeWord("null")) return { kind: "null", at };
    for (const value of [true, false]) if (this.takeWord(String(value))) return { kind: "boolean", value, at };
    if (this.takeWord("case")) return this.#case(at);
    if (this.takeWord("exists")) {
      this.expectSymbol("(");
      const query = this.query();
      this.expectSymbol(")");
      return { kind: "exists", query, at };
    }
    for (const word of ["cast", "try_cast"]) {
      if (this.isWord(word) && this.peek(1).text === "(") return this.#cast(at, word === "try_cast");
    }
    if (this.peek(1).kind === "string") {
      for (const kind of ["timestamp", "date"] as const) {
        if (this.takeWord(kind)) return { kind, value: this.next().text, at };
      }
      if (this.takeWord("interval")) return this.#interval(at);
    }
    const bare = [...bareFunctions].find((word) => this.isWord(word));
    if (bare !== undefined) {
      this.next();
      return { kind: "call", name: bare, distinct: false, star: false, args: [], at };
    }
    if (at.kind === "word" && this.peek(1).kind === "symbol" && this.peek(1).text === "(") return this.#call(at);
    return { kind: "name", parts: this.#path(), at };
  }

  #path(): string[] {
    const parts = [this.identifier()];
    while (this.isSymbol(".")) {
      this.next();
      parts.push(this.identifier());
    }
    return parts;
  }

  #parenthesized(at: Token): Expression {
    if (this.isWord("select") || this.isWord("with")) {
      const query = this.query();
      this.expectSymbol(")");
      return { kind: "scalar", query, at };
    }
    const value = this.expression();
    if (this.isSymbol(",")) throw this.refused("row values are not supported");
    this.expectSymbol(")");
    return value;
  }

  #case(at: Token): Expression {
    const of = this.isWord("when") ? undefined : this.expression();
    const whens: [Expression, Expression][] = [];
    while (this.takeWord("when")) {
      const when = this.expression();
      this.expectWord("then");
      whens.push([when, this.expression()]);
    }
    if (whens.length === 0) throw this.mismatched(this.peek());
    const otherwise = this.takeWord("else") ? this.expression() : undefined;
    this.expectWord("end");
    return { kind: "case", whens, at, ...(of ? { of } : {}), ...(otherwise ? { otherwise } : {}) };
  }

  #cast(at: Token, attempt: boolean): Expression {
    this.next();
    this.expectSymbol("(");
    const of = this.expression();
    this.expectWord("as");
    const type = this.identifier().toLowerCase();
    // Length or precision changes nothing that is kept here.
    if (this.takeSymbol("(")) {
      while (!this.takeSymbol(")")) if (this.next().kind === "end") throw this.mismatched(this.peek());
    }
    this.expectSymbol(")");
    return { kind: "cast", of, type, try: attempt, at };
  }

  #interval(at: Token): Expression {
    const amount = this.next();
    const unit = this.identifier().toLowerCase();
    if (!/^-?\d{1,9}$/.test(amount.text) || !intervalUnits.has(unit)) {
      throw new QueryError(`Invalid interval '${amount.text}' ${unit}`, at);
    }
    return { kind: "interval", amount: Number(amount.text), unit, at };
  }

  #call(at: Token): Expression {
    const name = this.next().text.toLowerCase();
    this.expectSymbol("(");
    const star = this.takeSymbol("*");
    const distinct = !star && this.takeWord("distinct");
    const args = star || this.isSymbol(")") ? [] : this.#expressions();
    if (this.isWord("order")) throw this.refused("ORDER BY inside an aggregate is not supported");
    this.expectSymbol(")");
    let filter: Expression | undefined;
    if (this.isWord("filter") && this.peek(1).text === "(") {
      this.next();
      this.expectSymbol("(");
      this.expectWord("where");
      filter = this.expression();
      this.expectSymbol(")");
    }
    if (this.isWord("over")) throw this.refused("window functions are not supported");
    return { kind: "call", name, distinct, star, args, at, ...(filter ? { filter } : {}) };
  }

  #expressions(): Expression[] {
    const values = [this.expression()];
    while (this.takeSymbol(",")) values.push(this.expression());
    return values;
  }

  /** Bounds recursion: a statement cannot exhaust the stack. */
  protected nested<T>(work: () => T): T {
    if (++this.#depth > deepest) throw new QueryError("The statement is nested too deeply", this.peek());
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "word" && token.text.toLowerCase() === word;
  }

  isSymbol(symbol: string): boolean {
    const token = this.peek();
    return token.kind === "symbol" && token.text === symbol;
  }

  isIdentifier(): boolean {
    const token = this.peek();
    return token.kind === "quoted" || (token.kind === "word" && !reserved.has(token.text.toLowerCase()));
  }

  takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.next();
    return true;
  }

  takeWords(first: string, second: string): boolean {
    if (!this.isWord(first) || !this.isWord(second, 1)) return false;
    this.next();
    this.next();
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.next();
    return true;
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.mismatched(this.peek(), word.toUpperCase());
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.mismatched(this.peek(), symbol);
  }

  expectEnd(): void {
    if (this.peek().kind !== "end") throw this.mismatched(this.peek(), "<EOF>");
  }

  identifier(): string {
    if (!this.isIdentifier()) throw this.mismatched(this.peek(), "<identifier>");
    return this.next().text;
  }

  mismatched(token: Token, expected?: string): QueryError {
    return new QueryError(`mismatched input '${token.text}'${expected ? `. Expecting: '${expected}'` : ""}`, token);
  }

  refused(reason: string): QueryError {
    return new QueryError(reason, this.peek());
  }
}
