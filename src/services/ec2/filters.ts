/**
 * Filters of the Describe operations: every filter must match, any of its values may.
 * Source: EC2 User Guide, "List and filter your resources": `*` and `?` are wildcards, a backslash takes their meaning
 * away, values are case-sensitive; quota: 200 filter values.
 */
import { invalidValue } from "./errors.ts";
import type { Filter } from "./sdk.ts";
import type { Tagged } from "./state.ts";

const mostValues = 200;

/** Values of a resource by the name of a filter; any of them may match. */
export type Fields<T> = Readonly<Record<string, (resource: T) => string | boolean | readonly string[] | undefined>>;

/** @throws InvalidParameterValue for a filter that the operation does not have. */
export function filtered<T extends Tagged>(
  items: readonly T[],
  filters: readonly Filter[] = [],
  fields: Fields<T>,
): T[] {
  let kept = [...items];
  for (const { Name: name = "", Values: values = [] } of filters) {
    if (values.length > mostValues)
      throw invalidValue("The maximum number of filter values specified on a single call is 200");
    const read = reader(name, fields);
    const patterns = values.map(compiled);
    kept = kept.filter((item) => read(item).some((value) => patterns.some((matches) => matches(value))));
  }
  return kept;
}

function reader<T extends Tagged>(name: string, fields: Fields<T>): (item: T) => readonly string[] {
  if (name.startsWith("tag:")) {
    const key = name.slice("tag:".length);
    return ({ tags }) => (Object.hasOwn(tags, key) ? [tags[key]!] : []);
  }
  if (name === "tag-key") return ({ tags }) => Object.keys(tags);
  if (name === "tag-value") return ({ tags }) => Object.values(tags);
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (!field) throw invalidValue(`The filter '${name}' is invalid`);
  return (item) => {
    const value = field(item);
    if (value === undefined) return [];
    return typeof value === "string" ? [value] : typeof value === "boolean" ? [String(value)] : value;
  };
}

const anyText = Symbol("*");
const oneCharacter = Symbol("?");
type Token = string | typeof anyText | typeof oneCharacter;

function compiled(pattern: string): (value: string) => boolean {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === "\\" && i + 1 < pattern.length) tokens.push(pattern.charAt(++i));
    else tokens.push(char === "*" ? anyText : char === "?" ? oneCharacter : char);
  }
  return (value) => matches(tokens, value);
}

/** Goes back to the last `*` only, so that no pattern takes longer than pattern times value. */
function matches(tokens: readonly Token[], value: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < value.length) {
    const wanted = tokens[token];
    if (wanted === oneCharacter || wanted === value.charAt(at)) {
      token++;
      at++;
    } else if (wanted === anyText) {
      star = token++;
      resume = at;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  while (tokens[token] === anyText) token++;
  return token === tokens.length;
}
