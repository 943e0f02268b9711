/**
 * Values as results show them: texts. Structs and maps as `{name=value, …}`, arrays as `[…]`, nothing as `null`.
 * Source: results of CloudTrail Lake as the User Guide shows them.
 */
import type { OutputColumn } from "./translate.ts";
import { isNested, type Type } from "./types.ts";

export function rendered(column: OutputColumn, value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (!isNested(column.type)) return scalar(column.type, value);
  return nested(column.type, JSON.parse(String(value)));
}

function scalar(type: Type, value: unknown): string {
  if (type.kind === "boolean") return value === 0 || value === false ? "false" : "true";
  if (type.kind === "number" && type.double && Number.isInteger(value)) return `${value as number}.0`;
  return String(value);
}

function nested(type: Type, value: unknown): string {
  if (value === null || value === undefined) return "null";
  switch (type.kind) {
    case "struct":
      return pairs(type.fields.map(([name, field]) => [name, nested(field, (value as Record<string, unknown>)[name])]));
    case "map":
      return pairs(Object.entries(value as Record<string, unknown>).map(([key, item]) => [key, String(item)]));
    case "array":
      return `[${(value as unknown[]).map((item) => nested(type.element, item)).join(", ")}]`;
    default:
      return scalar(type, value);
  }
}

function pairs(entries: readonly (readonly string[])[]): string {
  return `{${entries.map(([name, value]) => `${name}=${value}`).join(", ")}}`;
}
