/** Advanced event selectors: AWS's member names and ours. */
import type { Input } from "./sdk.ts";
import type { AdvancedSelector, FieldSelector } from "./selectors.ts";

type Sent = NonNullable<Input<"PutEventSelectors">["AdvancedEventSelectors"]>[number];

const conditions = [
  ["equals", "Equals"],
  ["startsWith", "StartsWith"],
  ["endsWith", "EndsWith"],
  ["notEquals", "NotEquals"],
  ["notStartsWith", "NotStartsWith"],
  ["notEndsWith", "NotEndsWith"],
] as const;

export function advancedOf(sent: Sent): AdvancedSelector {
  const fields = (sent.FieldSelectors ?? []).map((field): FieldSelector => {
    const given: FieldSelector = { field: field.Field ?? "" };
    for (const [ours, theirs] of conditions) if (field[theirs]) given[ours] = field[theirs];
    return given;
  });
  return sent.Name === undefined ? { fields } : { name: sent.Name, fields };
}

export function advancedView({ name, fields }: AdvancedSelector) {
  return {
    ...(name === undefined ? {} : { Name: name }),
    FieldSelectors: fields.map((field) => ({
      Field: field.field,
      ...Object.fromEntries(conditions.flatMap(([ours, theirs]) => (field[ours] ? [[theirs, field[ours]]] : []))),
    })),
  };
}
