/** Expressions in SQLite's words, with their types. `Translator` adds what stands around them. */
import type { BinaryOperator, Expression, Query } from "./ast.ts";
import { asTime, functions, isBadCall, itemOf, quoted, type Emitted } from "./functions.ts";
import { QueryError } from "./queryError.ts";
import { timestampOf } from "./time.ts";
import { boolean, date, double, isNested, nothing, number, string, timestamp, typeName, type Type } from "./types.ts";

export interface ScopeColumn {
  name: string;
  /** Lower case. */
  relation?: string;
  type: Type;
  sql: string;
}

/** What names mean where an expression stands. */
export interface Scope {
  columns: readonly ScopeColumn[];
  /** WITH queries, by name in lower case. */
  names: ReadonlyMap<string, unknown>;
  outer?: Scope;
  /** Aggregates may stand here. */
  aggregates?: boolean;
  /** Names of the output, for ORDER BY. */
  aliases?: ReadonlyMap<string, ScopeColumn>;
}

const castTypes: Readonly<Record<string, Type>> = {
  varchar: string,
  char: string,
  bigint: number,
  integer: number,
  int: number,
  smallint: number,
  double,
  real: double,
  boolean,
  timestamp,
  date,
};

export abstract class ExpressionTranslator {
  protected abstract subquery(query: Query, scope: Scope): { sql: string; columns: readonly { type: Type }[] };

  /** A boolean. */
  condition(expression: Expression, scope: Scope): Emitted {
    const emitted = this.expression(expression, scope);
    if (emitted.type.kind !== "boolean" && emitted.type.kind !== "null") {
      throw new QueryError(`must evaluate to a boolean (actual: ${typeName(emitted.type)})`, expression.at);
    }
    return emitted;
  }

  expression(expression: Expression, scope: Scope): Emitted {
    switch (expression.kind) {
      case "null":
        return { sql: "NULL", type: nothing };
      case "boolean":
        return { sql: expression.value ? "1" : "0", type: boolean };
      case "number":
        return { sql: expression.text, type: number };
      case "string":
        return { sql: quoted(expression.value), type: string, literal: expression.value };
      case "timestamp":
        return { sql: quoted(timeLiteral(expression, expression.value)), type: timestamp };
      case "date":
        return { sql: quoted(timeLiteral(expression, expression.value).slice(0, 10)), type: date };
      case "interval":
        return { sql: `${quoted(expression.unit)}, ${expression.amount}`, type: { kind: "interval" } };
      case "name":
        return this.#name(expression, scope);
      case "field":
        return field(this.expression(expression.of, scope), expression.name, expression);
      case "subscript":
        return at(expression, () =>
          itemOf(this.expression(expression.of, scope), this.expression(expression.index, scope)),
        );
      case "call":
        return this.#call(expression, scope);
      case "cast":
        return this.#cast(expression, scope);
      case "unary":
        return this.#unary(expression, scope);
      case "binary":
        return this.#binary(expression, scope);
      case "isNull":
        return {
          sql: `(${this.expression(expression.of, scope).sql} IS ${expression.not ? "NOT " : ""}NULL)`,
          type: boolean,
        };
      case "between": {
        const of = this.expression(expression.of, scope);
        const [from, low] = comparable(expression, of, this.expression(expression.low, scope));
        const [to, high] = comparable(expression, of, this.expression(expression.high, scope));
        const sql = `(${from.sql} >= ${low.sql} AND ${to.sql} <= ${high.sql})`;
        return { sql: expression.not ? `(NOT ${sql})` : sql, type: boolean };
      }
      case "in":
        return this.#in(expression, scope);
      case "like":
        return this.#like(expression, scope);
      case "exists":
        return { sql: `EXISTS (${this.subquery(expression.query, scope).sql})`, type: boolean };
      case "scalar": {
        const { sql, columns } = this.subquery(expression.query, scope);
        if (columns.length !== 1) throw new QueryError("Multiple columns returned by subquery", expression.at);
        return { sql: `(${sql})`, type: columns[0]!.type };
      }
      case "case":
        return this.#case(expression, scope);
    }
  }

  #name(expression: Extract<Expression, { kind: "name" }>, scope: Scope): Emitted {
    const [first, second] = expression.parts.map((part) => part.toLowerCase());
    for (let at: Scope | undefined = scope; at; at = at.outer) {
      if (expression.parts.length === 1) {
        const alias = at.aliases?.get(first!);
        if (alias) return { sql: alias.sql, type: alias.type };
      }
      if (expression.parts.length > 1) {
        const inRelation = at.columns.filter(
          ({ relation, name }) => relation === first && name.toLowerCase() === second,
        );
        const found = only(inRelation, expression);
        if (found) return fields({ sql: found.sql, type: found.type }, expression.parts.slice(2), expression);
      }
      const found = only(
        at.columns.filter(({ name }) => name.toLowerCase() === first),
        expression,
      );
      if (found) return fields({ sql: found.sql, type: found.type }, expression.parts.slice(1), expression);
    }
    throw new QueryError(`Column '${expression.parts.join(".")}' cannot be resolved`, expression.at);
  }

  #call(expression: Extract<Expression, { kind: "call" }>, scope: Scope): Emitted {
    const row = Object.hasOwn(functions, expression.name) ? functions[expression.name] : undefined;
    if (!row) throw new QueryError(`Function '${expression.name}' is not supported`, expression.at);
    if (row.aggregate && !scope.aggregates) {
      throw new QueryError(`aggregate function ${expression.name} cannot stand here`, expression.at);
    }
    if (!row.aggregate && (expression.distinct || expression.filter)) {
      throw new QueryError(`DISTINCT and FILTER are for aggregates, not for ${expression.name}`, expression.at);
    }
    if (expression.star && expression.name !== "count") throw new QueryError("'*' is for count only", expression.at);
    const { aggregates: _allowed, ...inside } = scope;
    const args = expression.args.map((arg) => this.expression(arg, row.aggregate ? inside : scope));
    const counted = expression.star ? 0 : args.length;
    if (
      counted < row.takes[0] ||
      counted > row.takes[1] ||
      (expression.name === "count" && !expression.star && counted === 0)
    ) {
      throw new QueryError(`Unexpected parameters for function ${expression.name}`, expression.at);
    }
    const emitted = at(expression, () => row.emit(args, expression.distinct ? "DISTINCT " : ""));
    if (!expression.filter) return emitted;
    return { ...emitted, sql: `${emitted.sql} FILTER (WHERE ${this.condition(expression.filter, inside).sql})` };
  }

  #cast(expression: Extract<Expression, { kind: "cast" }>, scope: Scope): Emitted {
    const of = this.expression(expression.of, scope);
    const type = castTypes[expression.type];
    if (!type) throw new QueryError(`Cannot cast to ${expression.type}: the type is not supported`, expression.at);
    if (isNested(of.type) || of.type.kind === "interval") {
      throw new QueryError(`Cannot cast ${typeName(of.type)} to ${expression.type}`, expression.at);
    }
    const attempt = expression.try ? "try_" : "";
    switch (type.kind) {
      case "string":
        if (of.type.kind === "boolean") return { sql: `iif(${of.sql}, 'true', 'false')`, type };
        return { sql: `CAST(${of.sql} AS TEXT)`, type };
      case "number": {
        if (of.type.kind === "timestamp" || of.type.kind === "date") {
          throw new QueryError(`Cannot cast ${typeName(of.type)} to ${expression.type}`, expression.at);
        }
        return { sql: `q_${attempt}${type.double ? "double" : "integer"}(${of.sql})`, type };
      }
      case "boolean":
        if (expression.try) throw new QueryError("TRY_CAST to boolean is not supported", expression.at);
        return of.type.kind === "boolean" ? of : { sql: `q_boolean(${of.sql})`, type };
      default: {
        if (of.type.kind === "number" || of.type.kind === "boolean") {
          throw new QueryError(`Cannot cast ${typeName(of.type)} to ${expression.type}`, expression.at);
        }
        const time = of.type.kind === "string" ? `q_${attempt}timestamp(${of.sql})` : asTime(of).sql;
        return { sql: type.kind === "date" ? `substr(${time}, 1, 10)` : time, type };
      }
    }
  }

  #unary(expression: Extract<Expression, { kind: "unary" }>, scope: Scope): Emitted {
    if (expression.operator === "not") {
      return { sql: `(NOT ${this.condition(expression.of, scope).sql})`, type: boolean };
    }
    const of = this.expression(expression.of, scope);
    if (of.type.kind !== "number") throw new QueryError(`Cannot negate ${typeName(of.type)}`, expression.at);
    return { sql: `(- ${of.sql})`, type: number };
  }

  #binary(expression: Extract<Expression, { kind: "binary" }>, scope: Scope): Emitted {
    const { operator } = expression;
    if (operator === "and" || operator === "or") {
      const left = this.condition(expression.left, scope);
      const right = this.condition(expression.right, scope);
      return { sql: `(${left.sql} ${operator.toUpperCase()} ${right.sql})`, type: boolean };
    }
    const left = this.expression(expression.left, scope);
    const right = this.expression(expression.right, scope);
    if (operator === "||") {
      const wrong = [left, right].find(({ type }) => type.kind !== "string" && type.kind !== "null");
      if (wrong) throw new QueryError(`'||' cannot be applied to ${typeName(wrong.type)}`, expression.at);
      return { sql: `(${left.sql} || ${right.sql})`, type: string };
    }
    if (["+", "-", "*", "/", "%"].includes(operator)) return arithmetic(expression, operator, left, right);
    const [a, b] = comparable(expression, left, right);
    const symbol = { "is distinct from": "IS NOT", "is not distinct from": "IS" }[operator as string] ?? operator;
    return { sql: `(${a.sql} ${symbol} ${b.sql})`, type: boolean };
  }

  #in(expression: Extract<Expression, { kind: "in" }>, scope: Scope): Emitted {
    const of = this.expression(expression.of, scope);
    const not = expression.not ? "NOT " : "";
    if ("body" in expression.values) {
      const { sql, columns } = this.subquery(expression.values, scope);
      if (columns.length !== 1) throw new QueryError("Multiple columns returned by subquery", expression.at);
      comparable(expression, of, { sql: "", type: columns[0]!.type });
      return { sql: `(${of.sql} ${not}IN (${sql}))`, type: boolean };
    }
    const values = expression.values.map((value) => comparable(expression, of, this.expression(value, scope))[1]);
    return { sql: `(${of.sql} ${not}IN (${values.map(({ sql }) => sql).join(", ")}))`, type: boolean };
  }

  #like(expression: Extract<Expression, { kind: "like" }>, scope: Scope): Emitted {
    const of = this.expression(expression.of, scope);
    const pattern = this.expression(expression.pattern, scope);
    for (const each of [of, pattern]) {
      if (each.type.kind !== "string" && each.type.kind !== "null") {
        throw new QueryError(
          `Left side of LIKE expression must evaluate to a varchar (actual: ${typeName(each.type)})`,
          expression.at,
        );
      }
    }
    const escape = expression.escape ? this.expression(expression.escape, scope) : undefined;
    if (escape && [...(escape.literal ?? "")].length !== 1) {
      throw new QueryError("Escape string must be a single character", expression.at);
    }
    const sql = `${of.sql} ${expression.not ? "NOT " : ""}LIKE ${pattern.sql}${escape ? ` ESCAPE ${escape.sql}` : ""}`;
    return { sql: `(${sql})`, type: boolean };
  }

  #case(expression: Extract<Expression, { kind: "case" }>, scope: Scope): Emitted {
    const of = expression.of ? this.expression(expression.of, scope) : undefined;
    const whens = expression.whens.map(([when, then]) => {
      const value = this.expression(then, scope);
      if (!of) return { test: this.condition(when, scope).sql, value };
      const [a, b] = comparable(expression, of, this.expression(when, scope));
      return { test: `(${a.sql} = ${b.sql})`, value };
    });
    const otherwise = expression.otherwise ? this.expression(expression.otherwise, scope) : undefined;
    const type = [...whens.map(({ value }) => value), ...(otherwise ? [otherwise] : [])].find(
      (each) => each.type.kind !== "null",
    )?.type;
    const branches = whens.map(({ test, value }) => `WHEN ${test} THEN ${value.sql}`).join(" ");
    return { sql: `(CASE ${branches} ELSE ${otherwise?.sql ?? "NULL"} END)`, type: type ?? nothing };
  }

  hasAggregate(expression: Expression): boolean {
    if (expression.kind === "call" && functions[expression.name]?.aggregate) return true;
    return childrenOf(expression).some((child) => this.hasAggregate(child));
  }

  /** Everything outside an aggregate is a group, or made of groups. */
  checkGrouped(expression: Expression, scope: Scope, groups: ReadonlySet<string>): void {
    if (expression.kind === "call" && functions[expression.name]?.aggregate) return;
    if (groups.size > 0 && !this.hasAggregate(expression)) {
      if (groups.has(this.expression(expression, { ...scope, aggregates: true }).sql)) return;
    }
    if (expression.kind === "name" || expression.kind === "field") {
      const name = expression.kind === "name" ? expression.parts.join(".") : expression.name;
      throw new QueryError(`'${name}' must be an aggregate expression or appear in GROUP BY clause`, expression.at);
    }
    for (const child of childrenOf(expression)) this.checkGrouped(child, scope, groups);
  }
}

function childrenOf(expression: Expression): Expression[] {
  switch (expression.kind) {
    case "field":
    case "cast":
    case "unary":
    case "isNull":
      return [expression.of];
    case "subscript":
      return [expression.of, expression.index];
    case "call":
      return [...expression.args];
    case "binary":
      return [expression.left, expression.right];
    case "between":
      return [expression.of, expression.low, expression.high];
    case "in":
      return [expression.of, ...("body" in expression.values ? [] : expression.values)];
    case "like":
      return [expression.of, expression.pattern];
    case "case":
      return [
        ...(expression.of ? [expression.of] : []),
        ...expression.whens.flat(),
        ...(expression.otherwise ? [expression.otherwise] : []),
      ];
    default:
      return [];
  }
}

function only(
  found: readonly ScopeColumn[],
  expression: Extract<Expression, { kind: "name" }>,
): ScopeColumn | undefined {
  if (found.length > 1) throw new QueryError(`Column '${expression.parts.join(".")}' is ambiguous`, expression.at);
  return found[0];
}

function fields(of: Emitted, names: readonly string[], expression: Expression): Emitted {
  return names.reduce((value, name) => field(value, name, expression), of);
}

function field(of: Emitted, name: string, expression: Expression): Emitted {
  const found = of.type.kind === "struct" ? of.type.fields.find(([each]) => each === name.toLowerCase()) : undefined;
  if (!found) {
    const reason =
      of.type.kind === "struct" ? `Field '${name}' cannot be resolved` : `${typeName(of.type)} has no fields`;
    throw new QueryError(reason, expression.at);
  }
  return { sql: `json_extract(${of.sql}, '$.${found[0]}')`, type: found[1] };
}

function timeLiteral(expression: Expression, text: string): string {
  const found = timestampOf(text);
  if (found === undefined) throw new QueryError(`'${text}' is not a valid timestamp literal`, expression.at);
  return found;
}

/** Both sides in one form: a text beside a time is read as a time. */
function comparable(expression: Expression, left: Emitted, right: Emitted): [Emitted, Emitted] {
  const kinds = new Set([left.type.kind, right.type.kind]);
  if (isNested(left.type) || isNested(right.type) || kinds.has("interval")) {
    throw new QueryError(`Cannot compare ${typeName(left.type)} with ${typeName(right.type)}`, expression.at);
  }
  if (kinds.has("null") || kinds.size === 1) return [left, right];
  if (kinds.has("timestamp") || kinds.has("date")) {
    const both = kinds.size === 2 && kinds.has("date") && kinds.has("string");
    const times = [left, right].map((side): Emitted => {
      if (side.literal !== undefined) {
        const time = timeLiteral(expression, side.literal);
        return both ? { sql: quoted(time.slice(0, 10)), type: date } : { sql: quoted(time), type: timestamp };
      }
      return both && side.type.kind === "date" ? side : at(expression, () => asTime(side));
    });
    return times as [Emitted, Emitted];
  }
  throw new QueryError(`Cannot apply operator: ${typeName(left.type)} = ${typeName(right.type)}`, expression.at);
}

function arithmetic(expression: Expression, operator: BinaryOperator, left: Emitted, right: Emitted): Emitted {
  const times = [left, right].filter(({ type }) => type.kind === "timestamp" || type.kind === "date");
  const interval = [left, right].find(({ type }) => type.kind === "interval");
  if (interval && times.length === 1 && (operator === "+" || (operator === "-" && right === interval))) {
    const [unit, amount] = interval.sql.split(", ");
    return {
      sql: `q_date_add(${unit}, ${operator === "-" ? `-(${amount})` : amount}, ${asTime(times[0]!).sql})`,
      type: timestamp,
    };
  }
  for (const { type } of [left, right]) {
    if (type.kind !== "number" && type.kind !== "null") {
      throw new QueryError(
        `Cannot apply operator: ${typeName(left.type)} ${operator} ${typeName(right.type)}`,
        expression.at,
      );
    }
  }
  const type = [left, right].some((side) => side.type.kind === "number" && side.type.double) ? double : number;
  const divides = operator === "/" || operator === "%";
  const divisor = divides ? `iif(${right.sql} = 0, q_fail('Division by zero'), ${right.sql})` : right.sql;
  return { sql: `(${left.sql} ${operator} ${divisor})`, type };
}

/** A refused call says where it stands. */
function at<T>(expression: Expression, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isBadCall(error)) throw new QueryError(error.message, expression.at);
    throw error;
  }
}
