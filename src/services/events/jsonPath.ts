/**
 * The part of JSONPath that inputs and HTTP parameters are picked with: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*`.
 * Source: EventBridge User Guide, "Input transformation", "Input path".
 */
type Step = { name: string } | { index: number } | "every";

const longestPath = 256;

/** `undefined` for what is no path. */
export function parsePath(text: string): readonly Step[] | undefined {
  if (text.length > longestPath || !text.startsWith("$")) return undefined;
  const steps: Step[] = [];
  let rest = text.slice(1);
  while (rest !== "") {
    const found =
      /^\.([^.[\]*\s'"]+)/.exec(rest) ??
      /^\[(\d{1,9})\]/.exec(rest) ??
      /^\['([^']+)'\]/.exec(rest) ??
      /^(?:\.\*|\[\*\])/.exec(rest);
    if (!found) return undefined;
    const [whole, part] = found;
    if (part === undefined) steps.push("every");
    else steps.push(/^\[\d/.test(whole) ? { index: Number(part) } : { name: part });
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** What the path names; `undefined` where there is nothing. With a `*`, the list of all. */
export function pick(value: unknown, path: readonly Step[]): unknown {
  let found = [value];
  for (const step of path) found = found.flatMap((each) => children(each, step));
  return path.includes("every") ? found : found[0];
}

function children(value: unknown, step: Step): unknown[] {
  if (value === null || typeof value !== "object") return [];
  if (step === "every") return Object.values(value);
  if ("index" in step) return Array.isArray(value) && step.index < value.length ? [value[step.index]] : [];
  if (Array.isArray(value) || !Object.hasOwn(value, step.name)) return [];
  return [(value as Record<string, unknown>)[step.name]];
}
