/** Types of columns and expressions. A struct's fields are named in lower case: names are compared so. */
export type Type =
  | { kind: "string" | "timestamp" | "date" | "boolean" | "null" | "interval" }
  /** `double` ones are shown with a decimal point. */
  | { kind: "number"; double?: true }
  | { kind: "struct"; fields: readonly (readonly [name: string, type: Type])[] }
  | { kind: "map" }
  | { kind: "array"; element: Type };

export const string: Type = { kind: "string" };
export const timestamp: Type = { kind: "timestamp" };
export const date: Type = { kind: "date" };
export const boolean: Type = { kind: "boolean" };
export const number: Type = { kind: "number" };
export const double: Type = { kind: "number", double: true };
export const nothing: Type = { kind: "null" };
export const map: Type = { kind: "map" };
export const arrayOf = (element: Type): Type => ({ kind: "array", element });
export const struct = (...fields: (readonly [string, Type])[]): Type => ({ kind: "struct", fields });

/** As Trino names it in its errors. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "string":
      return "varchar";
    case "timestamp":
      return "timestamp(3)";
    case "number":
      return type.double ? "double" : "bigint";
    case "null":
      return "unknown";
    case "map":
      return "map(varchar, varchar)";
    case "array":
      return `array(${typeName(type.element)})`;
    case "struct":
      return `row(${type.fields.map(([name, field]) => `${name} ${typeName(field)}`).join(", ")})`;
    default:
      return type.kind;
  }
}

export function isNested(type: Type): boolean {
  return type.kind === "struct" || type.kind === "map" || type.kind === "array";
}
