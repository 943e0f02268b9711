/**
 * A SELECT statement of Trino's grammar, as far as `translate` can run it; what is beyond is refused with the place
 * and the reason. Source: CloudTrail User Guide, "CloudTrail Lake SQL constraints"; Trino documentation, "SELECT".
 */
import type { Body, Expression, OrderItem, Query, Relation, Select, SelectItem, SetOperation } from "./ast.ts";
import { ExpressionParser } from "./parseExpression.ts";
import { QueryError } from "./queryError.ts";
import { tokenize } from "./tokens.ts";

/** @throws QueryError */
export function parse(statement: string): Query {
  const parser = new QueryParser(tokenize(statement));
  const query = parser.query();
  parser.takeSymbol(";");
  parser.expectEnd();
  return query;
}

class QueryParser extends ExpressionParser {
  query(): Query {
    return this.nested(() => {
      const names = this.takeWord("with") ? this.#withList() : [];
      const body = this.#body();
      const orderBy = this.takeWords("order", "by") ? this.#list(() => this.#orderItem()) : [];
      const offset = this.takeWord("offset") ? this.#rows() : undefined;
      const limit = this.#limit();
      return {
        with: names,
        body,
        orderBy,
        ...(offset === undefined ? {} : { offset }),
        ...(limit === undefined ? {} : { limit }),
      };
    });
  }

  #withList(): Query["with"] {
    if (this.isWord("recursive")) throw this.refused("WITH RECURSIVE is not supported");
    return this.#list(() => {
      const name = this.identifier();
      const columns = this.#columnNames();
      this.expectWord("as");
      this.expectSymbol("(");
      const query = this.query();
      this.expectSymbol(")");
      return { name, query, ...(columns ? { columns } : {}) };
    });
  }

  #limit(): number | undefined {
    if (this.takeWord("limit")) return this.takeWord("all") ? undefined : this.#number();
    if (!this.takeWord("fetch")) return undefined;
    if (!this.takeWord("first")) this.expectWord("next");
    const count = this.peek().kind === "number" ? this.#number() : 1;
    if (!this.takeWord("row")) this.expectWord("rows");
    this.expectWord("only");
    return count;
  }

  #rows(): number {
    const count = this.#number();
    if (!this.takeWord("row")) this.takeWord("rows");
    return count;
  }

  #number(): number {
    const token = this.next();
    if (token.kind !== "number" || !/^\d{1,15}$/.test(token.text)) throw this.mismatched(token);
    return Number(token.text);
  }

  #orderItem(): OrderItem {
    const by = this.expression();
    const descending = this.takeWord("desc");
    if (!descending) this.takeWord("asc");
    // Trino sorts nulls last, whichever way the rest goes.
    let nullsFirst = false;
    if (this.takeWord("nulls")) {
      nullsFirst = this.takeWord("first");
      if (!nullsFirst) this.expectWord("last");
    }
    return { by, descending, nullsFirst };
  }

  #body(): Body {
    let left = this.#intersection();
    for (;;) {
      const operator = this.takeWord("union") ? "union" : this.takeWord("except") ? "except" : undefined;
      if (!operator) return left;
      left = { kind: "set", operator: this.#quantified(operator), left, right: this.#intersection() };
    }
  }

  #intersection(): Body {
    let left = this.#operand();
    while (this.takeWord("intersect")) {
      left = { kind: "set", operator: this.#quantified("intersect"), left, right: this.#operand() };
    }
    return left;
  }

  #quantified(operator: "union" | "except" | "intersect"): SetOperation["operator"] {
    if (this.takeWord("distinct")) return operator;
    if (!this.takeWord("all")) return operator;
    if (operator !== "union") throw this.refused(`${operator.toUpperCase()} ALL is not supported`);
    return "union all";
  }

  #operand(): Body {
    if (this.takeSymbol("(")) {
      const query = this.query();
      this.expectSymbol(")");
      return { kind: "nested", query };
    }
    if (this.isWord("values") || this.isWord("table")) throw this.refused("Only SELECT statements are allowed");
    return this.#select();
  }

  #select(): Select {
    this.expectWord("select");
    const distinct = this.takeWord("distinct");
    if (!distinct) this.takeWord("all");
    const items = this.#list(() => this.#item());
    const from = this.takeWord("from") ? this.#from() : undefined;
    const where = this.takeWord("where") ? this.expression() : undefined;
    const groupBy = this.takeWords("group", "by") ? this.#groups() : [];
    const having = this.takeWord("having") ? this.expression() : undefined;
    if (this.isWord("window")) throw this.refused("window functions are not supported");
    return {
      kind: "select",
      distinct,
      items,
      groupBy,
      ...(from ? { from } : {}),
      ...(where ? { where } : {}),
      ...(having ? { having } : {}),
    };
  }

  #groups(): Expression[] {
    for (const word of ["rollup", "cube", "grouping"]) {
      if (this.isWord(word)) throw this.refused(`GROUP BY ${word.toUpperCase()} is not supported`);
    }
    return this.#list(() => this.expression());
  }

  #item(): SelectItem {
    const at = this.peek();
    if (this.takeSymbol("*")) return { kind: "all", at };
    if (this.isIdentifier() && this.peek(1).text === "." && this.peek(2).text === "*") {
      const relation = this.identifier();
      this.next();
      this.next();
      return { kind: "all", relation, at };
    }
    const value = this.expression();
    const alias = this.#alias();
    return { kind: "expression", value, ...(alias === undefined ? {} : { alias }) };
  }

  #alias(): string | undefined {
    if (this.takeWord("as")) return this.identifier();
    return this.isIdentifier() ? this.identifier() : undefined;
  }

  #columnNames(): string[] | undefined {
    if (!this.takeSymbol("(")) return undefined;
    const names = this.#list(() => this.identifier());
    this.expectSymbol(")");
    return names;
  }

  #from(): Relation {
    let left = this.#joined();
    for (;;) {
      const at = this.peek();
      if (!this.takeSymbol(",")) return left;
      left = { kind: "join", type: "cross", left, right: this.#joined(), at };
    }
  }

  #joined(): Relation {
    let left = this.#relation();
    for (;;) {
      const at = this.peek();
      const type = this.#joinType();
      if (!type) return left;
      const right = this.#relation();
      if (type === "cross") {
        left = { kind: "join", type, left, right, at };
        continue;
      }
      if (this.isWord("using")) throw this.refused("JOIN ... USING is not supported; write ON");
      this.expectWord("on");
      left = { kind: "join", type, left, right, on: this.expression(), at };
    }
  }

  #joinType(): "cross" | "inner" | "left" | "right" | undefined {
    if (this.isWord("full")) throw this.refused("FULL JOIN is not supported");
    if (this.isWord("natural")) throw this.refused("NATURAL JOIN is not supported");
    if (this.takeWords("cross", "join")) return "cross";
    for (const side of ["left", "right"] as const) {
      if (!this.takeWord(side)) continue;
      this.takeWord("outer");
      this.expectWord("join");
      return side;
    }
    if (this.takeWord("inner")) {
      this.expectWord("join");
      return "inner";
    }
    return this.takeWord("join") ? "inner" : undefined;
  }

  #relation(): Relation {
    const at = this.peek();
    if (at.kind === "store") {
      this.next();
      return { kind: "store", id: at.text.toLowerCase(), at, ...this.#named() };
    }
    if (this.takeSymbol("(")) {
      const query = this.query();
      this.expectSymbol(")");
      const named = this.#named();
      const columns = named.alias === undefined ? undefined : this.#columnNames();
      return { kind: "subquery", query, at, ...named, ...(columns ? { columns } : {}) };
    }
    if (this.isWord("unnest") && this.peek(1).text === "(") return this.#unnest();
    if (this.isWord("lateral")) throw this.refused("LATERAL is not supported");
    return { kind: "named", name: this.identifier(), at, ...this.#named() };
  }

  #unnest(): Relation {
    const at = this.next();
    this.expectSymbol("(");
    const of = this.expression();
    if (this.isSymbol(",")) throw this.refused("UNNEST of several values is not supported");
    this.expectSymbol(")");
    if (this.isWord("with")) throw this.refused("WITH ORDINALITY is not supported");
    const named = this.#named();
    const columns = this.#columnNames();
    return { kind: "unnest", of, at, ...named, ...(columns ? { columns } : {}) };
  }

  #named(): { alias?: string } {
    const alias = this.#alias();
    return alias === undefined ? {} : { alias };
  }

  #list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.takeSymbol(",")) items.push(item());
    return items;
  }
}

/** Ids of the event data stores that a query reads, each once. */
export function storesOf(query: Query): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (value !== null && typeof value === "object") {
      const node = value as { kind?: unknown; id?: unknown };
      if (node.kind === "store" && typeof node.id === "string") found.add(node.id);
      Object.values(value).forEach(visit);
    }
  };
  visit(query);
  if (found.size === 0) throw new QueryError("The query names no event data store: FROM is followed by its id");
  return [...found];
}
