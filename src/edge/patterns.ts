/** Patterns of rule conditions: wildcards `*` and `?`, and regular expressions. */

/** `*` stands for any characters, `?` for exactly one. */
export function wildcard(pattern: string, caseSensitive: boolean): (text: string) => boolean {
  if (!/[*?]/.test(pattern)) {
    if (caseSensitive) return (text) => text === pattern;
    const wanted = pattern.toLowerCase();
    return (text) => text.toLowerCase() === wanted;
  }
  const parts = (caseSensitive ? pattern : pattern.toLowerCase()).split("*");
  return (text) => matchParts(parts, caseSensitive ? text : text.toLowerCase());
}

/**
 * Greedy from the left, which is right for patterns without alternation.
 * INVARIANT: takes at most pattern × text steps; a regular expression of several `.*` would take exponentially more.
 */
function matchParts(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? "";
  if (!fits(first, text, 0)) return false;
  if (parts.length === 1) return text.length === first.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = indexOf(part, text, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  const last = parts.at(-1) ?? "";
  return text.length - last.length >= at && fits(last, text, text.length - last.length);
}

function indexOf(part: string, text: string, from: number): number {
  for (let at = from; at + part.length <= text.length; at++) if (fits(part, text, at)) return at;
  return -1;
}

function fits(part: string, text: string, at: number): boolean {
  if (at + part.length > text.length) return false;
  for (let index = 0; index < part.length; index++) {
    if (part[index] !== "?" && part[index] !== text[at + index]) return false;
  }
  return true;
}

/** Look-around and back-references make matching exponential; load balancers do not take them either. */
const unbounded = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</;

/** Undefined where the expression is not one that can be served. */
export function regularExpression(source: string, caseSensitive: boolean): RegExp | undefined {
  if (unbounded.test(source)) return undefined;
  try {
    return new RegExp(source, caseSensitive ? "s" : "si");
  } catch {
    return undefined;
  }
}
