/** The filters of the Describe operations: any of the values of each, all of the names. Source: CloudHSM API Reference. */
import { invalid } from "./errors.ts";

export type FilterFields<T> = Readonly<Record<string, (item: T) => string | undefined>>;

/** @throws CloudHsmInvalidRequestException for a name that is no filter. */
export function filtered<T>(
  items: readonly T[],
  filters: Readonly<Record<string, readonly string[]>> = {},
  fields: FilterFields<T>,
): T[] {
  const wanted = Object.entries(filters).map(([name, values]) => {
    if (!Object.hasOwn(fields, name)) {
      throw invalid(`Filter '${name}' is not valid. Valid filters: ${Object.keys(fields).join(", ")}.`);
    }
    return { of: fields[name]!, values: new Set(values) };
  });
  return items.filter((item) => wanted.every(({ of, values }) => values.has(of(item) ?? "")));
}
