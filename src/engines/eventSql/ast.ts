/** What `parse` makes of a statement and `translate` reads. */
import type { Token } from "./tokens.ts";

export type Expression = { at: Token } & (
  | { kind: "null" }
  | { kind: "boolean"; value: boolean }
  | { kind: "number"; text: string }
  | { kind: "string"; value: string }
  | { kind: "timestamp"; value: string }
  | { kind: "date"; value: string }
  | { kind: "interval"; amount: number; unit: string }
  /** `a.b.c`: a column, perhaps behind its relation's name, then fields. */
  | { kind: "name"; parts: readonly string[] }
  | { kind: "field"; of: Expression; name: string }
  | { kind: "subscript"; of: Expression; index: Expression }
  | { kind: "call"; name: string; distinct: boolean; star: boolean; args: readonly Expression[]; filter?: Expression }
  | { kind: "cast"; of: Expression; type: string; try: boolean }
  | { kind: "unary"; operator: "-" | "not"; of: Expression }
  | { kind: "binary"; operator: BinaryOperator; left: Expression; right: Expression }
  | { kind: "isNull"; of: Expression; not: boolean }
  | { kind: "between"; of: Expression; low: Expression; high: Expression; not: boolean }
  | { kind: "in"; of: Expression; values: readonly Expression[] | Query; not: boolean }
  | { kind: "like"; of: Expression; pattern: Expression; escape?: Expression; not: boolean }
  | { kind: "exists"; query: Query }
  | { kind: "scalar"; query: Query }
  | { kind: "case"; of?: Expression; whens: readonly [Expression, Expression][]; otherwise?: Expression }
);

export type BinaryOperator =
  | "and"
  | "or"
  | "="
  | "<>"
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "||"
  | "is distinct from"
  | "is not distinct from";

export type SelectItem =
  | { kind: "all"; relation?: string; at: Token }
  | { kind: "expression"; value: Expression; alias?: string };

export type Relation = { at: Token } & (
  | { kind: "store"; id: string; alias?: string }
  /** Name of a WITH query. */
  | { kind: "named"; name: string; alias?: string }
  | { kind: "subquery"; query: Query; alias?: string; columns?: readonly string[] }
  | { kind: "unnest"; of: Expression; alias?: string; columns?: readonly string[] }
  | { kind: "join"; type: "cross" | "inner" | "left" | "right"; left: Relation; right: Relation; on?: Expression }
);

export interface Select {
  kind: "select";
  distinct: boolean;
  items: readonly SelectItem[];
  from?: Relation;
  where?: Expression;
  groupBy: readonly Expression[];
  having?: Expression;
}

export interface SetOperation {
  kind: "set";
  operator: "union" | "union all" | "intersect" | "except";
  left: Body;
  right: Body;
}

export type Body = Select | SetOperation | { kind: "nested"; query: Query };

export interface OrderItem {
  by: Expression;
  descending: boolean;
  nullsFirst: boolean;
}

export interface Query {
  with: readonly { name: string; columns?: readonly string[]; query: Query }[];
  body: Body;
  orderBy: readonly OrderItem[];
  offset?: number;
  limit?: number;
}
