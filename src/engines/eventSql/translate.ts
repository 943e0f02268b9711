/**
 * From a parsed statement to one SELECT of SQLite. Every name is resolved here and written as an identifier of our
 * own, every literal is quoted, every function is looked up: nothing of the statement's text reaches SQLite as text.
 *
 * INVARIANT: what cannot be run with Trino's meaning is a QueryError, never a near answer.
 */
import type { Body, Expression, Query, Relation, Select } from "./ast.ts";
import { ExpressionTranslator, type Scope, type ScopeColumn } from "./translateExpression.ts";
import { QueryError } from "./queryError.ts";
import { columnsOf, type StoreKind } from "./schema.ts";
import { string, typeName, type Type } from "./types.ts";

export interface OutputColumn {
  name: string;
  type: Type;
}

export interface Translated {
  sql: string;
  columns: readonly OutputColumn[];
  /** Counts the events that a query of one store matched; absent where rows are not events. */
  matched?: string;
}

/** The table that a store's rows are loaded into. */
export function tableOf(storeId: string): string {
  return `s_${storeId.replaceAll("-", "_")}`;
}

/**
 * @param stores what each store of the query holds
 * @throws QueryError
 */
export function translate(query: Query, stores: ReadonlyMap<string, StoreKind>): Translated {
  return new Translator(stores).query(query, new Map(), undefined);
}

interface WithQuery {
  sql: string;
  columns: readonly OutputColumn[];
}

type Names = ReadonlyMap<string, WithQuery>;

class Translator extends ExpressionTranslator {
  readonly #stores: ReadonlyMap<string, StoreKind>;
  #relations = 0;

  constructor(stores: ReadonlyMap<string, StoreKind>) {
    super();
    this.#stores = stores;
  }

  query(query: Query, outer: Names, scope: Scope | undefined): Translated {
    const names = new Map(outer);
    for (const { name, columns, query: body } of query.with) {
      const made = this.query(body, names, undefined);
      names.set(name.toLowerCase(), { sql: made.sql, columns: renamed(made.columns, columns, query) });
    }
    const body = this.#body(query.body, names, scope, query);
    return body;
  }

  protected override subquery(query: Query, scope: Scope): Translated {
    return this.query(query, scope.names as Names, scope);
  }

  #body(body: Body, names: Names, scope: Scope | undefined, query: Query): Translated {
    if (body.kind === "select") return this.#select(body, names, scope, query);
    if (body.kind === "nested") {
      const inner = this.query(body.query, names, scope);
      return this.#ordered(inner, query);
    }
    const left = this.#operand(body.left, names, scope);
    const right = this.#operand(body.right, names, scope);
    if (left.columns.length !== right.columns.length) {
      throw new QueryError(
        `${body.operator.toUpperCase()} query has different number of fields: ${left.columns.length}, ${right.columns.length}`,
      );
    }
    left.columns.forEach(({ type }, i) => {
      const other = right.columns[i]!.type;
      if (type.kind !== other.kind && type.kind !== "null" && other.kind !== "null") {
        throw new QueryError(
          `column ${i + 1} in ${body.operator.toUpperCase()} query has incompatible types: ${typeName(type)}, ${typeName(other)}`,
        );
      }
    });
    const sql = `SELECT * FROM (${left.sql}) ${body.operator.toUpperCase()} SELECT * FROM (${right.sql})`;
    return this.#ordered({ sql, columns: left.columns }, query);
  }

  #operand(body: Body, names: Names, scope: Scope | undefined): Translated {
    return this.#body(body, names, scope, { with: [], body, orderBy: [] });
  }

  /** Order and limit of something whose columns are all there is to order by. */
  #ordered(inner: Translated, query: Query): Translated {
    if (query.orderBy.length === 0 && query.limit === undefined && query.offset === undefined) return inner;
    const alias = this.#alias();
    const columns: ScopeColumn[] = inner.columns.map(({ name, type }, i) => ({ name, type, sql: `${alias}.c${i}` }));
    const scope: Scope = { columns, names: new Map() };
    const order = query.orderBy.map((item) => {
      const by = this.#ordinal(item.by, inner.columns.length);
      const sql = by === undefined ? this.expression(item.by, scope).sql : `${alias}.c${by}`;
      return orderSql(sql, item);
    });
    return { sql: `SELECT * FROM (${inner.sql}) AS ${alias}${tail(order, query)}`, columns: inner.columns };
  }

  #select(select: Select, names: Names, outer: Scope | undefined, query: Query): Translated {
    const from = select.from ? this.#relation(select.from, names, outer) : undefined;
    const scope: Scope = { columns: from?.columns ?? [], names, ...(outer ? { outer } : {}) };
    const items = this.#items(select, scope);
    const where = select.where ? this.condition(select.where, scope) : undefined;
    const groups = select.groupBy.map((each) => {
      const ordinal = this.#ordinal(each, items.length);
      return ordinal === undefined ? this.expression(each, scope) : items[ordinal]!;
    });
    const having = select.having ? this.condition(select.having, { ...scope, aggregates: true }) : undefined;
    const order = query.orderBy.map((item) => ({ item, ...this.#orderBy(item.by, items, scope) }));

    const sources = [
      ...select.items.flatMap((item) => (item.kind === "expression" ? [item.value] : [])),
      ...(select.having ? [select.having] : []),
      ...order.flatMap(({ expression }) => (expression ? [expression] : [])),
    ];
    if (select.groupBy.length > 0 || sources.some((each) => this.hasAggregate(each))) {
      const allowed = new Set(groups.map(({ sql }) => sql));
      for (const each of sources) this.checkGrouped(each, scope, allowed);
      const all = select.items.find((item) => item.kind === "all");
      if (all) throw new QueryError("'*' cannot be used with GROUP BY or an aggregate", all.at);
    }
    if (select.distinct && order.some(({ ordinal }) => ordinal === undefined)) {
      const missing = order.find(
        ({ ordinal, sql }) => ordinal === undefined && !items.some((each) => each.sql === sql),
      );
      if (missing) {
        throw new QueryError(
          "For SELECT DISTINCT, ORDER BY expressions must appear in select list",
          missing.item.by.at,
        );
      }
    }
    const sql = [
      `SELECT ${select.distinct ? "DISTINCT " : ""}${items.map((item, i) => `${item.sql} AS c${i}`).join(", ")}`,
      from ? ` FROM ${from.sql}` : "",
      where ? ` WHERE ${where.sql}` : "",
      groups.length > 0 ? ` GROUP BY ${groups.map((each) => grouping(each.sql)).join(", ")}` : "",
      having ? ` HAVING ${having.sql}` : "",
      tail(
        order.map(({ item, sql: by }) => orderSql(by, item)),
        query,
      ),
    ].join("");
    const matched = `SELECT count(*)${from ? ` FROM ${from.sql}` : ""}${where ? ` WHERE ${where.sql}` : ""}`;
    return {
      sql,
      columns: items.map(({ name, type }) => ({ name, type })),
      ...(select.from?.kind === "store" ? { matched } : {}),
    };
  }

  #orderBy(by: Expression, items: readonly (ScopeColumn & { alias?: string })[], scope: Scope) {
    const position = this.#ordinal(by, items.length);
    if (position !== undefined) return { sql: `c${position}`, ordinal: position };
    // The names of the output come before those of the input.
    if (by.kind === "name" && by.parts.length === 1) {
      const named = items.findIndex(({ alias }) => alias?.toLowerCase() === by.parts[0]!.toLowerCase());
      if (named >= 0) return { sql: `c${named}`, ordinal: named };
    }
    const aliases = new Map(
      items.flatMap((item) => (item.alias === undefined ? [] : [[item.alias.toLowerCase(), item] as const])),
    );
    return { sql: this.expression(by, { ...scope, aggregates: true, aliases }).sql, expression: by };
  }

  /** Index of the item that a number in GROUP BY or ORDER BY means. */
  #ordinal(by: Expression, count: number): number | undefined {
    if (by.kind !== "number") return undefined;
    const position = Number(by.text);
    if (!Number.isInteger(position) || position < 1 || position > count) {
      throw new QueryError(`position ${by.text} is not in select list`, by.at);
    }
    return position - 1;
  }

  #items(select: Select, scope: Scope): (ScopeColumn & { alias?: string })[] {
    const items = select.items.flatMap((item): (ScopeColumn & { alias?: string })[] => {
      if (item.kind === "all") {
        const columns = scope.columns.filter(
          ({ relation }) => item.relation === undefined || relation === item.relation.toLowerCase(),
        );
        if (columns.length === 0) throw new QueryError("SELECT * not allowed in queries without FROM clause", item.at);
        return columns;
      }
      const { sql, type } = this.expression(item.value, { ...scope, aggregates: true });
      if (type.kind === "interval") throw new QueryError("an interval cannot be selected", item.value.at);
      const name = item.alias ?? nameOf(item.value) ?? "";
      return [{ sql, type, name, ...(item.alias === undefined ? {} : { alias: item.alias }) }];
    });
    return items.map((item, i) => ({ ...item, name: item.name === "" ? `_col${i}` : item.name }));
  }

  #relation(relation: Relation, names: Names, outer: Scope | undefined): { sql: string; columns: ScopeColumn[] } {
    switch (relation.kind) {
      case "store": {
        const kind = this.#stores.get(relation.id);
        if (!kind) throw new QueryError(`Event data store ${relation.id} does not exist`, relation.at);
        return this.#aliased(tableOf(relation.id), columnsOf[kind], relation.alias ?? relation.id, (i) => `k${i}`);
      }
      case "named": {
        const found = names.get(relation.name.toLowerCase());
        if (!found) throw new QueryError(`Table '${relation.name}' does not exist`, relation.at);
        return this.#aliased(`(${found.sql})`, found.columns, relation.alias ?? relation.name);
      }
      case "subquery": {
        const inner = this.query(relation.query, names, undefined);
        return this.#aliased(
          `(${inner.sql})`,
          renamed(inner.columns, relation.columns, relation.query),
          relation.alias,
        );
      }
      case "unnest":
        throw new QueryError("UNNEST stands on the right of CROSS JOIN", relation.at);
      case "join":
        return this.#join(relation, names, outer);
    }
  }

  #join(join: Extract<Relation, { kind: "join" }>, names: Names, outer: Scope | undefined) {
    const left = this.#relation(join.left, names, outer);
    const right =
      join.right.kind === "unnest"
        ? this.#unnest(join.right, join.type, { columns: left.columns, names, ...(outer ? { outer } : {}) })
        : this.#relation(join.right, names, outer);
    const columns = [...left.columns, ...right.columns];
    const on = join.on ? ` ON ${this.condition(join.on, { columns, names, ...(outer ? { outer } : {}) }).sql}` : "";
    return { sql: `${left.sql} ${join.type.toUpperCase()} JOIN ${right.sql}${on}`, columns };
  }

  #unnest(relation: Extract<Relation, { kind: "unnest" }>, join: string, scope: Scope) {
    if (join !== "cross") throw new QueryError("UNNEST stands on the right of CROSS JOIN", relation.at);
    const of = this.expression(relation.of, scope);
    const alias = this.#alias();
    const made: ScopeColumn[] =
      of.type.kind === "map"
        ? [
            { name: "key", type: string, sql: `${alias}.key` },
            { name: "value", type: string, sql: `${alias}.value` },
          ]
        : of.type.kind === "array"
          ? elements(of.type.element, alias)
          : [];
    if (made.length === 0) throw new QueryError(`Cannot unnest type: ${typeName(of.type)}`, relation.at);
    if (relation.columns && relation.columns.length !== made.length) {
      throw new QueryError(
        `Column alias list has ${relation.columns.length} entries but relation has ${made.length} columns`,
        relation.at,
      );
    }
    const columns = made.map((column, i) => ({
      ...column,
      name: relation.columns?.[i] ?? column.name,
      ...(relation.alias === undefined ? {} : { relation: relation.alias.toLowerCase() }),
    }));
    return { sql: `json_each(${of.sql}) AS ${alias}`, columns };
  }

  #aliased(
    sql: string,
    columns: readonly OutputColumn[],
    name: string | undefined,
    column: (index: number) => string = (i) => `c${i}`,
  ) {
    const alias = this.#alias();
    return {
      sql: `${sql} AS ${alias}`,
      columns: columns.map((each, i) => ({
        ...each,
        sql: `${alias}.${column(i)}`,
        ...(name === undefined ? {} : { relation: name.toLowerCase() }),
      })),
    };
  }

  #alias(): string {
    return `r${this.#relations++}`;
  }
}

/** Trino spreads an array of rows over columns. */
function elements(type: Type, alias: string): ScopeColumn[] {
  if (type.kind !== "struct") return [{ name: "_unnest", type, sql: `${alias}.value` }];
  return type.fields.map(([name, field]) => ({ name, type: field, sql: `json_extract(${alias}.value, '$.${name}')` }));
}

function renamed(
  columns: readonly OutputColumn[],
  names: readonly string[] | undefined,
  _query: Query,
): readonly OutputColumn[] {
  if (!names) return columns;
  if (names.length !== columns.length) {
    throw new QueryError(`Column alias list has ${names.length} entries but relation has ${columns.length} columns`);
  }
  return columns.map((column, i) => ({ ...column, name: names[i]! }));
}

function nameOf(expression: Expression): string | undefined {
  if (expression.kind === "name") return expression.parts.at(-1);
  if (expression.kind === "field") return expression.name;
  return undefined;
}

/** A bare number would mean a column's position to SQLite. */
function grouping(sql: string): string {
  return /^[\d.]+$/.test(sql) ? `(${sql} + 0)` : sql;
}

function orderSql(sql: string, { descending, nullsFirst }: { descending: boolean; nullsFirst: boolean }): string {
  return `${sql}${descending ? " DESC" : ""} NULLS ${nullsFirst ? "FIRST" : "LAST"}`;
}

function tail(order: readonly string[], { limit, offset }: Query): string {
  return [
    order.length > 0 ? ` ORDER BY ${order.join(", ")}` : "",
    limit === undefined && offset === undefined ? "" : ` LIMIT ${limit ?? -1}`,
    offset === undefined ? "" : ` OFFSET ${offset}`,
  ].join("");
}
